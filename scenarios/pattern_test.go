package scenarios

import (
	"testing"
	"time"
)

func TestPatternIsAllButTheRate(t *testing.T) {
	base := Load{Name: "a", Mode: Open, Rate: Rate{100, time.Second}, Duration: time.Minute, Timeout: time.Second, Arrivals: Constant}
	same := base
	same.Name, same.Rate, same.Duration = "b", Rate{200, time.Second}, time.Second
	if base.Pattern() == "" || base.Pattern() != same.Pattern() {
		t.Errorf("%q and %q", base.Pattern(), same.Pattern())
	}
	for name, edit := range map[string]func(*Load){
		"keepalive": func(l *Load) { l.KeepAlive = true }, "poisson": func(l *Load) { l.Arrivals = Poisson },
		"connections": func(l *Load) { l.Connections = 3 }, "http2": func(l *Load) { l.HTTP2 = true },
		"timeout": func(l *Load) { l.Timeout = time.Minute }, "redirects": func(l *Load) { l.Redirects = 1 },
		"cookies": func(l *Load) { l.Cookies = true }, "target": func(l *Load) { l.Target = "http://x" },
		"tcp": func(l *Load) { l.TCP, l.Payloads = &Reply{}, []Payload{{Name: "p"}} },
	} {
		other := base
		edit(&other)
		if other.Pattern() == base.Pattern() {
			t.Errorf("%s is not in the pattern %q", name, other.Pattern())
		}
	}
	for name, edit := range map[string]func(*Load){
		"closed": func(l *Load) { l.Mode = Closed }, "stages": func(l *Load) { l.Stages = []Stage{{}} }, "sine": func(l *Load) { l.Sine = &Sine{} },
	} {
		other := base
		edit(&other)
		if other.Pattern() != "" {
			t.Errorf("%s has the pattern %q", name, other.Pattern())
		}
	}
}
