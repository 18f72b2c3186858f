package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

// How many errors of a load are told.
const maxErrors = 20

// load is one line of input that makes many calls at a time: Inspects, or Copies that are cancelled
// after a random delay. `{n}` in the request is the call's number.
type load struct {
	Load            string  `json:"load"`
	Count           int     `json:"count"`
	Parallel        int     `json:"parallel"`
	MaxDelaySeconds float64 `json:"max_delay_seconds"`
}

// loadAnswer is what came of them: how many ended as they should, and how many of the Copies did so
// before they were cancelled.
type loadAnswer struct {
	OK        int        `json:"ok"`
	Completed int        `json:"completed"`
	Errors    []*failure `json:"errors"`
}

// run makes the calls with a request of this form.
func (l load) run(client *holkas.Client, request []byte) loadAnswer {
	answer := loadAnswer{Errors: []*failure{}}
	var mutex sync.Mutex
	var calls sync.WaitGroup
	free := make(chan struct{}, l.Parallel)
	for i := 0; i < l.Count; i++ {
		calls.Add(1)
		free <- struct{}{}
		go func(request []byte) {
			defer calls.Done()
			completed, err := l.call(client, request)
			<-free
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				answer.OK++
			} else if len(answer.Errors) < maxErrors {
				answer.Errors = append(answer.Errors, describe(err))
			}
			if completed {
				answer.Completed++
			}
		}(bytes.ReplaceAll(request, []byte("{n}"), []byte(strconv.Itoa(i))))
	}
	calls.Wait()
	return answer
}

// call makes one call, and says whether it came to its result.
func (l load) call(client *holkas.Client, request []byte) (completed bool, err error) {
	switch l.Load {
	case "inspect":
		message := &holkaspb.InspectRequest{}
		if err := protojson.Unmarshal(request, message); err != nil {
			return false, err
		}
		_, err := client.Inspect(context.Background(), message)
		return err == nil, err
	case "cancel":
		message := &holkaspb.CopyRequest{}
		if err := protojson.Unmarshal(request, message); err != nil {
			return false, err
		}
		events := client.Copy(context.Background(), message)
		delay := time.Duration(rand.Float64() * l.MaxDelaySeconds * float64(time.Second))
		defer time.AfterFunc(delay, events.Close).Stop()
		result, err := events.Wait(nil)
		if errors.Is(err, holkas.ErrCancelled) {
			err = nil
		}
		return result != nil, err
	}
	return false, fmt.Errorf("there is no load %q", l.Load)
}
