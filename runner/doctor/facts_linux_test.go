package doctor

import "testing"

func TestRead(t *testing.T) {
	f, err := read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.host.CPUs < 1 || f.files == 0 || len(f.late) != sleeps || f.late[0] < 0 || f.lateAt(99) < f.lateAt(50) || f.portRange == nil {
		t.Errorf("%+v", f)
	}
}

func TestParseCPU(t *testing.T) {
	got, ok := parseCPU("cpu  100 1 50 800 20 0 4 25 0 0\n")
	if want := (cpuTimes{total: 1000, idle: 820, steal: 25}); !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	for _, text := range []string{"", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8 9 10\n", "cpu a 2 3 4 5 6 7 8 9 10\n"} {
		if got, ok := parseCPU(text); ok {
			t.Errorf("%q gave %+v", text, got)
		}
	}
}

func TestParseTimeWait(t *testing.T) {
	for text, want := range map[string]int{
		"sockets: used 9\nTCP: inuse 3 orphan 0 tw 17 alloc 5 mem 0\nUDP: inuse 0 mem 0\n": 17,
		"UDP: inuse 0 tw 4\n": 0, "TCP:": 0, "TCP: tw": 0, "": 0,
	} {
		if got := parseTimeWait(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzParseTimeWait(f *testing.F) {
	f.Add("TCP: inuse 3 orphan 0 tw 17\n", "cpu  1 2 3 4 5 6 7 8\n")
	f.Fuzz(func(_ *testing.T, sockstat, stat string) {
		parseTimeWait(sockstat)
		if got, ok := parseCPU(stat); ok && got.idle+got.steal > got.total {
			panic("more than all")
		}
	})
}
