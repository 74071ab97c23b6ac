// Package published holds the runs that the example was first published with,
// as their tools printed them: four tables of ApacheBench and the statistics
// page of the balancer in front of the third. The pages are transcribed; what
// the publication left out is left out here, too.
package published

import "embed"

// Files are NAME.ab.txt, what ab printed for an environment, and
// NAME.haproxy.csv, what the balancer counted in the same run.
//
//go:embed *.ab.txt *.haproxy.csv
var Files embed.FS
