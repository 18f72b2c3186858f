package holkas

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"holkas.dev/clients/go/holkaspb"
)

// A manifest of 4 MiB and a configuration of 4 MiB, and room for the rest: a server sends no more.
const maxReceivedBytes = 16 << 20

// What is kept of a request so that it can be sent again: one of 1 MiB is the largest that a server
// takes.
const maxRetriedBytes = 1<<20 + 4096

// Client is a connection to a server. Any number of goroutines may use it at once.
type Client struct {
	connection *grpc.ClientConn
	service    holkaspb.ImageServiceClient
	timeouts   Timeouts
}

// NewClient makes a client of the server at `unix:/path` or `tcp:host:port`. TCP means TLS with the
// system's certificate authorities where no option says otherwise. It connects with the first call, and
// anew when the connection is lost; no proxy is used. It fails where the address or an option is
// malformed or a file cannot be read. Close it in the end.
func NewClient(address string, options ...Option) (*Client, error) {
	parsed, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	chosen := settings{timeouts: DefaultTimeouts()}
	for _, option := range options {
		option(&chosen)
	}
	if err := chosen.check(parsed); err != nil {
		return nil, err
	}
	dial, err := dialOptions(&chosen, parsed)
	if err != nil {
		return nil, err
	}
	target := "dns:///" + parsed.hostPort
	if parsed.socket != "" {
		target = "passthrough:///localhost"
	}
	connection, err := grpc.NewClient(target, dial...)
	if err != nil {
		return nil, fmt.Errorf("holkas: %w", err)
	}
	return &Client{connection, holkaspb.NewImageServiceClient(connection), chosen.timeouts}, nil
}

func dialOptions(chosen *settings, address serverAddress) ([]grpc.DialOption, error) {
	protection, err := chosen.transportCredentials(address)
	if err != nil {
		return nil, err
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(protection),
		grpc.WithDefaultServiceConfig(serviceConfig),
		// None that a name server might hold.
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceivedBytes),
			grpc.MaxRetryRPCBufferSize(maxRetriedBytes)),
	}
	if address.socket != "" {
		dial = append(dial, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", address.socket)
		}))
	}
	if chosen.token != nil {
		needsTLS := address.socket == "" && !chosen.insecure
		dial = append(dial, grpc.WithPerRPCCredentials(bearerToken{*chosen.token, needsTLS}))
	}
	return append(dial, chosen.dialOptions...), nil
}

// Close ends the connection, and with it the calls that run. Later calls are cancelled.
func (c *Client) Close() error { return c.connection.Close() }

// Inspect describes an image.
func (c *Client) Inspect(ctx context.Context, request *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
	ctx, cancel := limit(ctx, c.timeouts.Inspect)
	defer cancel()
	response, err := c.service.Inspect(ctx, request)
	return response, fromRPC(err)
}

// Copy copies an image, or all images of an index. The stream gives its events.
func (c *Client) Copy(ctx context.Context, request *holkaspb.CopyRequest) *CopyStream[*holkaspb.CopyResponse] {
	ctx, cancel := limit(ctx, c.timeouts.Copy)
	call, err := c.service.Copy(ctx, request)
	if err != nil {
		return failedCopy[*holkaspb.CopyResponse](cancel, err)
	}
	return newCopyStream(cancel, call.Recv, (*holkaspb.CopyResponse).GetResult)
}

// Delete deletes an image. A request without a request_id gets a random one, so that an attempt that
// was lost is safely tried again; the caller's message stays as it is.
func (c *Client) Delete(ctx context.Context, request *holkaspb.DeleteRequest) (*holkaspb.DeleteResponse, error) {
	if request.GetRequestId() == "" {
		id, err := newUUID()
		if err != nil {
			return nil, err
		}
		request = proto.Clone(request).(*holkaspb.DeleteRequest)
		request.RequestId = id
	}
	ctx, cancel := limit(ctx, c.timeouts.Delete)
	defer cancel()
	response, err := c.service.Delete(ctx, request)
	return response, fromRPC(err)
}

// ListTags lists the tags of a repository. The stream gives them page by page.
func (c *Client) ListTags(ctx context.Context, request *holkaspb.ListTagsRequest) *Stream[*holkaspb.ListTagsResponse] {
	ctx, cancel := limit(ctx, c.timeouts.ListTags)
	call, err := c.service.ListTags(ctx, request)
	if err != nil {
		return failedStream[*holkaspb.ListTagsResponse](cancel, err)
	}
	return newStream(cancel, call.Recv)
}

// AllTags lists the tags of a repository, all of them: at most 64 MiB.
func (c *Client) AllTags(ctx context.Context, request *holkaspb.ListTagsRequest) ([]string, error) {
	pages := c.ListTags(ctx, request)
	defer pages.Close()
	var tags []string
	for pages.Next() {
		tags = append(tags, pages.Message().GetTags()...)
	}
	return tags, pages.Err()
}

// Sync copies many images. The stream gives their events.
func (c *Client) Sync(ctx context.Context, request *holkaspb.SyncRequest) *Stream[*holkaspb.SyncResponse] {
	ctx, cancel := limit(ctx, c.timeouts.Sync)
	call, err := c.service.Sync(ctx, request)
	if err != nil {
		return failedStream[*holkaspb.SyncResponse](cancel, err)
	}
	return newStream(cancel, call.Recv)
}

// Sign signs an image with a key that the server holds.
func (c *Client) Sign(ctx context.Context, request *holkaspb.SignRequest) (*holkaspb.SignResponse, error) {
	ctx, cancel := limit(ctx, c.timeouts.Sign)
	defer cancel()
	response, err := c.service.Sign(ctx, request)
	return response, fromRPC(err)
}

// Verify evaluates a signature policy on an image. One that is rejected is no error: Accepted is false.
func (c *Client) Verify(ctx context.Context, request *holkaspb.VerifyRequest) (*holkaspb.VerifyResponse, error) {
	ctx, cancel := limit(ctx, c.timeouts.Verify)
	defer cancel()
	response, err := c.service.Verify(ctx, request)
	return response, fromRPC(err)
}

// CheckCredentials finds out whether a registry accepts credentials; where it does not, the error is
// ErrUnauthenticated.
func (c *Client) CheckCredentials(ctx context.Context, request *holkaspb.CheckCredentialsRequest) error {
	ctx, cancel := limit(ctx, c.timeouts.CheckCredentials)
	defer cancel()
	_, err := c.service.CheckCredentials(ctx, request)
	return fromRPC(err)
}

// GetServerInfo tells the server's version, sandbox, transports and limits, and whom it takes the
// caller for.
func (c *Client) GetServerInfo(ctx context.Context) (*holkaspb.GetServerInfoResponse, error) {
	ctx, cancel := limit(ctx, c.timeouts.GetServerInfo)
	defer cancel()
	response, err := c.service.GetServerInfo(ctx, &holkaspb.GetServerInfoRequest{})
	return response, fromRPC(err)
}
