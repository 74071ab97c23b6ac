package load

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Trust says whose certificates https targets may have; the zero value is those
// that the system trusts, for the target's own name or Job.Host.
type Trust struct {
	// Insecure accepts every certificate.
	Insecure bool `json:"insecure,omitempty"`
	// CA holds certificates in PEM that are trusted instead of the system's.
	CA string `json:"ca,omitempty"`
	// ServerName is asked for, and what the certificate has to be for,
	// instead of the host.
	ServerName string `json:"server_name,omitempty"`
}

// Config returns how to connect to a host. Sessions are not resumed: every
// handshake is a full one. The error says what is wrong with the options.
func (t Trust) Config(host string) (*tls.Config, error) {
	if t.ServerName != "" {
		host = t.ServerName
	}
	config := &tls.Config{ServerName: host, InsecureSkipVerify: t.Insecure}
	switch {
	case t.CA == "":
		return config, nil
	case t.Insecure:
		return nil, errors.New("a CA and insecure: to trust everyone, leave out the CA")
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
		return nil, errors.New("no certificate in the CA: it has to be in PEM, between BEGIN CERTIFICATE and END CERTIFICATE")
	}
	return config, nil
}
