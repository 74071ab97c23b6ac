package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/connhelper"
	dockercontext "github.com/docker/cli/cli/context"
	contextdocker "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
)

// Endpoint says which engine is meant, in the words of the Docker command
// line. At most one of Host and Context is set; the zero Endpoint is the one
// that the docker command would use.
type Endpoint struct {
	// Host is the engine's address, as in DOCKER_HOST: unix://…, tcp://…,
	// npipe://… or ssh://….
	Host string
	// TLS is the folder with ca.pem, and cert.pem and key.pem if the engine
	// asks for them, for a Host over the network; empty: what
	// DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH say.
	TLS string
	// Context is the name of a Docker context.
	Context string
}

// Environment variables of the Docker command line that its client library
// has no names for.
const (
	variableConfig  = "DOCKER_CONFIG"
	variableContext = "DOCKER_CONTEXT"
	variableTLS     = "DOCKER_TLS"
)

// resolve decides which engine is used and how it is reached, as the Docker
// command line does: what is asked for, DOCKER_HOST, DOCKER_CONTEXT, the
// current context of config.json, the default socket. getenv is os.Getenv.
func (e Endpoint) resolve(getenv func(string) string) (contextdocker.Endpoint, error) {
	if e.Host != "" && e.Context != "" {
		return contextdocker.Endpoint{}, fmt.Errorf("both an address (%s) and a context (%s) are given for one engine: leave one of them out", e.Host, e.Context)
	}
	if e.Host != "" {
		return atHost(e.Host, e.TLS, getenv)
	}
	dir, err := configDir(getenv)
	if err != nil {
		return contextdocker.Endpoint{}, err
	}
	name := e.Context
	switch {
	case name != "":
	case getenv(client.EnvOverrideHost) != "":
		return atHost(getenv(client.EnvOverrideHost), "", getenv)
	case getenv(variableContext) != "":
		name = getenv(variableContext)
	default:
		if name, err = currentContext(dir); err != nil {
			return contextdocker.Endpoint{}, err
		}
	}
	if name == "" || name == "default" {
		host := getenv(client.EnvOverrideHost)
		if host == "" {
			host = client.DefaultDockerHost
		}
		return atHost(host, "", getenv)
	}
	return inContext(dir, name)
}

// atHost is an address with the TLS material of a folder, or of the
// environment.
func atHost(host, tls string, getenv func(string) string) (contextdocker.Endpoint, error) {
	at := contextdocker.Endpoint{EndpointMeta: contextdocker.EndpointMeta{Host: host}}
	if err := checkHost(host); err != nil || !overNetwork(host) {
		return at, err
	}
	verify, encrypt := getenv(client.EnvTLSVerify) != "", getenv(variableTLS) != ""
	switch {
	case tls != "":
	case !verify && !encrypt:
		at.Host = withPort(host, plainPort)
		return at, nil
	default:
		at.SkipTLSVerify = !verify
		if tls = getenv(client.EnvOverrideCertPath); tls == "" {
			var err error
			if tls, err = configDir(getenv); err != nil {
				return at, err
			}
		}
	}
	at.Host = withPort(host, tlsPort)
	file := func(name string) string { return filepath.Join(tls, name) }
	optional := func(name string) string {
		if _, err := os.Stat(file(name)); errors.Is(err, fs.ErrNotExist) {
			return "" // the engine may ask for no certificate of ours
		}
		return file(name)
	}
	authority := file("ca.pem")
	if at.SkipTLSVerify {
		authority = optional("ca.pem")
	}
	var err error
	if at.TLSData, err = dockercontext.TLSDataFromFiles(authority, optional("cert.pem"), optional("key.pem")); err != nil {
		return at, fmt.Errorf("TLS for the Docker engine at %s: %w", host, err)
	}
	return at, nil
}

// Docker's ports.
const plainPort, tlsPort = "2375", "2376"

// withPort adds a port to a tcp:// address that has none.
func withPort(host, port string) string {
	at, err := url.Parse(host)
	if err != nil || at.Scheme != "tcp" || at.Port() != "" {
		return host
	}
	at.Host = net.JoinHostPort(at.Hostname(), port)
	return at.String()
}

// inContext is a context that "docker context create" stored in dir.
func inContext(dir, name string) (contextdocker.Endpoint, error) {
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(contextdocker.DockerEndpoint, func() any { return &contextdocker.EndpointMeta{} }),
	))
	stored, err := contexts.GetMetadata(name)
	if errdefs.IsNotFound(err) {
		return contextdocker.Endpoint{}, fmt.Errorf("docker context %q does not exist in %s: choose one that \"docker context ls\" shows, or give an address", name, dir)
	}
	if err != nil {
		return contextdocker.Endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	meta, err := contextdocker.EndpointFromContext(stored)
	if err != nil {
		return contextdocker.Endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	if meta.Host == "" {
		meta.Host = client.DefaultDockerHost
	}
	at, err := contextdocker.WithTLSData(contexts, name, meta)
	if err == nil {
		err = checkHost(meta.Host)
	}
	if err != nil {
		return at, fmt.Errorf("docker context %q: %w", name, err)
	}
	return at, nil
}

func configDir(getenv func(string) string) (string, error) {
	if dir := getenv(variableConfig); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the docker command's configuration: %w; say where it is with %s", err, variableConfig)
	}
	return filepath.Join(home, ".docker"), nil
}

// currentContext returns the context that config.json chooses.
func currentContext(dir string) (string, error) {
	path := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return config.CurrentContext, nil
}

// checkHost refuses what is no address.
func checkHost(host string) error {
	at, err := url.Parse(host)
	if err == nil {
		switch at.Scheme {
		case "unix", "npipe":
			if at.Path != "" || at.Host != "" {
				return nil
			}
		case "tcp", "http", "https", "ssh":
			if at.Hostname() != "" {
				return nil
			}
		}
	}
	return fmt.Errorf("%q is no engine address: want unix:///path/to/docker.sock, tcp://host:port or ssh://user@host", host)
}

// overNetwork reports whether TLS has a meaning for an address.
func overNetwork(host string) bool {
	scheme, _, _ := strings.Cut(host, "://")
	return scheme == "tcp" || scheme == "http" || scheme == "https"
}

// Local reports whether the engine can only be on this host, as its address
// tells. It connects to nothing.
func (e Endpoint) Local() bool {
	at, err := e.resolve(os.Getenv)
	return err == nil && local(at.Host)
}

// local reports whether an address can only be on this host.
func local(host string) bool {
	at, err := url.Parse(host)
	if err != nil {
		return false
	}
	switch at.Scheme {
	case "unix", "npipe":
		return true
	case "tcp", "http", "https":
		addr, err := netip.ParseAddr(at.Hostname())
		return at.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	}
	return false
}

// idleLogins is how many connections behind ssh are kept for the next calls: to
// make one is to log in. It is as many as an Apply uses at once.
const idleLogins = 8

// prepare makes a client; it connects to nothing yet.
func prepare(at contextdocker.Endpoint) (*client.Client, error) {
	options, err := at.ClientOpts()
	if err != nil {
		return nil, err
	}
	helper, err := connhelper.GetConnectionHelper(at.Host)
	if err != nil {
		return nil, err
	}
	if helper != nil {
		transport := &http.Transport{DialContext: helper.Dialer, MaxIdleConnsPerHost: idleLogins}
		options = append(options, client.WithHTTPClient(&http.Client{Transport: transport}), client.WithHost(helper.Host), client.WithDialContext(helper.Dialer))
	}
	return client.NewClientWithOpts(options...)
}
