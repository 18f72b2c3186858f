package holkas_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// callEvery makes one call of each rpc and gives its error.
func callEvery(ctx context.Context, client *holkas.Client) map[string]error {
	_, inspect := client.Inspect(ctx, &holkaspb.InspectRequest{})
	_, copy := client.Copy(ctx, &holkaspb.CopyRequest{}).Wait(nil)
	_, delete := client.Delete(ctx, &holkaspb.DeleteRequest{})
	_, listTags := client.AllTags(ctx, &holkaspb.ListTagsRequest{})
	sync := client.Sync(ctx, &holkaspb.SyncRequest{})
	for sync.Next() {
	}
	_, sign := client.Sign(ctx, &holkaspb.SignRequest{})
	_, verify := client.Verify(ctx, &holkaspb.VerifyRequest{})
	_, imported := client.Import(ctx, &holkaspb.ImportOptions{}, new(noBytes)).Wait(nil)
	_, export := client.Export(ctx, &holkaspb.ExportRequest{}, new(noBytes)).Wait(nil)
	check := client.CheckCredentials(ctx, &holkaspb.CheckCredentialsRequest{})
	_, info := client.GetServerInfo(ctx)
	return map[string]error{"Inspect": inspect, "Copy": copy, "Delete": delete, "ListTags": listTags,
		"Sync": sync.Err(), "Sign": sign, "Verify": verify, "Import": imported, "Export": export,
		"CheckCredentials": check, "GetServerInfo": info}
}

func TestEveryRPCIsCalled(t *testing.T) {
	called := map[string]bool{}
	client := connect(t, &fakeService{onCall: func(_ context.Context, method string) error {
		called[method] = true
		return nil
	}})
	for method, err := range callEvery(context.Background(), client) {
		if !errors.Is(err, holkas.ErrUnimplemented) {
			t.Errorf("%s: got %v, want what the server answered", method, err)
		}
	}
	for _, method := range holkaspb.ImageService_ServiceDesc.Methods {
		if !called[method.MethodName] {
			t.Errorf("%s was not called", method.MethodName)
		}
	}
	for _, stream := range holkaspb.ImageService_ServiceDesc.Streams {
		if !called[stream.StreamName] {
			t.Errorf("%s was not called", stream.StreamName)
		}
	}
}

func TestDeadlines(t *testing.T) {
	seen := map[string]time.Duration{}
	service := &fakeService{onCall: func(ctx context.Context, method string) error {
		seen[method] = 0
		if deadline, has := ctx.Deadline(); has {
			seen[method] = time.Until(deadline).Round(5 * time.Second)
		}
		return nil
	}}
	minute := map[string]time.Duration{"Inspect": time.Minute, "Delete": time.Minute, "ListTags": time.Minute,
		"Sign": time.Minute, "Verify": time.Minute, "CheckCredentials": time.Minute,
		"GetServerInfo": 10 * time.Second, "Copy": 0, "Sync": 0, "Import": 0, "Export": 0}
	callEvery(context.Background(), connect(t, service))
	if !reflect.DeepEqual(seen, minute) {
		t.Errorf("defaults: got %v, want %v", seen, minute)
	}

	client := connect(t, service, holkas.WithTimeouts(holkas.Timeouts{Copy: time.Hour}))
	callEvery(context.Background(), client)
	if seen["Copy"] != time.Hour || seen["Inspect"] != 0 {
		t.Errorf("of the client: got %v, want an hour for Copy, none for others", seen)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	callEvery(ctx, client)
	for method, limit := range seen {
		if limit != 30*time.Second {
			t.Errorf("%s: got %v, want the context's 30 s", method, limit)
		}
	}
}

func TestUnavailableIsTriedAgainWhereThatDoesNoHarm(t *testing.T) {
	attempts := map[string]int32{"Inspect": 4, "Copy": 4, "Delete": 4, "ListTags": 4, "Verify": 4,
		"CheckCredentials": 4, "GetServerInfo": 4, "Sync": 1, "Sign": 1, "Import": 1, "Export": 1}
	for method, want := range attempts {
		method, want := method, want
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			onCall, calls := failFirst(1000)
			service := &fakeService{onCall: func(ctx context.Context, called string) error {
				if called == method {
					return onCall(ctx, called)
				}
				return nil
			}}
			err := callEvery(context.Background(), connect(t, service))[method]
			if !errors.Is(err, holkas.ErrUnavailable) {
				t.Errorf("got %v, want UNAVAILABLE", err)
			}
			if calls.Load() != want {
				t.Errorf("%d attempts, want %d", calls.Load(), want)
			}
		})
	}
}

