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
	f.Add("TCP: inuse 3 orphan 0 tw 17\n")
	f.Fuzz(func(_ *testing.T, sockstat string) { parseTimeWait(sockstat) })
}
