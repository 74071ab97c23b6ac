package proc

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// ReadCPUTimes reads the machine's account of its CPUs; ok is false where the
// system does not tell.
func ReadCPUTimes() (t CPUTimes, ok bool) {
	file, err := os.Open("/proc/stat")
	if err != nil {
		return CPUTimes{}, false
	}
	defer file.Close()
	line, err := bufio.NewReader(file).ReadString('\n')
	if err != nil {
		return CPUTimes{}, false
	}
	return parseCPUTimes(line)
}

// parseCPUTimes reads the first line of /proc/stat: cpu, and then the ticks
// spent in user, nice, system, idle, iowait, irq, softirq, steal (guests are in
// user).
func parseCPUTimes(line string) (t CPUTimes, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return CPUTimes{}, false
	}
	for i, text := range fields[1:9] {
		ticks, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return CPUTimes{}, false
		}
		t.Total += float64(ticks)
		switch i {
		case 3, 4:
			t.Idle += float64(ticks)
		case 7:
			t.Steal = float64(ticks)
		}
	}
	return t, true
}
