package holkas_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// authority is a certificate authority whose files are in a directory of the test.
type authority struct {
	t           *testing.T
	directory   string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// The file with its certificate.
	file string
}

func newAuthority(t *testing.T) *authority {
	made := &authority{t: t, directory: t.TempDir()}
	made.file, _ = made.issue("authority")
	return made
}

// issue makes a certificate and its key, and gives the paths of both; the first is the authority's own.
func (a *authority) issue(name string) (certificateFile, keyFile string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: a.certificate == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, parentKey := a.certificate, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.certificate == nil {
		a.certificate, _ = x509.ParseCertificate(der)
		a.key = key
	}
	keyDER, _ := x509.MarshalECPrivateKey(key)
	return a.write(name+".crt", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", keyDER)
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.directory, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// whoami is a server that answers with the caller's certificate or token.
func whoami() *fakeService {
	return &fakeService{inspect: func(ctx context.Context, _ *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
		who := strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), ",")
		caller, _ := peer.FromContext(ctx)
		if secured, ok := caller.AuthInfo.(credentials.TLSInfo); ok {
			for _, certificate := range secured.State.PeerCertificates {
				who += "cert:" + certificate.Subject.CommonName
			}
		}
		return &holkaspb.InspectResponse{Name: who}, nil
	}}
}

// serveTLS serves with a certificate of an authority, which vouches for callers with a certificate, and
// gives its address.
func serveTLS(t *testing.T, a *authority) string {
	certificate, key := a.issue("server")
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serve(whoami(), listener, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}))))
	return "tcp:" + listener.Addr().String()
}

// ask finds out whom the server at an address takes the caller for.
func ask(t *testing.T, address string, options ...holkas.Option) (string, error) {
	t.Helper()
	client, err := holkas.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := client.Inspect(context.Background(), &holkaspb.InspectRequest{})
	return response.GetName(), err
}

func TestCallersProveWhoTheyAre(t *testing.T) {
	vouches := newAuthority(t)
	address := serveTLS(t, vouches)
	certificate, key := vouches.issue("ci")
	known := holkas.WithCAFile(vouches.file)
	for want, options := range map[string][]holkas.Option{
		"":              {known},
		"Bearer secret": {known, holkas.WithToken("secret")},
		"cert:ci":       {known, holkas.WithClientCertificate(certificate, key)},
	} {
		if who, err := ask(t, address, options...); err != nil || who != want {
			t.Errorf("got %q, %v, want %q", who, err, want)
		}
	}
}

func TestServerOfAnUnknownAuthorityIsNotSpokenTo(t *testing.T) {
	address := serveTLS(t, newAuthority(t))
	for name, options := range map[string][]holkas.Option{
		"the system's": nil, "another": {holkas.WithCAFile(newAuthority(t).file)},
	} {
		options = append(options, holkas.WithToken("secret"))
		if _, err := ask(t, address, options...); !errors.Is(err, holkas.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: got %v, want a certificate that is not trusted", name, err)
		}
	}
}

func TestTokenGoesOverUnixSockets(t *testing.T) {
	response, err := connect(t, whoami(), holkas.WithToken("secret")).Inspect(context.Background(), &holkaspb.InspectRequest{})
	if err != nil || response.GetName() != "Bearer secret" {
		t.Errorf("got %v, %v", response, err)
	}
}

func TestInsecureSpeaksPlainly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serve(whoami(), listener))
	for want, options := range map[string][]holkas.Option{"": nil, "Bearer secret": {holkas.WithToken("secret")}} {
		options = append(options, holkas.WithInsecure())
		if who, err := ask(t, "tcp:"+listener.Addr().String(), options...); err != nil || who != want {
			t.Errorf("got %q, %v, want %q", who, err, want)
		}
	}
	if _, err := ask(t, "tcp:"+listener.Addr().String()); !errors.Is(err, holkas.ErrUnavailable) {
		t.Errorf("without it: got %v, want UNAVAILABLE", err)
	}
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	vouches := newAuthority(t)
	certificate, key := vouches.issue("ci")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, refused := range map[string][]holkas.Option{
		"no insecure connection":       {holkas.WithInsecure(), holkas.WithCAFile(vouches.file)},
		"go together":                  {holkas.WithClientCertificate(certificate, "")},
		"read the client's":            {holkas.WithClientCertificate(key, certificate)},
		"has none in PEM":              {holkas.WithCAFile(empty)},
		"read certificate authorities": {holkas.WithCAFile("/nonexistent/ca.pem")},
	} {
		if _, err := holkas.NewClient("tcp:127.0.0.1:7070", refused...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if _, err := holkas.NewClient("unix:/run/ci/holkas.sock", holkas.WithCAFile(vouches.file)); err == nil || !strings.Contains(err.Error(), "no TLS on a unix socket") {
		t.Errorf("got %v, want that there is no TLS", err)
	}
}

func TestInsecureIsForThisMachine(t *testing.T) {
	for address, isThis := range map[string]bool{
		"localhost:7070": true, "tcp:127.1.2.3:7070": true, "tcp:[::1]:7070": true, "unix:/run/ci/holkas.sock": true,
		"tcp:holkas.example.com:7070": false, "tcp:localhost.example.com:7070": false, "tcp:10.0.0.1:7070": false,
		"tcp:[2001:db8::1]:7070": false, "tcp:[::ffff:127.0.0.1]:7070": false,
	} {
		client, err := holkas.NewClient(address, holkas.WithInsecure(), holkas.WithToken("secret"))
		if err == nil {
			client.Close()
		} else if !strings.Contains(err.Error(), "without TLS the host must be a loopback address") {
			t.Errorf("%s: got %v", address, err)
		}
		if (err == nil) != isThis {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

func TestTokensThatAreNoneAreRefused(t *testing.T) {
	for _, token := range []string{"", " ", "two words", "secret\n", "sec\x00ret", "sécret", strings.Repeat("x", 4097)} {
		_, err := holkas.NewClient("unix:/run/ci/holkas.sock", holkas.WithToken(token))
		if err == nil || err.Error() != "holkas: a token is 1 to 4096 visible ASCII characters" {
			t.Errorf("%q: got %v", token, err)
		}
	}
}
