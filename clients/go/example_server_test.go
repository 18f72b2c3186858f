package holkas_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// What the examples use: the address of a server, a client of it, and a context.
var (
	server string
	client *holkas.Client
	ctx    = context.Background()
)

// The images of registry.example.com that the examples cannot have.
var refused = map[string]error{
	"app:gone":      fail(codes.NotFound, "MANIFEST_UNKNOWN", "no such image", nil),
	"app:private":   fail(codes.Unauthenticated, "REGISTRY_UNAUTHORIZED", "the registry wants credentials", nil),
	"app:forbidden": fail(codes.PermissionDenied, "REGISTRY_DENIED", "the registry refused", nil),
	"app:huge":      fail(codes.ResourceExhausted, "LIMIT_EXCEEDED", "manifest is larger than 4 MiB", nil),
	"app:odd":       fail(codes.FailedPrecondition, "INVALID_MANIFEST", "manifest is ambiguous", nil),
	"app:moving":    fail(codes.Aborted, "DESTINATION_CONFLICT", "a blob was deleted meanwhile", nil),
	"app:new":       fail(codes.Unimplemented, "MEDIA_TYPE_UNSUPPORTED", "nobody here reads it", nil),
	"app:evil":      fail(codes.Internal, "WORKER_DIED", "the worker was killed", map[string]string{"worker_exit": "signal 31"}),
	"app:far":       fail(codes.Unavailable, "REGISTRY_UNAVAILABLE", "no answer", nil),
	"app:corrupt":   fail(codes.DataLoss, "CONTENT_MISMATCH", "layer does not match its digest", nil),
	"app:":          fail(codes.InvalidArgument, "INVALID_REFERENCE", "empty tag", map[string]string{"field": "image"}),
}

func check(image string) error {
	for name, err := range refused {
		if strings.HasSuffix(image, "/"+name) {
			return err
		}
	}
	return nil
}

// exampleServer is the server of the examples: it has docker://registry.example.com/app:1.
func exampleServer() *fakeService {
	return &fakeService{
		inspect: func(_ context.Context, request *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
			return &holkaspb.InspectResponse{Digest: "sha256:9f86d0", Name: "registry.example.com/app"}, check(request.GetImage())
		},
		copy: func(request *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
			if err := check(request.GetSource()); err != nil {
				return err
			}
			_ = stream.Send(copyEvent("sha256:60303a"))
			return stream.Send(copyResult("sha256:9f86d0"))
		},
		delete: func(_ context.Context, request *holkaspb.DeleteRequest) (*holkaspb.DeleteResponse, error) {
			return &holkaspb.DeleteResponse{Digest: "sha256:9f86d0"}, check(request.GetImage())
		},
		listTags: func(_ *holkaspb.ListTagsRequest, stream holkaspb.ImageService_ListTagsServer) error {
			_ = stream.Send(&holkaspb.ListTagsResponse{Tags: []string{"1", "2"}})
			return stream.Send(&holkaspb.ListTagsResponse{Tags: []string{"latest"}})
		},
		imports: func(stream holkaspb.ImageService_ImportServer) error {
			all, err := receive(stream)
			if err != nil {
				return err
			}
			_ = stream.Send(&holkaspb.ImportResponse{Event: &holkaspb.ImportResponse_ReceivedBytes{ReceivedBytes: int64(len(all.archive))}})
			return stream.Send(importEvent(copyResult("sha256:9f86d0")))
		},
		check:  func(*holkaspb.CheckCredentialsRequest) error { return nil },
		info:   &holkaspb.GetServerInfoResponse{Version: "1.2.3", Identity: "uid:1000"},
		export: exportServer(nil, "a tar of ", "an OCI layout").export,
	}
}

func TestMain(m *testing.M) {
	code, err := runWithServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithServer(m *testing.M) (int, error) {
	listener, remove, err := listenUnix()
	if err != nil {
		return 0, err
	}
	defer remove()
	defer serve(exampleServer(), listener)()
	server = "unix:" + listener.Addr().String()
	if client, err = holkas.NewClient(server); err != nil {
		return 0, err
	}
	defer client.Close()
	return m.Run(), nil
}

// openArchive opens the archive that the examples import.
func openArchive() io.Reader { return strings.NewReader("a tar of an OCI layout") }
