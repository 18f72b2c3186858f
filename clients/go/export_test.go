package holkas_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// exportServer sends the events of a copy, then these chunks, then fails with the error, if any.
func exportServer(failure error, chunks ...string) *fakeService {
	return &fakeService{export: func(_ *holkaspb.ExportRequest, stream holkaspb.ImageService_ExportServer) error {
		for _, event := range []*holkaspb.CopyResponse{copyEvent("sha256:1"), copyResult("sha256:exported")} {
			_ = stream.Send(&holkaspb.ExportResponse{Event: &holkaspb.ExportResponse_Copy{Copy: event}})
		}
		for _, chunk := range chunks {
			_ = stream.Send(&holkaspb.ExportResponse{Event: &holkaspb.ExportResponse_Chunk{Chunk: []byte(chunk)}})
		}
		return failure
	}}
}

func something() *holkaspb.ExportRequest {
	return &holkaspb.ExportRequest{Copy: &holkaspb.CopyRequest{Source: "oci:/srv/layout:app"}}
}

// files is the names and contents of the files in a directory.
func files(t *testing.T, directory string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(directory, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name()] = string(content)
	}
	return found
}

func TestExportWritesTheArchive(t *testing.T) {
	var archive bytes.Buffer
	events := 0
	result, err := connect(t, exportServer(nil, "first ", "second")).
		Export(context.Background(), something(), &archive).
		Wait(func(*holkaspb.CopyResponse) { events++ })
	if err != nil || result.GetManifestDigest() != "sha256:exported" || events != 2 {
		t.Errorf("got %v, %v after %d events", result, err, events)
	}
	if archive.String() != "first second" {
		t.Errorf("the archive is %q", archive.String())
	}
}

func TestExportedFileTakesItsPlaceAtTheEnd(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "archive.tar")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	events := connect(t, exportServer(nil, "first ", "second")).ExportFile(context.Background(), something(), path)
	for events.Next() {
		if found := files(t, directory); found["archive.tar"] != "old" || len(found) != 2 {
			t.Errorf("before the end there is %q", found)
		}
	}
	if found := files(t, directory); events.Err() != nil || len(found) != 1 || found["archive.tar"] != "first second" {
		t.Errorf("got %v, at the end there is %q", events.Err(), found)
	}
}

func TestFailedExportLeavesTheOldFile(t *testing.T) {
	lost := fail(codes.Unavailable, "REGISTRY_UNAVAILABLE", "gone", nil)
	for name, failure := range map[string]error{"new": lost, "old": lost} {
		directory := t.TempDir()
		path := filepath.Join(directory, "archive.tar")
		want := map[string]string{}
		if name == "old" {
			want["archive.tar"] = "old"
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		result, err := connect(t, exportServer(failure, "first ")).ExportFile(context.Background(), something(), path).Wait(nil)
		if !errors.Is(err, holkas.ErrUnavailable) || result != nil {
			t.Errorf("got %v, %v, want UNAVAILABLE", result, err)
		}
		if found := files(t, directory); len(found) != len(want) || found["archive.tar"] != want["archive.tar"] {
			t.Errorf("there is %q, want %q", found, want)
		}
	}
}

func TestClosedExportLeavesNoFile(t *testing.T) {
	directory := t.TempDir()
	events := connect(t, exportServer(nil, "first ")).ExportFile(context.Background(), something(), filepath.Join(directory, "archive.tar"))
	if !events.Next() {
		t.Fatal(events.Err())
	}
	events.Close()
	if found := files(t, directory); len(found) != 0 {
		t.Errorf("there is %q", found)
	}
}

func TestExportIntoNoDirectoryCallsNobody(t *testing.T) {
	called := false
	client := connect(t, &fakeService{onCall: func(context.Context, string) error {
		called = true
		return nil
	}})
	_, err := client.ExportFile(context.Background(), something(), "/nonexistent/archive.tar").Wait(nil)
	if !errors.Is(err, os.ErrNotExist) || called {
		t.Errorf("got %v, called: %v", err, called)
	}
}

func TestExportFollowsLinks(t *testing.T) {
	directory := t.TempDir()
	there := filepath.Join(directory, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(there, "old"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := connect(t, exportServer(nil, "archive"))
	for _, name := range []string{"old", "new"} {
		link := filepath.Join(directory, name)
		if err := os.Symlink("there/"+name, link); err != nil {
			t.Fatal(err)
		}
		if _, err := client.ExportFile(context.Background(), something(), link).Wait(nil); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
			t.Errorf("the link is %v, %v", info, err)
		}
	}
	if found := files(t, there); len(found) != 2 || found["old"] != "archive" || found["new"] != "archive" {
		t.Errorf("there is %q", found)
	}
}

func TestExportGoesWhereTheKernelDoes(t *testing.T) {
	// link leads to far/in, so that link/.. is far, and not what holds link.
	root := t.TempDir()
	near, far := filepath.Join(root, "near"), filepath.Join(root, "far")
	for _, directory := range []string{near, filepath.Join(far, "in")} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../far/in", filepath.Join(near, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("link/../b.tar", filepath.Join(near, "b.tar")); err != nil {
		t.Fatal(err)
	}
	// What the second leads to is a link itself, whose directory is far.
	if err := os.Symlink("in/../c.tar", filepath.Join(far, "b.tar")); err != nil {
		t.Fatal(err)
	}
	client := connect(t, exportServer(nil, "archive"))
	for path, name := range map[string]string{"/link/../a.tar": "a.tar", "/b.tar": "c.tar"} {
		events := client.ExportFile(context.Background(), something(), near+path)
		if !events.Next() {
			t.Fatal(events.Err())
		}
		if beside, _ := filepath.Glob(filepath.Join(far, ".holkas-*")); len(beside) != 1 {
			t.Errorf("%s: beside it there are %q", path, beside)
		}
		if _, err := events.Wait(nil); err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(filepath.Join(far, name)); string(content) != "archive" {
			t.Errorf("%s: got %q, %v", path, content, err)
		}
	}
	for directory, want := range map[string]int{near: 2, far: 4} {
		if entries, err := os.ReadDir(directory); err != nil || len(entries) != want {
			t.Errorf("%s has %v, %v", directory, entries, err)
		}
	}
}

func TestExportTakesANameWithoutADirectory(t *testing.T) {
	was, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	if err := os.Chdir(directory); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chdir(was) }()
	if _, err := connect(t, exportServer(nil, "archive")).ExportFile(context.Background(), something(), "a.tar").Wait(nil); err != nil {
		t.Fatal(err)
	}
	if found := files(t, directory); len(found) != 1 || found["a.tar"] != "archive" {
		t.Errorf("there is %q", found)
	}
}

