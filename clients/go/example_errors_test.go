package holkas_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

func ExampleError() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:evil"})
	var failure *holkas.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Code, failure.Reason, failure.Metadata["worker_exit"])
	}
	// Output: Internal WORKER_DIED signal 31
}

func ExampleError_Error() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:gone"})
	fmt.Println(err)
	// Output: holkas: no such image (NotFound, MANIFEST_UNKNOWN)
}

func ExampleError_Is() {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := client.GetServerInfo(cancelled)
	fmt.Println(errors.Is(err, holkas.ErrCancelled), errors.Is(err, context.Canceled))
	// Output: true true
}

func ExampleError_Unwrap() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:gone"})
	fmt.Println(errors.Unwrap(err))
	// Output: rpc error: code = NotFound desc = no such image
}

func ExampleErrCancelled() {
	events := client.Copy(ctx, &holkaspb.CopyRequest{Source: "docker://registry.example.com/app:1", Destination: "dir:/srv/app"})
	events.Close()
	if errors.Is(events.Err(), holkas.ErrCancelled) {
		fmt.Println("the copy was abandoned")
	}
	// Output: the copy was abandoned
}

func ExampleErrDeadlineExceeded() {
	short, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	_, err := client.Inspect(short, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:1"})
	if errors.Is(err, holkas.ErrDeadlineExceeded) {
		fmt.Println("a nanosecond is not enough")
	}
	// Output: a nanosecond is not enough
}

func ExampleErrInvalidArgument() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:"})
	if errors.Is(err, holkas.ErrInvalidArgument) {
		fmt.Println("no such name can be")
	}
	// Output: no such name can be
}

func ExampleErrNotFound() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:gone"})
	if errors.Is(err, holkas.ErrNotFound) {
		fmt.Println("there is no such image")
	}
	// Output: there is no such image
}

func ExampleErrPermissionDenied() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:forbidden"})
	if errors.Is(err, holkas.ErrPermissionDenied) {
		fmt.Println("ask somebody for access")
	}
	// Output: ask somebody for access
}

func ExampleErrUnauthenticated() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:private"})
	if errors.Is(err, holkas.ErrUnauthenticated) {
		fmt.Println("log in first")
	}
	// Output: log in first
}

func ExampleErrResourceExhausted() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:huge"})
	if errors.Is(err, holkas.ErrResourceExhausted) {
		fmt.Println("too much of something")
	}
	// Output: too much of something
}

func ExampleErrFailedPrecondition() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:odd"})
	if errors.Is(err, holkas.ErrFailedPrecondition) {
		fmt.Println("the image is malformed")
	}
	// Output: the image is malformed
}

func ExampleErrAborted() {
	_, err := client.Copy(ctx, &holkaspb.CopyRequest{Source: "docker://registry.example.com/app:moving", Destination: "oci:/srv/layout:app"}).Wait(nil)
	if errors.Is(err, holkas.ErrAborted) {
		fmt.Println("somebody else changed it: try again")
	}
	// Output: somebody else changed it: try again
}

func ExampleErrUnimplemented() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:new"})
	if errors.Is(err, holkas.ErrUnimplemented) {
		fmt.Println("this needs a newer server")
	}
	// Output: this needs a newer server
}

func ExampleErrInternal() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:evil"})
	if errors.Is(err, holkas.ErrInternal) {
		fmt.Println("the worker was killed")
	}
	// Output: the worker was killed
}

func ExampleErrUnavailable() {
	_, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:far"})
	if errors.Is(err, holkas.ErrUnavailable) {
		fmt.Println("try again later")
	}
	// Output: try again later
}

func ExampleErrDataLoss() {
	_, err := client.Copy(ctx, &holkaspb.CopyRequest{Source: "docker://registry.example.com/app:corrupt", Destination: "dir:/srv/app"}).Wait(nil)
	if errors.Is(err, holkas.ErrDataLoss) {
		fmt.Println("the registry has other bytes than it says")
	}
	// Output: the registry has other bytes than it says
}
