package api

// Putting sockets into rooms, taking them out, disconnecting them.

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// maxUserBytes is the longest name of a user.
	maxUserBytes = 255
	// maxNamespaces bounds the dynamic namespaces that requests may make.
	maxNamespaces = 10_000
)

// A Selection says which sockets are meant.
type Selection struct {
	Namespace string   `json:"namespace,omitempty" default:"/" maxLength:"1024" nullable:"true"`
	In        []string `json:"in,omitempty" maxItems:"1000"`
	Users     []string `json:"users,omitempty" maxItems:"1000"`
	All       bool     `json:"all,omitempty" nullable:"true"`
	Except    []string `json:"except,omitempty" maxItems:"1000"`
}

// A Move says where sockets are to go, or what they are to leave.
type Move struct {
	Selection
	Rooms []string `json:"rooms" minItems:"1" maxItems:"1000" nullable:"false"`
}

// A Disconnection says which sockets are to be disconnected, and how.
type Disconnection struct {
	Selection
	Close bool `json:"close,omitempty" nullable:"true"`
}

func (a *API) registerMembers() {
	huma.Register(a.huma, operation(http.MethodPost, "/join", "join", tagMembers, "Put sockets into rooms",
		"", http.StatusAccepted),
		func(_ context.Context, r *in[Move]) (*out[Done], error) {
			return a.move(&r.Body, socketio.BroadcastOperator.SocketsJoin)
		})
	huma.Register(a.huma, operation(http.MethodPost, "/leave", "leave", tagMembers, "Take sockets out of rooms",
		"", http.StatusAccepted),
		func(_ context.Context, r *in[Move]) (*out[Done], error) {
			return a.move(&r.Body, socketio.BroadcastOperator.SocketsLeave)
		})
	huma.Register(a.huma, operation(http.MethodPost, "/disconnect", "disconnect", tagMembers, "Disconnect sockets",
		"What was sent to them before reaches them first.", http.StatusAccepted),
		func(_ context.Context, r *in[Disconnection]) (*out[Done], error) {
			to, err := a.selected(&r.Body.Selection)
			if err != nil {
				return nil, err
			}
			return a.done(to.DisconnectSockets(r.Body.Close))
		})
}

func (a *API) move(m *Move, do func(socketio.BroadcastOperator, ...string) error) (*out[Done], error) {
	to, err := a.selected(&m.Selection)
	if err != nil {
		return nil, err
	}
	if err := emission.CheckRooms("rooms", m.Rooms); err != nil {
		return nil, invalid(err, "body.rooms")
	}
	return a.done(do(to, m.Rooms...))
}

// done answers what has been handed to the cluster.
func (a *API) done(err error) (*out[Done], error) {
	if err != nil {
		return nil, problem(http.StatusServiceUnavailable, problemIncomplete,
			"this node's sockets have it, the other nodes do not: "+err.Error())
	}
	return answer(Done{a.delayed()})
}

// selected are the sockets that a request with a body means.
func (a *API) selected(s *Selection) (to socketio.BroadcastOperator, err error) {
	ns, err := a.namespace(s.Namespace, "body.namespace")
	if err != nil {
		return to, err
	}
	rooms, err := a.rooms(s.In, s.Users, s.All, "body", "in")
	if err != nil {
		return to, err
	}
	if err := emission.CheckRooms("except", s.Except); err != nil {
		return to, invalid(err, "body.except")
	}
	return ns.To(rooms...).Except(s.Except...), nil
}

// rooms are the rooms that a request selects, none for everybody. at is where the selection stands in the request, and
// list the name of its rooms.
func (a *API) rooms(rooms, users []string, all bool, at, list string) ([]string, error) {
	switch some := len(rooms) + len(users); {
	case all && some > 0:
		return nil, problem(http.StatusUnprocessableEntity, "", "validation failed").
			at(at+".all", "all goes without "+list+" and users")
	case !all && some == 0:
		return nil, problem(http.StatusUnprocessableEntity, problemNobody, "nobody is selected").
			at(at, "give "+list+", users, or all")
	}
	if err := emission.CheckRooms(list, rooms); err != nil {
		return nil, invalid(err, at+"."+list)
	}
	return a.withUsers(rooms, users, at+".users")
}

// withUsers are rooms and those of users.
func (a *API) withUsers(rooms, users []string, at string) ([]string, error) {
	if len(users) == 0 {
		return rooms, nil
	}
	if a.opts.UserRoom == nil {
		return nil, problem(http.StatusUnprocessableEntity, problemUsers, "this gateway knows no users").
			at(at, "use rooms")
	}
	joined := append(make([]string, 0, len(rooms)+len(users)), rooms...)
	for i, user := range users {
		if user == "" || len(user) > maxUserBytes {
			return nil, problem(http.StatusUnprocessableEntity, "", "validation failed").
				at(fmt.Sprintf("%s[%d]", at, i), fmt.Sprintf("the name of a user has 1 to %d bytes", maxUserBytes))
		}
		joined = append(joined, a.opts.UserRoom(user))
	}
	return joined, nil
}

// namespace is the one of a name. One that a pattern accepts may have its clients on other nodes, and is made here.
func (a *API) namespace(name, at string) (*socketio.Namespace, error) {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	io := a.opts.IO
	if ns := io.Namespace(name); ns != nil {
		return ns, nil
	}
	if io.Accepts(name) {
		if len(io.Namespaces()) < maxNamespaces {
			return io.Of(name), nil
		}
		return nil, problem(http.StatusServiceUnavailable, problemBusy, "this node has as many namespaces as it may")
	}
	return nil, problem(http.StatusNotFound, problemNamespace, "there is no such namespace").
		at(at, "GET /v1/namespaces lists them")
}
