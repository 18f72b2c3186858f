package holkas_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// received is what a fake server got of an Import.
type received struct {
	options  *holkaspb.ImportOptions
	archive  []byte
	messages int
	largest  int
}

// receive reads an Import to its end.
func receive(stream holkaspb.ImageService_ImportServer) (received, error) {
	var all received
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if options := message.GetOptions(); options != nil {
			all.options = options
			continue
		}
		all.messages++
		all.archive = append(all.archive, message.GetChunk()...)
		if len(message.GetChunk()) > all.largest {
			all.largest = len(message.GetChunk())
		}
	}
}

// importServer takes one Import and answers with how many bytes it got, and a result.
func importServer(got *received) *fakeService {
	return &fakeService{imports: func(stream holkaspb.ImageService_ImportServer) error {
		all, err := receive(stream)
		if err != nil {
			return err
		}
		*got = all
		_ = stream.Send(&holkaspb.ImportResponse{Event: &holkaspb.ImportResponse_ReceivedBytes{ReceivedBytes: int64(len(all.archive))}})
		return stream.Send(importEvent(copyResult("sha256:imported")))
	}}
}

func importEvent(event *holkaspb.CopyResponse) *holkaspb.ImportResponse {
	return &holkaspb.ImportResponse{Event: &holkaspb.ImportResponse_Copy{Copy: event}}
}

// somewhere is the options of an Import.
func somewhere() *holkaspb.ImportOptions {
	return &holkaspb.ImportOptions{Copy: &holkaspb.CopyRequest{Destination: "oci:/srv/layout:app"}}
}

func TestImportSendsTheWholeArchiveInChunks(t *testing.T) {
	archive := bytes.Repeat([]byte("a layer's bytes."), 100_000)
	var got received
	var told int64
	result, err := connect(t, importServer(&got)).
		Import(context.Background(), somewhere(), bytes.NewReader(archive)).
		Wait(func(event *holkaspb.ImportResponse) {
			if event.GetReceivedBytes() != 0 {
				told = event.GetReceivedBytes()
			}
		})
	if err != nil || result.GetManifestDigest() != "sha256:imported" {
		t.Fatalf("got %v, %v", result, err)
	}
	if got.options.GetCopy().GetDestination() != "oci:/srv/layout:app" || got.options.GetSizeBytes() != 0 {
		t.Errorf("options are %v", got.options)
	}
	if sha256.Sum256(got.archive) != sha256.Sum256(archive) || told != int64(len(archive)) {
		t.Errorf("%d bytes arrived, %d were told, want %d", len(got.archive), told, len(archive))
	}
	if got.messages != 4 || got.largest != 512<<10 {
		t.Errorf("%d chunks, the largest %d bytes, want 4 of 512 KiB", got.messages, got.largest)
	}
}

func TestImportedFileTellsItsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive.tar")
	if err := os.WriteFile(path, make([]byte, 700_000), 0o600); err != nil {
		t.Fatal(err)
	}
	var got received
	client := connect(t, importServer(&got))
	options := somewhere()
	if _, err := client.ImportFile(context.Background(), options, path).Wait(nil); err != nil {
		t.Fatal(err)
	}
	if got.options.GetSizeBytes() != 700_000 || len(got.archive) != 700_000 {
		t.Errorf("%d bytes arrived, options are %v", len(got.archive), got.options)
	}
	if options.GetSizeBytes() != 0 {
		t.Error("the caller's options were changed")
	}
	_, err := client.ImportFile(context.Background(), options, path+".gone").Wait(nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
}

// endless is an archive without an end that counts what is read of it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(into []byte) (int, error) {
	e.read.Add(int64(len(into)))
	return len(into), nil
}

func TestArchiveIsReadNoFasterThanTheServerTakesIt(t *testing.T) {
	ended := make(chan struct{})
	client := connect(t, &fakeService{imports: func(stream holkaspb.ImageService_ImportServer) error {
		<-stream.Context().Done()
		close(ended)
		return nil
	}})
	archive := new(endless)
	events := client.Import(context.Background(), somewhere(), archive)
	last := int64(-1)
	for archive.read.Load() != last {
		last = archive.read.Load()
		time.Sleep(50 * time.Millisecond)
	}
	events.Close()
	waitFor(t, ended)
	if last > 4<<20 {
		t.Errorf("%d bytes were read for a server that takes none", last)
	}
}

func TestServerThatHasTheArchiveIsSentNoMore(t *testing.T) {
	client := connect(t, &fakeService{imports: func(stream holkaspb.ImageService_ImportServer) error {
		_ = stream.Send(&holkaspb.ImportResponse{Event: &holkaspb.ImportResponse_Attached{Attached: &holkaspb.ImportAttached{}}})
		// Half-closing ends this: an archive without an end would not.
		if _, err := receive(stream); err != nil {
			return err
		}
		return stream.Send(importEvent(copyResult("sha256:first")))
	}})
	result, err := client.Import(context.Background(), somewhere(), new(endless)).Wait(nil)
	if err != nil || result.GetManifestDigest() != "sha256:first" {
		t.Errorf("got %v, %v", result, err)
	}
}

func TestRefusedImportTellsTheServersReason(t *testing.T) {
	client := connect(t, &fakeService{imports: func(stream holkaspb.ImageService_ImportServer) error {
		return fail(codes.ResourceExhausted, "SPOOL_QUOTA_EXCEEDED", "too large", map[string]string{"limit_bytes": "1"})
	}})
	_, err := client.Import(context.Background(), somewhere(), new(endless)).Wait(nil)
	var told *holkas.Error
	if !errors.As(err, &told) || told.Reason != "SPOOL_QUOTA_EXCEEDED" || told.Metadata["limit_bytes"] != "1" {
		t.Errorf("got %v, want SPOOL_QUOTA_EXCEEDED", err)
	}
}

// broken is an archive that cannot be read to its end.
type broken struct{ left int }

var errDisk = errors.New("the disk is gone")

func (b *broken) Read(into []byte) (int, error) {
	if b.left == 0 {
		return 0, errDisk
	}
	b.left--
	return len(into), nil
}

func TestArchiveThatCannotBeReadIsNotTakenForAShortOne(t *testing.T) {
	ended := make(chan error, 1)
	client := connect(t, &fakeService{imports: func(stream holkaspb.ImageService_ImportServer) error {
		_, err := receive(stream)
		ended <- err
		return err
	}})
	_, err := client.Import(context.Background(), somewhere(), &broken{left: 3}).Wait(nil)
	if !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if err := <-ended; err == nil {
		t.Error("the server saw the end of an archive")
	}
}
