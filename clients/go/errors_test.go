package holkas_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

var kinds = map[codes.Code]error{
	codes.Canceled:           holkas.ErrCancelled,
	codes.InvalidArgument:    holkas.ErrInvalidArgument,
	codes.DeadlineExceeded:   holkas.ErrDeadlineExceeded,
	codes.NotFound:           holkas.ErrNotFound,
	codes.PermissionDenied:   holkas.ErrPermissionDenied,
	codes.Unauthenticated:    holkas.ErrUnauthenticated,
	codes.ResourceExhausted:  holkas.ErrResourceExhausted,
	codes.FailedPrecondition: holkas.ErrFailedPrecondition,
	codes.Aborted:            holkas.ErrAborted,
	codes.Unimplemented:      holkas.ErrUnimplemented,
	codes.Internal:           holkas.ErrInternal,
	codes.Unavailable:        holkas.ErrUnavailable,
	codes.DataLoss:           holkas.ErrDataLoss,
}

// failing makes a client whose Inspect fails.
func failing(t *testing.T, err error) *holkas.Client {
	return connect(t, &fakeService{inspect: func(context.Context, *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
		return nil, err
	}})
}

func TestErrorsMatchTheirCodeAlone(t *testing.T) {
	for code := range kinds {
		client := failing(t, fail(code, "SOME_REASON", "some message", nil))
		_, err := client.Inspect(context.Background(), &holkaspb.InspectRequest{})
		for other, kind := range kinds {
			if errors.Is(err, kind) != (code == other) {
				t.Errorf("%v matches %v: %v", err, kind, code != other)
			}
		}
	}
}

func TestErrorTellsReasonAndMetadata(t *testing.T) {
	client := failing(t, fail(codes.InvalidArgument, "INVALID_FIELD", "no such platform", map[string]string{"field": "platform.os"}))
	_, err := client.Inspect(context.Background(), &holkaspb.InspectRequest{})
	var told *holkas.Error
	if !errors.As(fmt.Errorf("look at app: %w", err), &told) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if told.Code != codes.InvalidArgument || told.Reason != "INVALID_FIELD" || told.Domain != "holkas.dev" ||
		told.Message != "no such platform" || told.Metadata["field"] != "platform.os" {
		t.Errorf("got %#v", told)
	}
	if want := "holkas: no such platform (InvalidArgument, INVALID_FIELD)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if cause, ok := status.FromError(errors.Unwrap(err)); !ok || cause.Code() != codes.InvalidArgument {
		t.Errorf("the cause is %v, want gRPC's status", cause)
	}
}

func TestReasonsOfOtherDomainsAreNotTaken(t *testing.T) {
	foreign, _ := status.New(codes.NotFound, "no such page").WithDetails(&errdetails.ErrorInfo{
		Reason: "MANIFEST_UNKNOWN", Domain: "proxy.example.com"})
	_, err := failing(t, foreign.Err()).Inspect(context.Background(), &holkaspb.InspectRequest{})
	var told *holkas.Error
	if !errors.As(err, &told) || told.Reason != "" || told.Domain != "" || told.Code != codes.NotFound {
		t.Errorf("got %#v, want NOT_FOUND without a reason", told)
	}
}

func TestEndedContextIsFoundByItsOwnErrors(t *testing.T) {
	wait := func(ctx context.Context, _ *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	client := connect(t, &fakeService{inspect: wait})
	late, cancel := context.WithTimeout(context.Background(), 1)
	defer cancel()
	if _, err := client.Inspect(late, &holkaspb.InspectRequest{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, holkas.ErrDeadlineExceeded) {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Inspect(cancelled, &holkaspb.InspectRequest{}); !errors.Is(err, context.Canceled) || !errors.Is(err, holkas.ErrCancelled) {
		t.Errorf("got %v, want CANCELLED", err)
	}
}

func TestServerThatIsNotThereIsUnavailable(t *testing.T) {
	client, err := holkas.NewClient("unix:/nonexistent/holkas.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.GetServerInfo(context.Background())
	var told *holkas.Error
	if !errors.Is(err, holkas.ErrUnavailable) || !errors.As(err, &told) || told.Reason != "" {
		t.Errorf("got %v, want UNAVAILABLE without a reason", err)
	}
}
