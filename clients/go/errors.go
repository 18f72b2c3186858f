package holkas

import (
	"context"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errorDomain is the google.rpc.ErrorInfo domain of the errors of Holkas.
const errorDomain = "holkas.dev"

// Error is why a call failed. errors.As finds it, errors.Is compares its code with ErrNotFound and its
// like, and with context.Canceled and context.DeadlineExceeded.
type Error struct {
	// Code is gRPC's.
	Code codes.Code
	// Reason tells failures of one code apart, UPPER_SNAKE: the list is in image_service.proto. Empty
	// where the server did not give one, or was not reached. It is stable.
	Reason string
	// Domain is `holkas.dev` where there is a reason; otherwise empty.
	Domain string
	// Metadata is what belongs to the reason, for example the name of a field. It may be nil.
	Metadata map[string]string
	// Message is for people. It is not stable.
	Message string

	cause error
}

// Error is the message with the code and the reason.
func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("holkas: %s (%s)", e.Message, e.Code)
	}
	return fmt.Sprintf("holkas: %s (%s, %s)", e.Message, e.Code, e.Reason)
}

// Unwrap is the error that gRPC gave, which the functions of google.golang.org/grpc/status know.
func (e *Error) Unwrap() error { return e.cause }

// Is says whether the target stands for the error's code.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Code == codes.Canceled
	case context.DeadlineExceeded:
		return e.Code == codes.DeadlineExceeded
	}
	kind, ok := target.(errorKind)
	return ok && codes.Code(kind) == e.Code
}

// errorKind stands for all errors with one code.
type errorKind codes.Code

func (k errorKind) Error() string { return "holkas: " + codes.Code(k).String() }

// What errors.Is compares with, one for each code but UNKNOWN, ALREADY_EXISTS and OUT_OF_RANGE, which are
// to be compared with Error.Code.
var (
	// ErrCancelled means that the caller ended the call.
	ErrCancelled error = errorKind(codes.Canceled)
	// ErrInvalidArgument means that the request is malformed.
	ErrInvalidArgument error = errorKind(codes.InvalidArgument)
	// ErrDeadlineExceeded means that the caller's deadline or the server's limit passed.
	ErrDeadlineExceeded error = errorKind(codes.DeadlineExceeded)
	// ErrNotFound means that there is no such image, tag, blob, platform or repository.
	ErrNotFound error = errorKind(codes.NotFound)
	// ErrPermissionDenied means that the server or the registry refused.
	ErrPermissionDenied error = errorKind(codes.PermissionDenied)
	// ErrUnauthenticated means that the server does not know who calls, or the registry did not accept
	// the credentials.
	ErrUnauthenticated error = errorKind(codes.Unauthenticated)
	// ErrResourceExhausted means that a limit was reached, or that a disk is full.
	ErrResourceExhausted error = errorKind(codes.ResourceExhausted)
	// ErrFailedPrecondition means that the source or the destination is not as the call needs it.
	ErrFailedPrecondition error = errorKind(codes.FailedPrecondition)
	// ErrAborted means that somebody else changed the destination meanwhile.
	ErrAborted error = errorKind(codes.Aborted)
	// ErrUnimplemented means that the server's version does not do it.
	ErrUnimplemented error = errorKind(codes.Unimplemented)
	// ErrInternal means that the process that served the call ended abnormally, or could not be made.
	ErrInternal error = errorKind(codes.Internal)
	// ErrUnavailable means that the server or the registry was not reached, after retries.
	ErrUnavailable error = errorKind(codes.Unavailable)
	// ErrDataLoss means that bytes do not match their digest or size.
	ErrDataLoss error = errorKind(codes.DataLoss)
)

// fromRPC makes an *Error of what gRPC gave for a call. Other errors stay as they are, and so does nil.
func fromRPC(err error) error {
	told, ok := status.FromError(err)
	if _, known := err.(*Error); known || !ok || err == nil {
		return err
	}
	made := &Error{Code: told.Code(), Message: told.Message(), cause: err}
	for _, detail := range told.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if ok && info.GetDomain() == errorDomain {
			made.Reason, made.Domain, made.Metadata = info.GetReason(), errorDomain, info.GetMetadata()
			break
		}
	}
	return made
}
