package docker

import "testing"

func TestLocal(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
	for at, want := range map[Endpoint]bool{
		{}:                            false, // DOCKER_HOST's
		{Host: "unix:///x.sock"}:      true,
		{Host: "tcp://127.0.0.1:1"}:   true,
		{Host: "tcp://192.0.2.1:1"}:   false,
		{Host: "ssh://localhost"}:     false, // it may be a tunnel's end
		{Host: "nonsense"}:            false,
		{Context: "no-such-context-"}: false,
	} {
		if got := at.Local(); got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}
