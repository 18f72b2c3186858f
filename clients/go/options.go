package holkas

import (
	"errors"
	"fmt"

	"google.golang.org/grpc"
)

// Option changes how NewClient reaches its server.
type Option func(*settings)

// settings is what the options of one client say.
type settings struct {
	caFile      string
	certificate string
	key         string
	token       *string
	insecure    bool
	timeouts    Timeouts
	dialOptions []grpc.DialOption
}

// WithCAFile makes the certificate authorities in a file, in PEM, the only ones that may vouch for the
// server, in the place of the system's.
func WithCAFile(path string) Option { return func(s *settings) { s.caFile = path } }

// WithClientCertificate proves to the server who calls by a certificate chain and its unencrypted
// private key, both files in PEM.
func WithClientCertificate(certificateFile, keyFile string) Option {
	return func(s *settings) { s.certificate, s.key = certificateFile, keyFile }
}

// WithToken proves to the server who calls by a bearer token: 1 to 4096 visible ASCII characters. It goes
// over TLS or a unix socket, and over plain TCP to this machine where WithInsecure says so.
func WithToken(token string) Option { return func(s *settings) { s.token = &token } }

// WithInsecure speaks without TLS over TCP, to a server of this machine alone: localhost, 127.0.0.0/8 or
// ::1. Everybody on the way could read and change everything.
func WithInsecure() Option { return func(s *settings) { s.insecure = true } }

// WithTimeouts takes the place of DefaultTimeouts. A deadline of a call's context counts more.
func WithTimeouts(timeouts Timeouts) Option { return func(s *settings) { s.timeouts = timeouts } }

// WithDialOptions passes options to gRPC, where they come last: interceptors, keep-alive, another
// service config.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dialOptions = append(s.dialOptions, options...) }
}

// check refuses options that contradict each other or the address.
func (s *settings) check(address serverAddress) error {
	tls := s.caFile != "" || s.certificate != "" || s.key != ""
	switch {
	case tls && address.socket != "":
		return errors.New("holkas: there is no TLS on a unix socket")
	case tls && s.insecure:
		return errors.New("holkas: certificates go with no insecure connection")
	case s.insecure && address.socket == "" && !address.isLoopback():
		return fmt.Errorf("holkas: server address %q: without TLS the host must be a loopback address", address.hostPort)
	case s.token != nil && !isToken(*s.token):
		return fmt.Errorf("holkas: a token is 1 to %d visible ASCII characters", maxTokenBytes)
	case (s.certificate == "") != (s.key == ""):
		return fmt.Errorf("holkas: a certificate and its key go together: %q, %q", s.certificate, s.key)
	}
	return nil
}
