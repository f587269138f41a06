package api

// Who is online: what this API asks of whoever knows.

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Presence knows which users are online in a namespace, on any node. Its errors match socketio.ErrIncomplete where it
// cannot say, and mean then what they mean of a list: there may be more.
type Presence interface {
	// Online reports with how many sockets a user is online.
	Online(ctx context.Context, namespace, user string) (sockets int, err error)
	// Users are those who are online, in a room or where that is "" anywhere in the namespace, in alphabetical order:
	// at most limit of those behind after.
	Users(ctx context.Context, namespace, room, after string, limit int) (users []string, err error)
}

// UserPresence is whether one user is online.
type UserPresence struct {
	User    string `json:"user"`
	Online  bool   `json:"online"`
	Sockets int    `json:"sockets" doc:"With how many sockets, of all nodes."`
}

// Users are a page of those who are online.
type Users struct {
	Users      []string    `json:"users" nullable:"false" doc:"In alphabetical order."`
	Next       string      `json:"next,omitempty" doc:"The cursor of the next page; there is none after the last."`
	Incomplete *Incomplete `json:"incomplete,omitempty" doc:"Set where not everybody may be in the list."`
}

type listUsers struct {
	LookParams
	PageParams
	Room string `query:"room" maxLength:"1024" doc:"Only users with a socket in this room."`
}

type oneUser struct {
	Namespace string `query:"namespace" default:"/" maxLength:"1024" doc:"Namespace that is asked about."`
	User      string `path:"user" maxLength:"255" doc:"Name of the user."`
}

func (a *API) registerPresence() {
	huma.Register(a.huma, operation(http.MethodGet, "/presence", "listUsers", tagLook, "List users who are online",
		"404 with the type /problems/presence-off where the gateway keeps no presence.", http.StatusOK), a.listUsers)
	huma.Register(a.huma, operation(http.MethodGet, "/presence/{user}", "getUser", tagLook,
		"Look whether a user is online",
		"404 with the type /problems/presence-off where the gateway keeps no presence.", http.StatusOK), a.getUser)
}

// presence is who knows, for a namespace that there is.
func (a *API) presence(namespace string) (p Presence, name string, err error) {
	ns, err := a.namespace(namespace, "query.namespace")
	switch {
	case err != nil:
		return nil, "", err
	case a.opts.Presence == nil:
		return nil, "", problem(http.StatusNotFound, problemPresence, "presence is off in this gateway's configuration")
	}
	return a.opts.Presence, ns.Name(), nil
}

func (a *API) listUsers(ctx context.Context, r *listUsers) (*out[Users], error) {
	p, ns, err := a.presence(r.Namespace)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	users, err := p.Users(ctx, ns, r.Room, r.Cursor, r.Limit)
	missing, err := partly(err, r.Partial)
	if err != nil {
		return nil, err
	}
	list := Users{Users: append([]string{}, users...), Incomplete: missing}
	if len(users) > 0 && len(users) >= r.Limit {
		list.Next = users[len(users)-1]
	}
	return answer(list)
}

func (a *API) getUser(ctx context.Context, r *oneUser) (*out[UserPresence], error) {
	p, ns, err := a.presence(r.Namespace)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	sockets, err := p.Online(ctx, ns, r.User)
	if err != nil {
		return nil, ofCluster(err)
	}
	return answer(UserPresence{User: r.User, Online: sockets > 0, Sockets: sockets})
}
