package holkas_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// fakeService is a server whose answers a test writes. What it does not write is UNIMPLEMENTED.
type fakeService struct {
	holkaspb.UnimplementedImageServiceServer
	inspect  func(context.Context, *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error)
	copy     func(*holkaspb.CopyRequest, holkaspb.ImageService_CopyServer) error
	delete   func(context.Context, *holkaspb.DeleteRequest) (*holkaspb.DeleteResponse, error)
	listTags func(*holkaspb.ListTagsRequest, holkaspb.ImageService_ListTagsServer) error
	imports  func(holkaspb.ImageService_ImportServer) error
	export   func(*holkaspb.ExportRequest, holkaspb.ImageService_ExportServer) error
	check    func(*holkaspb.CheckCredentialsRequest) error
	info     *holkaspb.GetServerInfoResponse

	// Sees every call first. A failure is the call's.
	onCall func(ctx context.Context, method string) error
}

func (f *fakeService) Inspect(ctx context.Context, request *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
	if f.inspect == nil {
		return f.UnimplementedImageServiceServer.Inspect(ctx, request)
	}
	return f.inspect(ctx, request)
}

func (f *fakeService) Copy(request *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
	if f.copy == nil {
		return f.UnimplementedImageServiceServer.Copy(request, stream)
	}
	return f.copy(request, stream)
}

func (f *fakeService) Delete(ctx context.Context, request *holkaspb.DeleteRequest) (*holkaspb.DeleteResponse, error) {
	if f.delete == nil {
		return f.UnimplementedImageServiceServer.Delete(ctx, request)
	}
	return f.delete(ctx, request)
}

func (f *fakeService) ListTags(request *holkaspb.ListTagsRequest, stream holkaspb.ImageService_ListTagsServer) error {
	if f.listTags == nil {
		return f.UnimplementedImageServiceServer.ListTags(request, stream)
	}
	return f.listTags(request, stream)
}

func (f *fakeService) Import(stream holkaspb.ImageService_ImportServer) error {
	if f.imports == nil {
		return f.UnimplementedImageServiceServer.Import(stream)
	}
	return f.imports(stream)
}

func (f *fakeService) Export(request *holkaspb.ExportRequest, stream holkaspb.ImageService_ExportServer) error {
	if f.export == nil {
		return f.UnimplementedImageServiceServer.Export(request, stream)
	}
	return f.export(request, stream)
}

func (f *fakeService) CheckCredentials(ctx context.Context, request *holkaspb.CheckCredentialsRequest) (*holkaspb.CheckCredentialsResponse, error) {
	if f.check == nil {
		return f.UnimplementedImageServiceServer.CheckCredentials(ctx, request)
	}
	return &holkaspb.CheckCredentialsResponse{}, f.check(request)
}

func (f *fakeService) GetServerInfo(ctx context.Context, request *holkaspb.GetServerInfoRequest) (*holkaspb.GetServerInfoResponse, error) {
	if f.info == nil {
		return f.UnimplementedImageServiceServer.GetServerInfo(ctx, request)
	}
	return f.info, nil
}

// serve serves on a listener until the test ends.
func serve(service *fakeService, listener net.Listener, options ...grpc.ServerOption) (stop func()) {
	if service.onCall != nil {
		options = append(options,
			grpc.UnaryInterceptor(func(ctx context.Context, request any, about *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				if err := service.onCall(ctx, filepath.Base(about.FullMethod)); err != nil {
					return nil, err
				}
				return next(ctx, request)
			}),
			grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, about *grpc.StreamServerInfo, next grpc.StreamHandler) error {
				if err := service.onCall(stream.Context(), filepath.Base(about.FullMethod)); err != nil {
					return err
				}
				return next(server, stream)
			}))
	}
	server := grpc.NewServer(options...)
	holkaspb.RegisterImageServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	return server.Stop
}

// listenUnix listens on a socket in a directory of its own, whose path is short enough for one.
func listenUnix() (listener net.Listener, remove func(), err error) {
	directory, err := os.MkdirTemp("", "holkas")
	if err != nil {
		return nil, nil, err
	}
	listener, err = net.Listen("unix", filepath.Join(directory, "s"))
	return listener, func() { os.RemoveAll(directory) }, err
}

// connect makes a client of a fake server on a unix socket.
func connect(t testing.TB, service *fakeService, options ...holkas.Option) *holkas.Client {
	t.Helper()
	listener, remove, err := listenUnix()
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(service, listener)
	client, err := holkas.NewClient("unix:"+listener.Addr().String(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		stop()
		remove()
	})
	return client
}

// fail makes an error as a server of Holkas does.
func fail(code codes.Code, reason, message string, metadata map[string]string) error {
	made, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{
		Reason: reason, Domain: "holkas.dev", Metadata: metadata})
	if err != nil {
		panic(err)
	}
	return made.Err()
}

// failFirst makes a function for onCall that fails so many calls, and the count of all calls.
func failFirst(failures int32) (onCall func(context.Context, string) error, calls *atomic.Int32) {
	calls = new(atomic.Int32)
	return func(context.Context, string) error {
		if calls.Add(1) <= failures {
			return fail(codes.Unavailable, "SERVER_DRAINING", "the server is shutting down", nil)
		}
		return nil
	}, calls
}

func copyEvent(digest string) *holkaspb.CopyResponse {
	return &holkaspb.CopyResponse{Event: &holkaspb.CopyResponse_BlobStarted{
		BlobStarted: &holkaspb.BlobStarted{Digest: digest}}}
}

func copyResult(digest string) *holkaspb.CopyResponse {
	return &holkaspb.CopyResponse{Event: &holkaspb.CopyResponse_Result{
		Result: &holkaspb.CopyResult{ManifestDigest: digest}}}
}
