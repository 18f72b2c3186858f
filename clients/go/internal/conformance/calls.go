package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// call is one line of input.
type call struct {
	RPC               string          `json:"rpc"`
	Request           json.RawMessage `json:"request"`
	TimeoutSeconds    float64         `json:"timeout_seconds"`
	CancelAfterEvents int             `json:"cancel_after_events"`
	Archive           string          `json:"archive"`
	Output            string          `json:"output"`
	load
}

// answer is one line of output.
type answer struct {
	Events   []json.RawMessage `json:"events"`
	Response json.RawMessage   `json:"response"`
	Error    *failure          `json:"error"`
}

type failure struct {
	Code     string            `json:"code"`
	Reason   string            `json:"reason"`
	Domain   string            `json:"domain"`
	Metadata map[string]string `json:"metadata"`
	Message  string            `json:"message"`
}

// run makes one call.
func run(client *holkas.Client, wanted call) answer {
	ctx := context.Background()
	if wanted.TimeoutSeconds > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(wanted.TimeoutSeconds*float64(time.Second)))
		defer cancel()
		ctx = limited
	}
	result := answer{Events: []json.RawMessage{}}
	if err := result.call(ctx, client, wanted); err != nil {
		result.Error = describe(err)
	}
	return result
}

// call makes the call and keeps what the server answers.
func (a *answer) call(ctx context.Context, client *holkas.Client, wanted call) error {
	switch wanted.RPC {
	case "Inspect":
		return unary(ctx, a, wanted, &holkaspb.InspectRequest{}, client.Inspect)
	case "Copy":
		request := &holkaspb.CopyRequest{}
		return streaming(a, wanted, request, func() stream[*holkaspb.CopyResponse] { return client.Copy(ctx, request) },
			func(event *holkaspb.CopyResponse) proto.Message { return event })
	case "Delete":
		return unary(ctx, a, wanted, &holkaspb.DeleteRequest{}, client.Delete)
	case "ListTags":
		request := &holkaspb.ListTagsRequest{}
		return streaming(a, wanted, request, func() stream[*holkaspb.ListTagsResponse] { return client.ListTags(ctx, request) },
			func(page *holkaspb.ListTagsResponse) proto.Message { return page })
	case "Sync":
		request := &holkaspb.SyncRequest{}
		return streaming(a, wanted, request, func() stream[*holkaspb.SyncResponse] { return client.Sync(ctx, request) },
			func(event *holkaspb.SyncResponse) proto.Message { return event })
	case "Sign":
		return unary(ctx, a, wanted, &holkaspb.SignRequest{}, client.Sign)
	case "Verify":
		return unary(ctx, a, wanted, &holkaspb.VerifyRequest{}, client.Verify)
	case "Import":
		options := &holkaspb.ImportOptions{}
		return streaming(a, wanted, options, func() stream[*holkaspb.ImportResponse] { return client.ImportFile(ctx, options, wanted.Archive) },
			func(event *holkaspb.ImportResponse) proto.Message { return event })
	case "Export":
		request := &holkaspb.ExportRequest{}
		return streaming(a, wanted, request, func() stream[*holkaspb.CopyResponse] { return client.ExportFile(ctx, request, wanted.Output) },
			func(event *holkaspb.CopyResponse) proto.Message {
				return &holkaspb.ExportResponse{Event: &holkaspb.ExportResponse_Copy{Copy: event}}
			})
	case "CheckCredentials":
		return unary(ctx, a, wanted, &holkaspb.CheckCredentialsRequest{},
			func(ctx context.Context, request *holkaspb.CheckCredentialsRequest) (*holkaspb.CheckCredentialsResponse, error) {
				return &holkaspb.CheckCredentialsResponse{}, client.CheckCredentials(ctx, request)
			})
	case "GetServerInfo":
		return unary(ctx, a, wanted, &holkaspb.GetServerInfoRequest{},
			func(ctx context.Context, _ *holkaspb.GetServerInfoRequest) (*holkaspb.GetServerInfoResponse, error) {
				return client.GetServerInfo(ctx)
			})
	}
	return fmt.Errorf("there is no rpc %q", wanted.RPC)
}

func unary[Q, R proto.Message](ctx context.Context, a *answer, wanted call, request Q, make func(context.Context, Q) (R, error)) error {
	if err := parse(wanted, request); err != nil {
		return err
	}
	response, err := make(ctx, request)
	if err != nil {
		return err
	}
	a.Response, err = protojson.Marshal(response)
	return err
}

// stream is what both kinds of streams can do.
type stream[M any] interface {
	Next() bool
	Message() M
	Err() error
	Close()
}

func streaming[M any](a *answer, wanted call, request proto.Message, begin func() stream[M], message func(M) proto.Message) error {
	if err := parse(wanted, request); err != nil {
		return err
	}
	events := begin()
	defer events.Close()
	for events.Next() {
		event, err := protojson.Marshal(message(events.Message()))
		if err != nil {
			return err
		}
		a.Events = append(a.Events, event)
		if len(a.Events) == wanted.CancelAfterEvents {
			events.Close()
		}
	}
	return events.Err()
}

func parse(wanted call, request proto.Message) error {
	if len(wanted.Request) == 0 {
		return nil
	}
	return protojson.Unmarshal(wanted.Request, request)
}

// describe tells an error of a call; another one, for example of a file, is UNKNOWN.
func describe(err error) *failure {
	var told *holkas.Error
	if !errors.As(err, &told) {
		return &failure{Code: code.Code_UNKNOWN.String(), Metadata: map[string]string{}, Message: err.Error()}
	}
	metadata := told.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return &failure{Code: code.Code(told.Code).String(), Reason: told.Reason, Domain: told.Domain,
		Metadata: metadata, Message: told.Message}
}
