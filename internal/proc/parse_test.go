package proc

import (
	"errors"
	"testing"
)

const statusOfOne = `Name:	cat
State:	R (running)
Pid:	4242
VmPeak:	    3340 kB
VmRSS:	    1936 kB
RssAnon:	     112 kB
RssFile:	    1820 kB
RssShmem:	       4 kB
Threads:	1
`

func TestMemory(t *testing.T) {
	tests := []struct {
		name, status string
		want         int64
		err          string
	}{
		{"anonymous and shared, not what maps files", statusOfOne, 116 << 10, ""},
		{"ended, not yet reaped", "Name:\tcat\nState:\tZ (zombie)\n", 0, ErrEnded.Error()},
		{"before Linux 4.5", "Name:\tcat\nVmRSS:\t 10 kB\n", 0, "this kernel does not tell RssAnon (Linux 4.5 and later do)"},
		{"no number", "RssAnon:\tmany kB\n", 0, `RssAnon is "many kB", which is no size in kB`},
		{"another unit", "RssAnon:\t1 MB\n", 0, `RssAnon is "1 MB", which is no size in kB`},
		{"too much", "RssAnon:\t9223372036854775807 kB\n", 0, `RssAnon is "9223372036854775807 kB", which is no size in kB`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := memory([]byte(test.status))
			var text string
			if err != nil {
				text = err.Error()
			}
			if got != test.want || text != test.err {
				t.Errorf("got %d, %q; want %d, %q", got, text, test.want, test.err)
			}
		})
	}
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte(statusOfOne))
	f.Add([]byte("RssAnon:\nRssShmem: -1 kB"))
	f.Fuzz(func(t *testing.T, status []byte) {
		size, err := memory(status)
		if size < 0 {
			t.Errorf("memory of %d bytes", size)
		}
		if err == nil {
			return
		}
		if size != 0 {
			t.Errorf("%d bytes together with the error %v", size, err)
		}
		if _, runs := field(status, "RssAnon"); errors.Is(err, ErrEnded) && runs {
			if _, whole := field(status, "RssShmem"); whole {
				t.Errorf("ended, though it has memory: %q", status)
			}
		}
	})
}
