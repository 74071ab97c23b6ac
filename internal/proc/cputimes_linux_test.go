package proc

import "testing"

func TestParseCPUTimes(t *testing.T) {
	got, ok := parseCPUTimes("cpu  100 1 50 800 20 0 4 25 0 0\n")
	if want := (CPUTimes{Total: 1000, Idle: 820, Steal: 25}); !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	for _, text := range []string{"", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8 9 10\n", "cpu a 2 3 4 5 6 7 8 9 10\n"} {
		if got, ok := parseCPUTimes(text); ok {
			t.Errorf("%q gave %+v", text, got)
		}
	}
	if got, ok := ReadCPUTimes(); !ok || got.Total <= 0 || got.Idle+got.Steal > got.Total {
		t.Errorf("this machine: %+v, %v", got, ok)
	}
}

func FuzzParseCPUTimes(f *testing.F) {
	f.Add("cpu  1 2 3 4 5 6 7 8\n")
	f.Fuzz(func(t *testing.T, stat string) {
		if got, ok := parseCPUTimes(stat); ok && got.Idle+got.Steal > got.Total {
			t.Errorf("%q: more than all: %+v", stat, got)
		}
	})
}
