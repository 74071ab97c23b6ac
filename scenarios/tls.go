package scenarios

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"
)

// tls reads whose certificates the target of an environment may have.
func (b *builder) tls(at string, in tlsOptions, target string) TLS {
	out := TLS{Insecure: in.Insecure, ServerName: in.ServerName}
	switch {
	case b.contents.Has(at) && b.contents.Sound(at) && !strings.HasPrefix(target, "https:") && target != "":
		b.contents.AddKey(at, "is for an https target; %s is not encrypted", target)
	case in.Insecure && b.contents.Has(at+".ca"):
		b.contents.AddKey(at+".ca", "cannot be combined with insecure, which accepts every certificate; leave one of them out")
	case b.contents.Has(at+".ca") && b.contents.Sound(at+".ca"):
		out.CA = b.certificates(at+".ca", in.CA)
	}
	if b.contents.Sound(at+".server_name") && in.ServerName == "" {
		b.contents.Add(at+".server_name", "is empty; give the name that the certificate is for, or leave it out")
	}
	return out
}

// certificates reads a file beside the scenario.
func (b *builder) certificates(at, name string) string {
	src, err := b.open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.contents.Add(at, "there is no file %q; the path is relative to the scenario", name)
	case err != nil:
		b.contents.Add(at, "%v", err)
	case !x509.NewCertPool().AppendCertsFromPEM(src.Text):
		b.contents.Add(at, "%q has no certificate in PEM, between BEGIN CERTIFICATE and END CERTIFICATE", name)
	}
	return string(src.Text)
}
