package api

// What goes wrong, as RFC 9457 has it: application/problem+json, with a type for what a program may want to tell apart.

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// problemType begins the types of problems, which are references relative to the API.
const problemType = "/problems/"

// The types of problems. Those without one are what their status says.
const (
	problemNamespace  = "unknown-namespace"
	problemNobody     = "nobody-selected"
	problemSocket     = "unknown-socket"
	problemPresence   = "presence-off"
	problemUsers      = "users-off"
	problemIncomplete = "incomplete"
	problemBusy       = "busy"
	problemKeyReused  = "key-reused"
	problemKeyRunning = "key-running"
	problemKeyStore   = "keys-unavailable"
)

// A failure is a problem as a handler returns it.
type failure struct {
	huma.ErrorModel
	retryAfter time.Duration
}

// GetHeaders implements huma.HeadersError.
func (f *failure) GetHeaders() http.Header {
	if f.retryAfter <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(int((f.retryAfter + time.Second - 1) / time.Second))}}
}

// problem is one of a type, which may be "".
func problem(status int, name, detail string) *failure {
	f := &failure{ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}}
	if name != "" {
		f.Type = problemType + name
	}
	return f
}

// at says where in the request the problem is, as in body.to[1].
func (f *failure) at(location, message string) *failure {
	f.Errors = append(f.Errors, &huma.ErrorDetail{Location: location, Message: message})
	return f
}

// after says when to try again.
func (f *failure) after(d time.Duration) *failure {
	f.retryAfter = d
	return f
}

// write answers with the problem, outside of an operation.
func (f *failure) write(w http.ResponseWriter) {
	for name, values := range f.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(&f.ErrorModel) // a client that left is no error of ours
}

// withoutValues takes what was sent out of the errors: it may be long, and personal.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *huma.ErrorModel:
		for _, e := range v.Errors {
			e.Value = nil
		}
	case *failure:
		return &v.ErrorModel, nil
	}
	return v, nil
}

// ofCluster is the problem of a list that not every node has helped to make, or that could not be made.
func ofCluster(err error) error {
	var incomplete *socketio.IncompleteError
	if errors.As(err, &incomplete) || errors.Is(err, socketio.ErrIncomplete) {
		return problem(http.StatusServiceUnavailable, problemIncomplete,
			"not every node has answered; partial=true gets what there is: "+err.Error()).after(time.Second)
	}
	return problem(http.StatusServiceUnavailable, problemIncomplete, "the cluster cannot be asked: "+err.Error()).
		after(time.Second)
}

// An Incomplete says that an answer, or what was done, is not of all nodes.
type Incomplete struct {
	Detail          string `json:"detail"`
	ServersAnswered int    `json:"serversAnswered"`
	ServersMissing  int    `json:"serversMissing"`
}

// newIncomplete is what err says, nil where it says nothing of the kind.
func newIncomplete(err error) *Incomplete {
	if !errors.Is(err, socketio.ErrIncomplete) {
		return nil
	}
	i := &Incomplete{Detail: err.Error(), ServersMissing: -1}
	if known := new(socketio.IncompleteError); errors.As(err, &known) {
		i.ServersAnswered, i.ServersMissing = known.Answered, known.Missing
	}
	return i
}

// delayed is what is said of something that was done while Redis was away: this node's sockets have it.
func (a *API) delayed() *Incomplete {
	if a.opts.State().Redis != "down" {
		return nil
	}
	return &Incomplete{
		Detail:         "done for this node's sockets; Redis is away, and the other nodes get it when it is back",
		ServersMissing: -1,
	}
}
