package holkas

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"google.golang.org/protobuf/proto"

	"holkas.dev/clients/go/holkaspb"
)

// How much of an archive goes into one message.
const chunkBytes = 512 << 10

// Import sends an archive to the server, which copies the image in it to options.Copy.Destination. The
// stream tells how many bytes have arrived, and then the events of the copy.
//
// The archive is read by a goroutine, no faster than the server takes it, and no further when the
// server says that it has it already. A read under way when the stream ends is not interrupted: wait
// for it before you use the reader. Its error ends the call, and is the stream's.
func (c *Client) Import(ctx context.Context, options *holkaspb.ImportOptions, archive io.Reader) *CopyStream[*holkaspb.ImportResponse] {
	return c.importFrom(ctx, options, archive, func() {})
}

// ImportFile is Import of a file. Its size goes with the options where they have none.
func (c *Client) ImportFile(ctx context.Context, options *holkaspb.ImportOptions, path string) *CopyStream[*holkaspb.ImportResponse] {
	file, err := os.Open(path)
	if err != nil {
		return failedCopy[*holkaspb.ImportResponse](func() {}, fmt.Errorf("holkas: open archive: %w", err))
	}
	if about, err := file.Stat(); err == nil && about.Mode().IsRegular() && options.GetSizeBytes() == 0 {
		options = proto.Clone(options).(*holkaspb.ImportOptions)
		options.SizeBytes = about.Size()
	}
	return c.importFrom(ctx, options, file, func() { file.Close() })
}

// importFrom calls `done` when the archive is no longer read.
func (c *Client) importFrom(ctx context.Context, options *holkaspb.ImportOptions, archive io.Reader, done func()) *CopyStream[*holkaspb.ImportResponse] {
	ctx, cancel := limit(ctx, c.timeouts.Import)
	call, err := c.service.Import(ctx)
	if err != nil {
		done()
		return failedCopy[*holkaspb.ImportResponse](cancel, err)
	}
	sender := &archiveSender{call: call, cancel: cancel}
	go func() {
		defer done()
		sender.send(options, archive)
	}()
	receive := func() (*holkaspb.ImportResponse, error) {
		message, err := call.Recv()
		if failure := sender.failure(); err != nil && err != io.EOF && failure != nil {
			return nil, failure
		}
		if message.GetAttached() != nil {
			sender.stop()
		}
		return message, err
	}
	return newCopyStream(cancel, receive, func(m *holkaspb.ImportResponse) *holkaspb.CopyResult {
		return m.GetCopy().GetResult()
	})
}

// archiveSender is the sending half of an Import.
type archiveSender struct {
	call   holkaspb.ImageService_ImportClient
	cancel context.CancelFunc

	mutex   sync.Mutex
	stopped bool
	failed  error
}

// send sends the options and the archive until that ends, stop is called, or the call is over, whose
// receiving half then tells why. Where the archive cannot be read, the call is cancelled: half-closing
// would give the server a short one as if it were whole.
func (s *archiveSender) send(options *holkaspb.ImportOptions, archive io.Reader) {
	first := &holkaspb.ImportRequest{Part: &holkaspb.ImportRequest_Options{Options: options}}
	if s.call.Send(first) != nil {
		return
	}
	for !s.isStopped() {
		// gRPC may look at a message after it was sent: none uses another's memory.
		chunk := make([]byte, chunkBytes)
		size, err := io.ReadFull(archive, chunk)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			s.fail(fmt.Errorf("holkas: read archive: %w", err))
			return
		}
		if size != 0 && s.call.Send(&holkaspb.ImportRequest{Part: &holkaspb.ImportRequest_Chunk{Chunk: chunk[:size]}}) != nil {
			return
		}
		if err != nil {
			break
		}
	}
	// Its failure is the call's, which the receiving half tells.
	_ = s.call.CloseSend()
}

func (s *archiveSender) fail(err error) {
	s.mutex.Lock()
	s.failed = err
	s.mutex.Unlock()
	s.cancel()
}

func (s *archiveSender) failure() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.failed
}

func (s *archiveSender) stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.stopped = true
}

func (s *archiveSender) isStopped() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.stopped
}
