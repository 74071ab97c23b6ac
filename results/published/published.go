// Package published holds the runs that the example was first published with,
// as their tools printed them: four tables of ApacheBench and the statistics
// page of the balancer in front of the third. The pages are transcribed; what
// the publication left out is left out here, too.
package published

import "embed"

// Files are ENVIRONMENT[@SCALE].ab.txt, what ab printed for an environment, and
// ENVIRONMENT@SCALE.haproxy.csv, what the balancer counted in the same run.
//
//go:embed *.ab.txt *.haproxy.csv
var Files embed.FS

// Names lists Files in the order of the publication.
func Names() []string {
	return []string{
		"training.ab.txt",
		"production.ab.txt",
		"production@web=3,static=2.ab.txt",
		"production@web=3,static=2.haproxy.csv",
		"cloud.ab.txt",
	}
}
