// Package results is the record of a run: the lines that are written while it
// goes on, the summaries of its trials, and the crash-safe folder that holds
// them. A record can be read again on another machine, with neither engine nor
// scenario at hand.
//
//	results/RUN/run.json                      manifest and provenance
//	results/RUN/scenario.yaml                 the scenario as it was run
//	results/RUN/trials/NNN-ENV-SCALE-LOAD-T/  one folder for each trial
//	    log.ndjson                            everything observed, in order
//	    trial.json                            its summary: present = finished
//	results/RUN/report/                       what was rendered from it
package results
