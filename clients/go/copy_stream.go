package holkas

import (
	"context"
	"io"

	"google.golang.org/grpc/codes"

	"holkas.dev/clients/go/holkaspb"
)

// CopyStream is the events of a Copy, an Import or an Export, with its result.
type CopyStream[M any] struct {
	Stream[M]
	result *holkaspb.CopyResult
}

// newCopyStream takes the result from the message that has it. A call that ends well without one is an
// error: nobody could know what was copied.
func newCopyStream[M any](cancel context.CancelFunc, receive func() (M, error), resultOf func(M) *holkaspb.CopyResult) *CopyStream[M] {
	stream := &CopyStream[M]{}
	stream.cancel = cancel
	stream.receive = func() (M, error) {
		message, err := receive()
		switch {
		case err == nil:
			if result := resultOf(message); result != nil {
				stream.result = result
			}
		case err == io.EOF && stream.result == nil:
			err = &Error{Code: codes.Internal, Message: "the server told no result"}
		}
		return message, err
	}
	stream.onEnd = keepError
	return stream
}

func failedCopy[M any](cancel context.CancelFunc, err error) *CopyStream[M] {
	fail := func() (none M, _ error) { return none, err }
	return newCopyStream(cancel, fail, func(M) *holkaspb.CopyResult { return nil })
}

// Result is what the copy did; nil where it is not over, and where it failed.
func (s *CopyStream[M]) Result() *holkaspb.CopyResult {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.ended || s.err != nil {
		return nil
	}
	return s.result
}

// Wait waits for the end, gives each event to progress as it comes, unless that is nil, and closes the
// stream.
func (s *CopyStream[M]) Wait(progress func(M)) (*holkaspb.CopyResult, error) {
	defer s.Close()
	for s.Next() {
		if progress != nil {
			progress(s.Message())
		}
	}
	return s.Result(), s.Err()
}