func TestExportReplacesNothingButFiles(t *testing.T) {
	directory := t.TempDir()
	loop, socket := filepath.Join(directory, "loop"), filepath.Join(directory, "socket")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := connect(t, exportServer(nil, "archive"))
	for path, want := range map[string]error{socket: os.ErrExist, directory: os.ErrExist, loop: syscall.ELOOP} {
		if _, err := client.ExportFile(context.Background(), something(), path).Wait(nil); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// pipe makes a pipe and a link to it, and gives the paths of both.
func pipe(t *testing.T) (pipe, link string) {
	t.Helper()
	pipe, link = filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	return pipe, link
}

func TestExportWritesPipesAndDevicesAsTheyAre(t *testing.T) {
	archive := strings.Repeat("archive ", 1<<17)
	pipe, link := pipe(t)
	client := connect(t, exportServer(nil, archive))
	for _, path := range []string{pipe, link} {
		read := make(chan string)
		go func() {
			content, _ := os.ReadFile(pipe)
			read <- string(content)
		}()
		if _, err := client.ExportFile(context.Background(), something(), path).Wait(nil); err != nil {
			t.Fatal(err)
		}
		if got := <-read; got != archive {
			t.Errorf("%s: got %d bytes, want %d", path, len(got), len(archive))
		}
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe is %v, %v", info, err)
	}
	if _, err := client.ExportFile(context.Background(), something(), "/dev/null").Wait(nil); err != nil {
		t.Error(err)
	}
}

func TestExportToAPipeThatNobodyReadsEndsWithItsContext(t *testing.T) {
	pipe, _ := pipe(t)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := connect(t, exportServer(nil, "archive")).ExportFile(ctx, something(), pipe).Wait(nil)
	if !errors.Is(err, holkas.ErrDeadlineExceeded) {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
}

func TestExportToAPipeThatNobodyReadsEndsWithItsTimeout(t *testing.T) {
	pipe, _ := pipe(t)
	timeouts := holkas.DefaultTimeouts()
	timeouts.Export = 100 * time.Millisecond
	ended := make(chan struct{})
	client := connect(t, exportServer(nil, "archive"), holkas.WithTimeouts(timeouts))
	go func() {
		defer close(ended)
		_, err := client.ExportFile(context.Background(), something(), pipe).Wait(nil)
		if !errors.Is(err, holkas.ErrDeadlineExceeded) {
			t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
		}
	}()
	waitFor(t, ended)
}

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDisk }

func TestWriterThatFailsEndsTheCall(t *testing.T) {
	ended := make(chan struct{})
	client := connect(t, &fakeService{export: func(_ *holkaspb.ExportRequest, stream holkaspb.ImageService_ExportServer) error {
		_ = stream.Send(&holkaspb.ExportResponse{Event: &holkaspb.ExportResponse_Chunk{Chunk: []byte("first ")}})
		<-stream.Context().Done()
		close(ended)
		return nil
	}})
	events := client.Export(context.Background(), something(), full{})
	if events.Next() || !errors.Is(events.Err(), errDisk) {
		t.Errorf("got %v, want the writer's error", events.Err())
	}
	waitFor(t, ended)
}
