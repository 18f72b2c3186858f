package holkas

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// transportCredentials says how the connection is protected: not at all on a unix socket or where the
// caller wants it so, otherwise by TLS 1.2 or newer.
func (s *settings) transportCredentials(address serverAddress) (credentials.TransportCredentials, error) {
	if address.socket != "" || s.insecure {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("holkas: read certificate authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("holkas: read certificate authorities: %s has none in PEM", s.caFile)
		}
	}
	if s.certificate != "" {
		pair, err := tls.LoadX509KeyPair(s.certificate, s.key)
		if err != nil {
			return nil, fmt.Errorf("holkas: read the client's certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config), nil
}

// The client's own limit, as the command line's. A server takes 16 KiB of metadata in all where its
// configuration says nothing else.
const maxTokenBytes = 4096

// isToken says whether a token can stand in a header, where others would come out as errors of the
// connection.
func isToken(token string) bool {
	for _, character := range []byte(token) {
		if character <= ' ' || character > '~' {
			return false
		}
	}
	return token != "" && len(token) <= maxTokenBytes
}

// bearerToken goes with every call of a client.
type bearerToken struct {
	token string
	// Whether gRPC has to refuse to send it without TLS.
	needsTLS bool
}

func (b bearerToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearerToken) RequireTransportSecurity() bool { return b.needsTLS }
