package api

// Sending events.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

const (
	// ackTimeout is how long acknowledgements may take where a request says nothing, maxAckTimeout the longest.
	ackTimeout    = 5 * time.Second
	maxAckTimeout = 60 * time.Second
)

// An Emission is an event for clients of a namespace: package emission's, and what only backends say.
type Emission struct {
	Namespace string            `json:"namespace,omitempty" default:"/" maxLength:"1024" nullable:"true"`
	Event     string            `json:"event" minLength:"1" maxLength:"1024"`
	Args      []json.RawMessage `json:"args,omitempty"`
	Binary    []string          `json:"binary,omitempty" maxItems:"10"`
	To        []string          `json:"to,omitempty" maxItems:"1000"`
	Users     []string          `json:"users,omitempty" maxItems:"1000"`
	All       bool              `json:"all,omitempty" nullable:"true"`
	Except    []string          `json:"except,omitempty" maxItems:"1000"`
	Volatile  bool              `json:"volatile,omitempty" nullable:"true"`
}

// AckEmission is an emission that clients acknowledge.
type AckEmission struct {
	Emission
	Timeout int `json:"timeout,omitempty" minimum:"1" maximum:"60000" default:"5000" nullable:"true"`
}

// Batch are several emissions.
type Batch struct {
	Emissions []Emission `json:"emissions" minItems:"1" maxItems:"1000" nullable:"false"`
}

// Done says that something has been handed to the cluster.
type Done struct {
	Incomplete *Incomplete `json:"incomplete,omitempty"`
}

// Acked is what clients have answered.
type Acked struct {
	Answers    []Answer       `json:"answers" nullable:"false"`
	Incomplete *AckIncomplete `json:"incomplete,omitempty"`
}

// An Answer is one client's.
type Answer struct {
	Args   []json.RawMessage `json:"args" nullable:"false"`
	Binary []string          `json:"binary,omitempty" nullable:"false"`
}

// An AckIncomplete says whose acknowledgement is missing.
type AckIncomplete struct {
	Incomplete
	Timeout      bool `json:"timeout"`
	Clients      int  `json:"clients"`
	Disconnected int  `json:"disconnected"`
	Dropped      int  `json:"dropped"`
}

// KeyParam is the header of every request that changes something.
type KeyParam struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255"`
}

// in is a request with a body.
type in[T any] struct {
	KeyParam
	Body T
}

// out is an answer with a body.
type out[T any] struct{ Body T }

func answer[T any](body T) (*out[T], error) { return &out[T]{body}, nil }

// Operations' tags.
const (
	tagEvents  = "events"
	tagMembers = "rooms and connections"
	tagLook    = "who is there"
	tagCluster = "the cluster"
)

// operation is one at a path below /v1. Every one can be answered with further statuses.
func operation(method, path, id, tag, summary, text string, status int) huma.Operation {
	errs := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if method == http.MethodPost {
		errs = append(errs, http.StatusConflict, http.StatusUnsupportedMediaType)
	}
	return huma.Operation{
		Method: method, Path: "/v1" + path, OperationID: id, Tags: []string{tag}, Summary: summary, Description: text,
		DefaultStatus: status, Errors: errs, MaxBodyBytes: -1, // the body has been read already
	}
}

func (a *API) registerEmit() {
	huma.Register(a.huma, operation(http.MethodPost, "/emit", "emit", tagEvents, "Send an event",
		"Clients of all nodes get it. The answer comes as soon as this node's clients' queues have it, and it is on "+
			"its way to the other nodes.", http.StatusAccepted),
		func(_ context.Context, r *in[Emission]) (*out[Done], error) {
			return a.emit([]Emission{r.Body}, func(int) string { return "body" })
		})
	huma.Register(a.huma, operation(http.MethodPost, "/emit-batch", "emitBatch", tagEvents, "Send several events",
		"All are checked before the first is sent. A client gets its in their order.", http.StatusAccepted),
		func(_ context.Context, r *in[Batch]) (*out[Done], error) {
			return a.emit(r.Body.Emissions, func(i int) string { return fmt.Sprintf("body.emissions[%d]", i) })
		})
	huma.Register(a.huma, operation(http.MethodPost, "/emit-with-ack", "emitWithAck", tagEvents,
		"Send an event and wait for the answers",
		"Each client that gets the event is to acknowledge it. The request waits until all have, or are gone, or the "+
			"time is over.", http.StatusOK), a.emitWithAck)
}