func TestServerThatComesBackIsNoError(t *testing.T) {
	onCall, calls := failFirst(2)
	client := connect(t, &fakeService{
		onCall: onCall,
		inspect: func(context.Context, *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
			return &holkaspb.InspectResponse{Digest: "sha256:1"}, nil
		}})
	response, err := client.Inspect(context.Background(), &holkaspb.InspectRequest{})
	if err != nil || response.GetDigest() != "sha256:1" || calls.Load() != 3 {
		t.Errorf("got %v, %v after %d attempts, want sha256:1 after 3", response, err, calls.Load())
	}
}

func TestCopyWhoseEventsCameIsNotTriedAgain(t *testing.T) {
	calls := 0
	client := connect(t, &fakeService{copy: func(_ *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
		calls++
		_ = stream.Send(copyEvent("sha256:1"))
		return fail(codes.Unavailable, "REGISTRY_UNAVAILABLE", "gone", nil)
	}})
	_, err := client.Copy(context.Background(), &holkaspb.CopyRequest{}).Wait(nil)
	if !errors.Is(err, holkas.ErrUnavailable) || calls != 1 {
		t.Errorf("got %v after %d attempts, want UNAVAILABLE after 1", err, calls)
	}
}

func TestDeleteHasARequestIDThatItsAttemptsShare(t *testing.T) {
	var ids []string
	client := connect(t, &fakeService{delete: func(_ context.Context, request *holkaspb.DeleteRequest) (*holkaspb.DeleteResponse, error) {
		ids = append(ids, request.GetRequestId())
		if len(ids) == 1 {
			return nil, fail(codes.Unavailable, "REGISTRY_UNAVAILABLE", "gone", nil)
		}
		return &holkaspb.DeleteResponse{}, nil
	}})
	request := &holkaspb.DeleteRequest{Image: "docker://registry.example.com/app:1"}
	for i := 0; i < 2; i++ {
		if _, err := client.Delete(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if len(ids) != 3 || ids[0] != ids[1] || ids[1] == ids[2] || !uuid.MatchString(ids[0]) || !uuid.MatchString(ids[2]) {
		t.Errorf("ids are %q, want two of the first call, another of the second", ids)
	}
	if request.GetRequestId() != "" {
		t.Errorf("the caller's request was changed: %v", request)
	}
	request.RequestId = "0b9a3a9e-6c1f-4d0c-9a52-111111111111"
	if _, err := client.Delete(context.Background(), request); err != nil || ids[3] != request.RequestId {
		t.Errorf("got %v and %q, want the caller's id", err, ids)
	}
}

func TestLargestInspectionIsTaken(t *testing.T) {
	client := connect(t, &fakeService{inspect: func(context.Context, *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
		return &holkaspb.InspectResponse{Config: make([]byte, 5<<20), OciConfig: make([]byte, 5<<20)}, nil
	}})
	response, err := client.Inspect(context.Background(), &holkaspb.InspectRequest{})
	if err != nil || len(response.GetConfig()) != 5<<20 {
		t.Errorf("got %v, want 10 MiB", err)
	}
}

func TestManyCallsAtOnceShareAClient(t *testing.T) {
	client := connect(t, &fakeService{inspect: func(_ context.Context, request *holkaspb.InspectRequest) (*holkaspb.InspectResponse, error) {
		time.Sleep(10 * time.Millisecond)
		return &holkaspb.InspectResponse{Digest: request.GetImage()}, nil
	}})
	var calls sync.WaitGroup
	for i := 0; i < 200; i++ {
		calls.Add(1)
		go func(image string) {
			defer calls.Done()
			response, err := client.Inspect(context.Background(), &holkaspb.InspectRequest{Image: image})
			if err != nil || response.GetDigest() != image {
				t.Errorf("%s: got %v, %v", image, response, err)
			}
		}(fmt.Sprint("dir:/", i))
	}
	calls.Wait()
}

func TestAllTagsHasTheTagsOfAllPages(t *testing.T) {
	client := connect(t, &fakeService{listTags: func(_ *holkaspb.ListTagsRequest, stream holkaspb.ImageService_ListTagsServer) error {
		for page := 0; page < 3; page++ {
			_ = stream.Send(&holkaspb.ListTagsResponse{Tags: []string{fmt.Sprintf("%da", page), fmt.Sprintf("%db", page)}})
		}
		return nil
	}})
	tags, err := client.AllTags(context.Background(), &holkaspb.ListTagsRequest{})
	if want := []string{"0a", "0b", "1a", "1b", "2a", "2b"}; err != nil || !reflect.DeepEqual(tags, want) {
		t.Errorf("got %q, %v, want %q", tags, err, want)
	}
}

// noBytes is an archive without a byte, and a writer that keeps nothing.
type noBytes struct{}

func (*noBytes) Read([]byte) (int, error)        { return 0, io.EOF }
func (*noBytes) Write(bytes []byte) (int, error) { return len(bytes), nil }
