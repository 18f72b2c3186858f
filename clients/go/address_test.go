package holkas_test

import (
	"strings"
	"testing"

	holkas "holkas.dev/clients/go"
)

func TestMalformedAddressesAreRefused(t *testing.T) {
	for address, why := range map[string]string{
		"":                         "expected unix:/path or tcp:host:port",
		"unix:relative.sock":       "not absolute",
		"tcp:registry.example.com": "expected unix:/path or tcp:host:port",
		"tcp::7070":                "expected unix:/path or tcp:host:port",
		"tcp:localhost:0":          "port",
		"tcp:localhost:65536":      "port",
		"tcp:localhost:http":       "port",
		"https://localhost:7070":   "expected unix:/path or tcp:host:port",
	} {
		_, err := holkas.NewClient(address)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want an error with %q", address, err, why)
		}
	}
}

func TestAddressesOfTheCommandLineAreTaken(t *testing.T) {
	for _, address := range []string{"unix:/run/ci/holkas.sock", "unix:///run/ci/holkas.sock",
		"tcp:holkas.example.com:7070", "127.0.0.1:7070", "tcp:[::1]:7070"} {
		client, err := holkas.NewClient(address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		client.Close()
	}
}
