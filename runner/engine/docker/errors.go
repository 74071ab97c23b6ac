package docker

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/docker/docker/client"

	"plimsoll/runner/engine"
)

// said is an engine's error in our words. The engine's own is its cause.
type said struct {
	text  string
	cause error
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.cause }

// plain strips what the client puts in front of every message.
func plain(err error) error {
	if text, found := strings.CutPrefix(err.Error(), "Error response from daemon: "); found {
		return &said{text, err}
	}
	return err
}

// unreachable says that nothing answers at host.
func unreachable(host string, cause error) error {
	remedy, text := "is the daemon running (systemctl start docker), and does DOCKER_HOST or the docker context name the right one?", cause.Error()
	switch {
	case strings.HasPrefix(host, "ssh:"):
		remedy = "does \"docker --host " + host + " version\" answer, without asking for a password?"
	case strings.Contains(text, "permission denied"):
		remedy = "this user may not open it: become root or a member of the group that owns the socket (usermod -aG docker $USER)"
	case strings.Contains(text, "tls:") || strings.Contains(text, "x509:") || strings.Contains(text, "TLS"):
		remedy = "are the certificates of its TLS the right ones (DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, the context's, or tls: DIR in the scenario)?"
	}
	return &said{
		fmt.Sprintf("%v: no Docker engine answers at %s%s; %s; or use --engine process", engine.ErrUnreachable, host, shortly(cause), remedy),
		errors.Join(engine.ErrUnreachable, cause),
	}
}

// shortly returns what a failed connection's error adds to the fact, behind a
// colon: the client repeats the address and gives advice of its own.
func shortly(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "Cannot connect to the Docker daemon") {
		return ""
	}
	if _, words, found := strings.Cut(text, "stderr="); found && strings.TrimSpace(words) != "" {
		return ": " + strings.TrimSpace(words) // ssh's own
	}
	if _, call, found := strings.Cut(text, ": dial unix "); found {
		if _, why, found := strings.Cut(call, ": "); found {
			text = why
		}
	}
	return ": " + text
}

// explain turns an error of the client into a clear one.
func (e *Engine) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case client.IsErrConnectionFailed(err):
		return unreachable(e.host, err)
	}
	return translate(err)
}

// sentence is an engine message that has a clearer wording. In the wording, $1
// stands for the pattern's first group.
type sentence struct {
	pattern *regexp.Regexp
	wording string
}

// sentences are the engine's messages that people meet because of what their
// files say. They can be told apart by their text alone: most have one and the
// same status code.
var sentences = []sentence{
	{regexp.MustCompile(`Bind for (\S+) failed: port is already allocated|listen (?:tcp|udp)[46]? (\S+): bind: address already in use`),
		"port $1$2 of this host is taken by another container or program: stop that one, or publish another port"},
	{regexp.MustCompile(`Range of CPUs is from \S+ to \S+, as there are only (\d+) CPUs available`),
		"it asks for more CPUs than the engine's host has, which is $1: lower cpus (or deploy.resources.limits.cpus)"},
	{regexp.MustCompile(`Requested CPUs are not available - requested (\S+), available: (\S+)`),
		"it asks for CPUs $1, but the engine's host has $2: correct cpuset"},
	{regexp.MustCompile(`(?i)Minimum memory limit allowed is (\S+)`),
		"its memory limit is below the engine's minimum of $1: raise mem_limit (or deploy.resources.limits.memory)"},
	{regexp.MustCompile(`exec: "([^"]*)": (?:stat \S+: )?(?:no such file or directory|executable file not found in \$PATH)`),
		`there is no executable "$1" in its image: correct command or entrypoint`},
	{regexp.MustCompile(`exec: "([^"]*)": permission denied`),
		`"$1" in its image may not be executed: correct command, entrypoint or user, or make the file executable`},
	{regexp.MustCompile(`exec (?:user process caused: )?.*exec format error`),
		"its executable is for another kind of CPU than the engine's host has: use an image for this platform"},
	{regexp.MustCompile(`bind source path does not exist: (.+)`),
		"the host folder $1 that it mounts does not exist: create it, or correct volumes"},
	{regexp.MustCompile(`unable to find user ([^:]+)`),
		"its image knows no user $1: correct user"},
	{regexp.MustCompile(`unable to apply caps: operation not permitted`),
		"the engine may not grant the capabilities it asks for, as it lacks some itself: drop privileged or cap_add"},
	{regexp.MustCompile(`No such image: (\S+)`),
		"image $1 is not on the engine any more: start again"},
	{regexp.MustCompile(`network (\S+) not found`),
		"network $1 is gone, somebody removed it meanwhile: start again"},
	{regexp.MustCompile(`non-overlapping IPv4 address pool|predefined address pools have been fully subnetted`),
		"the engine has no addresses left for another network: remove unused ones (plimsoll clean; docker network prune)"},
}

// translate rewords an engine's error. One that it does not know keeps its
// text.
func translate(err error) error {
	text := err.Error()
	for _, s := range sentences {
		if groups := s.pattern.FindStringSubmatchIndex(text); groups != nil {
			return &said{string(s.pattern.ExpandString(nil, s.wording, text, groups)), err}
		}
	}
	return plain(err)
}
