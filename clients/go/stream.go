package holkas

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
)

// Stream is the messages of one call, in order, as they come:
//
//	defer stream.Close()
//	for stream.Next() {
//		use(stream.Message())
//	}
//	return stream.Err()
//
// One goroutine at a time; Close may come from any.
type Stream[M any] struct {
	cancel  context.CancelFunc
	receive func() (M, error)
	// Undoes or completes what goes with the call, once, when it ended this way; gives how it ended.
	onEnd func(error) error

	// Held while a message is waited for. Guards what follows.
	mutex   sync.Mutex
	message M
	err     error
	ended   bool
}

// newStream makes the stream of a call: `receive` gives io.EOF at its end.
func newStream[M any](cancel context.CancelFunc, receive func() (M, error)) *Stream[M] {
	return &Stream[M]{cancel: cancel, receive: receive, onEnd: keepError}
}

// failedStream makes the stream of a call that could not be begun.
func failedStream[M any](cancel context.CancelFunc, err error) *Stream[M] {
	return newStream(cancel, func() (none M, _ error) { return none, err })
}

func keepError(err error) error { return err }

// Next waits for the next message; false when there is none, because the call is over or failed.
func (s *Stream[M]) Next() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return false
	}
	message, err := s.receive()
	if err != nil {
		if err == io.EOF {
			err = nil
		}
		s.end(err)
		return false
	}
	s.message = message
	return true
}

// Message is what the last Next found. It is the caller's to keep.
func (s *Stream[M]) Message() M {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.message
}

// Err is why the call failed; nil while it runs and where it did not. A call that Close ended is
// ErrCancelled.
func (s *Stream[M]) Err() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.err
}

// Close ends the call. One that is not over is cancelled: its worker is killed and what it had not
// published undone. Closing again does nothing.
func (s *Stream[M]) Close() {
	s.cancel()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.ended {
		s.end(&Error{Code: codes.Canceled, Message: "the stream was closed"})
	}
}

// end is called with the mutex held, once.
func (s *Stream[M]) end(err error) {
	s.ended = true
	s.cancel()
	s.err = s.onEnd(fromRPC(err))
}
