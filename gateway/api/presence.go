package api

// Who is online: what this API asks of whoever knows.

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
)

// Presence knows which users are online in a namespace, on any node. An error that matches socketio.ErrIncomplete comes
// with what there is: who is said to be online is, and there may be more.
type Presence interface {
	// Online reports which of users are online, in their order.
	Online(ctx context.Context, users ...string) ([]bool, error)
	// Count is how many users are in a room, or where that is "" online.
	Count(ctx context.Context, room string) (int, error)
	// Users are a page of them: about limit, in any order. next is the cursor of the next page, "" behind the last. The
	// error matches ErrCursor where cursor is none that it has given.
	Users(ctx context.Context, room, cursor string, limit int) (users []string, next string, err error)
}

// ErrCursor is what the error of Presence.Users matches where it has given no such cursor.
var ErrCursor = errors.New("api: no such cursor")

// UserPresence is whether one user is online.
type UserPresence struct {
	User   string `json:"user"`
	Online bool   `json:"online"`
}

// Users are a page of those who are online.
type Users struct {
	Users      []string    `json:"users" nullable:"false"`
	Next       string      `json:"next,omitempty"`
	Incomplete *Incomplete `json:"incomplete,omitempty"`
}

// RoomParam narrows presence to a room.
type RoomParam struct {
	Room string `query:"room" maxLength:"1024"`
}

type listUsers struct {
	LookParams
	RoomParam
	PageParams
}

type countUsers struct {
	LookParams
	RoomParam
}

type oneUser struct {
	Namespace string `query:"namespace" default:"/" maxLength:"1024"`
	User      string `path:"user" maxLength:"255"`
}

func (a *API) registerPresence() {
	const off = "404 with the type /problems/presence-off where the gateway keeps no presence of the namespace."
	huma.Register(a.huma, operation(http.MethodGet, "/presence/users", "listUsers", tagLook,
		"List users who are online", off, http.StatusOK), a.listUsers)
	huma.Register(a.huma, operation(http.MethodGet, "/presence/count", "countUsers", tagLook,
		"Count users who are online", off, http.StatusOK), a.countUsers)
	huma.Register(a.huma, operation(http.MethodGet, "/presence/users/{user}", "getUser", tagLook,
		"Look whether a user is online", off, http.StatusOK), a.getUser)
}

// presence is who knows of a namespace.
func (a *API) presence(namespace, room string) (Presence, error) {
	ns, err := a.namespace(namespace, "query.namespace")
	if err != nil {
		return nil, err
	}
	if room != "" {
		if err := emission.CheckRooms("room", []string{room}); err != nil {
			return nil, invalid(err, "query.room")
		}
	}
	if a.opts.Presence != nil {
		if p := a.opts.Presence(ns.Name()); p != nil {
			return p, nil
		}
	}
	return nil, problem(http.StatusNotFound, problemPresence, "this gateway keeps no presence of the namespace")
}

func (a *API) listUsers(ctx context.Context, r *listUsers) (*out[Users], error) {
	p, err := a.presence(r.Namespace, r.Room)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	users, next, err := p.Users(ctx, r.Room, r.Cursor, r.Limit)
	if errors.Is(err, ErrCursor) {
		return nil, problem(http.StatusUnprocessableEntity, "", "validation failed").
			at("query.cursor", "the next of the page before")
	}
	missing, err := partly(err, r.Partial)
	if err != nil {
		return nil, err
	}
	return answer(Users{Users: append([]string{}, users...), Next: next, Incomplete: missing})
}

func (a *API) countUsers(ctx context.Context, r *countUsers) (*out[Count], error) {
	p, err := a.presence(r.Namespace, r.Room)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	n, err := p.Count(ctx, r.Room)
	missing, err := partly(err, r.Partial)
	if err != nil {
		return nil, err
	}
	return answer(Count{n, missing})
}

func (a *API) getUser(ctx context.Context, r *oneUser) (*out[UserPresence], error) {
	p, err := a.presence(r.Namespace, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	online, err := p.Online(ctx, r.User)
	switch {
	case len(online) == 1 && online[0]: // it is, whoever has not answered
	case err != nil:
		return nil, ofCluster(err)
	}
	return answer(UserPresence{User: r.User, Online: len(online) == 1 && online[0]})
}