// emit sends events. at is where the i-th stands in the request.
func (a *API) emit(all []Emission, at func(i int) string) (*out[Done], error) {
	ready := make([]emission.Emission, len(all))
	namespaces := make([]*socketio.Namespace, len(all))
	for i := range all {
		var err error
		if namespaces[i], ready[i], err = a.prepare(&all[i], at(i)); err != nil {
			return nil, err
		}
	}
	for i := range ready {
		if err := ready[i].Emit(namespaces[i], nil); err != nil {
			return nil, invalid(err, at(i)) // cannot happen: it has been checked
		}
	}
	return answer(Done{a.delayed()})
}

// prepare checks an emission, which stands at a place in the request.
func (a *API) prepare(e *Emission, at string) (*socketio.Namespace, emission.Emission, error) {
	ns, err := a.namespace(e.Namespace, at+".namespace")
	if err != nil {
		return nil, emission.Emission{}, err
	}
	to, err := a.rooms(e.To, e.Users, e.All, at, "to")
	if err != nil {
		return nil, emission.Emission{}, err
	}
	ready := emission.Emission{
		Event: e.Event, Args: array(e.Args), Binary: e.Binary, To: to, Except: e.Except, All: e.All,
		Volatile: e.Volatile,
	}
	if err := ready.Check(); err != nil {
		return nil, emission.Emission{}, invalid(err, at)
	}
	return ns, ready, nil
}

// invalid is the problem of what package emission refuses.
func invalid(err error, at string) *failure {
	return problem(http.StatusUnprocessableEntity, "", "validation failed").at(at, err.Error())
}

// array is the JSON array of values that are valid each.
func array(values []json.RawMessage) json.RawMessage {
	size := 2
	for _, v := range values {
		size += len(v) + 1
	}
	text := append(make([]byte, 0, size), '[')
	for i, v := range values {
		if i > 0 {
			text = append(text, ',')
		}
		if v == nil { // of the JSON text null
			v = json.RawMessage("null")
		}
		text = append(text, v...)
	}
	return append(text, ']')
}

func (a *API) emitWithAck(ctx context.Context, r *in[AckEmission]) (*out[Acked], error) {
	ns, ready, err := a.prepare(&r.Body.Emission, "body")
	if err != nil {
		return nil, err
	}
	args, err := emission.Decode(ready.Args, ready.Binary)
	if err != nil {
		return nil, invalid(err, "body")
	}
	values := make([]any, args.Len())
	for i := range values {
		values[i] = args.Raw(i)
	}
	timeout := ackTimeout
	if r.Body.Timeout > 0 {
		timeout = time.Duration(r.Body.Timeout) * time.Millisecond
	}
	if !a.acks.enter() {
		return nil, problem(http.StatusServiceUnavailable, problemBusy,
			"too many requests wait for acknowledgements").after(time.Second)
	}
	defer a.acks.leave()
	gathered := &gathered{budget: &a.acks, done: make(chan struct{}), servers: -1}
	defer gathered.end()
	opts := socketio.BroadcastOptions{
		Rooms: ready.To, Except: ready.Except, Flags: socketio.BroadcastFlags{Volatile: ready.Volatile},
	}
	if err := gathered.ask(ctx, timeout, ns.Adapter(), ns.NewPacket(ready.Event, values...), opts); err != nil {
		return nil, err
	}
	return answer(gathered.result())
}

// acknowledged is one client's answer.
func acknowledged(args socketio.Args) (Answer, error) {
	raws := make([]socketio.Raw, args.Len())
	for i := range raws {
		raws[i] = args.Raw(i)
	}
	text, binary, err := emission.Encode(raws)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Args: []json.RawMessage{}, Binary: binary}
	if err := json.Unmarshal(text, &answer.Args); err != nil {
		return Answer{}, errors.Join(parser.ErrInvalidPacket, err)
	}
	return answer, nil
}
