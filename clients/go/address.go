package holkas

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// serverAddress is where a server listens: a unix socket or a host and port, never both.
type serverAddress struct {
	socket   string
	hostPort string
}

// parseAddress takes what the command line's --server takes: `unix:/path`, `tcp:host:port` or `host:port`.
func parseAddress(address string) (serverAddress, error) {
	if strings.HasPrefix(address, "unix:") {
		path := strings.TrimPrefix(address, "unix:")
		if !strings.HasPrefix(path, "/") {
			return serverAddress{}, badAddress(address, "the path of the socket is not absolute")
		}
		return serverAddress{socket: path}, nil
	}
	hostPort := strings.TrimPrefix(address, "tcp:")
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil || host == "" {
		return serverAddress{}, badAddress(address, "expected unix:/path or tcp:host:port")
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return serverAddress{}, badAddress(address, "the port is not a number from 1 to 65535")
	}
	return serverAddress{hostPort: hostPort}, nil
}

// isLoopback says whether a host and port are of this machine, by its name or a number.
func (a serverAddress) isLoopback() bool {
	host, _, _ := net.SplitHostPort(a.hostPort)
	if host == "localhost" || host == "::1" {
		return true
	}
	address := net.ParseIP(host)
	return address != nil && address.IsLoopback() && !strings.Contains(host, ":")
}

func badAddress(address, why string) error {
	return fmt.Errorf("holkas: server address %q: %s", address, why)
}
