package holkas_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// endlessCopy is a server whose copies send one event, and end when the caller hangs up: `hungUp` is
// closed then.
func endlessCopy() (service *fakeService, hungUp chan struct{}) {
	hungUp = make(chan struct{})
	return &fakeService{copy: func(_ *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
		_ = stream.Send(copyEvent("sha256:1"))
		<-stream.Context().Done()
		close(hungUp)
		return nil
	}}, hungUp
}

func waitFor(t *testing.T, done chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the server's call does not end")
	}
}

func TestStreamGivesMessagesInOrder(t *testing.T) {
	client := connect(t, &fakeService{copy: func(request *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
		_ = stream.Send(copyEvent("sha256:1"))
		_ = stream.Send(copyEvent("sha256:2"))
		return stream.Send(copyResult("of " + request.GetSource()))
	}})
	events := client.Copy(context.Background(), &holkaspb.CopyRequest{Source: "dir:/a"})
	defer events.Close()
	for _, want := range []string{"sha256:1", "sha256:2"} {
		if !events.Next() || events.Message().GetBlobStarted().GetDigest() != want {
			t.Fatalf("got %v, %v, want %s", events.Message(), events.Err(), want)
		}
	}
	if events.Result() != nil {
		t.Error("there is a result before the end")
	}
	if !events.Next() || events.Message().GetResult() == nil || events.Next() || events.Err() != nil {
		t.Fatalf("got %v, %v, want the result and the end", events.Message(), events.Err())
	}
	if events.Result().GetManifestDigest() != "of dir:/a" {
		t.Errorf("got %v", events.Result())
	}
}

func TestStreamTellsWhyItEnded(t *testing.T) {
	client := connect(t, &fakeService{copy: func(_ *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
		_ = stream.Send(copyEvent("sha256:1"))
		_ = stream.Send(copyResult("sha256:2"))
		return fail(codes.DataLoss, "CONTENT_MISMATCH", "layer is not what it says", nil)
	}})
	seen := 0
	result, err := client.Copy(context.Background(), &holkaspb.CopyRequest{}).Wait(func(*holkaspb.CopyResponse) { seen++ })
	if !errors.Is(err, holkas.ErrDataLoss) || result != nil || seen != 2 {
		t.Errorf("got %v, %v after %d events, want DATA_LOSS after 2", result, err, seen)
	}
}

func TestCopyWithoutResultIsAnError(t *testing.T) {
	client := connect(t, &fakeService{copy: func(_ *holkaspb.CopyRequest, stream holkaspb.ImageService_CopyServer) error {
		return stream.Send(copyEvent("sha256:1"))
	}})
	result, err := client.Copy(context.Background(), &holkaspb.CopyRequest{}).Wait(nil)
	if !errors.Is(err, holkas.ErrInternal) || result != nil {
		t.Errorf("got %v, %v, want INTERNAL", result, err)
	}
}

func TestClosedStreamEndsTheCall(t *testing.T) {
	service, hungUp := endlessCopy()
	events := connect(t, service).Copy(context.Background(), &holkaspb.CopyRequest{})
	if !events.Next() {
		t.Fatal(events.Err())
	}
	events.Close()
	waitFor(t, hungUp)
	if events.Next() || !errors.Is(events.Err(), holkas.ErrCancelled) {
		t.Errorf("got %v, want CANCELLED", events.Err())
	}
	events.Close()
}

func TestStreamIsClosedWhileSomebodyWaits(t *testing.T) {
	service, hungUp := endlessCopy()
	events := connect(t, service).Copy(context.Background(), &holkaspb.CopyRequest{})
	_, err := events.Wait(func(*holkaspb.CopyResponse) { go events.Close() })
	waitFor(t, hungUp)
	if !errors.Is(err, holkas.ErrCancelled) {
		t.Errorf("got %v, want CANCELLED", err)
	}
}

func TestCancelledContextEndsTheCall(t *testing.T) {
	service, hungUp := endlessCopy()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := connect(t, service).Copy(ctx, &holkaspb.CopyRequest{}).Wait(func(*holkaspb.CopyResponse) { cancel() })
	waitFor(t, hungUp)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want CANCELLED", err)
	}
}

func TestPanicOfTheCallerEndsTheCall(t *testing.T) {
	service, hungUp := endlessCopy()
	client := connect(t, service)
	func() {
		defer func() { _ = recover() }()
		_, _ = client.Copy(context.Background(), &holkaspb.CopyRequest{}).Wait(func(*holkaspb.CopyResponse) { panic("enough") })
	}()
	waitFor(t, hungUp)
}

func TestClosedClientEndsItsCalls(t *testing.T) {
	service, hungUp := endlessCopy()
	client := connect(t, service)
	_, err := client.Copy(context.Background(), &holkaspb.CopyRequest{}).Wait(func(*holkaspb.CopyResponse) { client.Close() })
	waitFor(t, hungUp)
	if !errors.Is(err, holkas.ErrCancelled) {
		t.Errorf("got %v, want CANCELLED", err)
	}
}
