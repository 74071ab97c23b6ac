package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/client"

	"plimsoll/runner/engine"
)

// endpoint is where an engine listens.
type endpoint struct {
	host string
	// context is the Docker command line's name for it; empty: none. With a
	// context the TLS files come from tls, else from the environment.
	context string
	tls     string // the folder of ca.pem, cert.pem and key.pem; empty: no TLS
}

// findEndpoint decides which engine to use, as the Docker command line does.
// host is the caller's own wish; getenv is os.Getenv.
func findEndpoint(host string, getenv func(string) string) (endpoint, error) {
	if host == "" {
		host = getenv("DOCKER_HOST")
	}
	if host != "" {
		return endpoint{host: host}, supported(host)
	}
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return endpoint{host: client.DefaultDockerHost}, nil // then there are no contexts
		}
		dir = filepath.Join(home, ".docker")
	}
	name := getenv("DOCKER_CONTEXT")
	if name == "" {
		var err error
		if name, err = currentContext(dir); err != nil {
			return endpoint{}, err
		}
	}
	if name == "" || name == "default" {
		return endpoint{host: client.DefaultDockerHost}, nil
	}
	return readContext(dir, name)
}

// currentContext returns the context that config.json chooses.
func currentContext(dir string) (string, error) {
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	err := readJSON(filepath.Join(dir, "config.json"), &config)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return config.CurrentContext, err
}

// readContext reads a context that "docker context create" stored.
func readContext(dir, name string) (endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	err := readJSON(filepath.Join(dir, "contexts", "meta", id, "meta.json"), &meta)
	if errors.Is(err, fs.ErrNotExist) {
		return endpoint{}, fmt.Errorf("docker context %q does not exist in %s: choose one of \"docker context ls\" with DOCKER_CONTEXT, or set DOCKER_HOST", name, dir)
	}
	if err != nil {
		return endpoint{}, err
	}
	at := endpoint{host: meta.Endpoints["docker"].Host, context: name}
	if at.host == "" {
		at.host = client.DefaultDockerHost
	}
	if tls := filepath.Join(dir, "contexts", "tls", id, "docker"); exists(tls) {
		at.tls = tls
	}
	if err := supported(at.host); err != nil {
		return endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	return at, nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// supported refuses addresses that this package cannot dial.
func supported(host string) error {
	scheme, _, found := strings.Cut(host, "://")
	switch {
	case scheme == "ssh" && found:
		return fmt.Errorf("%w: %s: an engine behind ssh is not supported yet; use one on this host, or --engine process", engine.ErrUnreachable, host)
	case !found:
		return fmt.Errorf("%q is no engine address: want unix:///path/to/docker.sock or tcp://host:port", host)
	}
	return nil
}

// local reports whether an address can only be on this host.
func local(host string) bool {
	at, err := url.Parse(host)
	if err != nil {
		return false
	}
	switch at.Scheme {
	case "unix":
		return true
	case "tcp", "http", "https":
		addr, err := netip.ParseAddr(at.Hostname())
		return at.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	}
	return false
}

// dial prepares a client; it connects to nothing yet.
func (at endpoint) dial() (*client.Client, error) {
	opts := []client.Opt{client.WithAPIVersionNegotiation(), client.WithVersionFromEnv()}
	switch {
	case at.context == "":
		opts = append(opts, client.WithTLSClientConfigFromEnv())
	case at.tls != "":
		file := func(name string) string {
			if path := filepath.Join(at.tls, name); exists(path) {
				return path
			}
			return "" // a context may have the authority's certificate alone
		}
		opts = append(opts, client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem")))
	}
	return client.NewClientWithOpts(append(opts, client.WithHost(at.host))...)
}
