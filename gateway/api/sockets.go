package api

// The sockets of all nodes.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// maxAsking is how many requests may ask all nodes for a list at once; further ones wait for askTurn.
	maxAsking = 4
	askTurn   = 2 * time.Second
	// maxListedRooms bounds the rooms that a socket of a list is shown with, maxPageBytes about how much a page is.
	maxListedRooms = 100
	maxPageBytes   = 4 << 20
)

// LookParams are those of every question about the cluster.
type LookParams struct {
	Namespace string `query:"namespace" default:"/" maxLength:"1024"`
	Partial   bool   `query:"partial"`
}

// SelectParams select sockets.
type SelectParams struct {
	Room   []string `query:"room,explode" maxItems:"1000" nullable:"false"`
	User   []string `query:"user,explode" maxItems:"1000" nullable:"false"`
	Except []string `query:"except,explode" maxItems:"1000" nullable:"false"`
}

// PageParams choose a page.
type PageParams struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"4096"`
}

// Sockets are a page of them.
type Sockets struct {
	Sockets    []Socket    `json:"sockets" nullable:"false"`
	Next       string      `json:"next,omitempty"`
	Incomplete *Incomplete `json:"incomplete,omitempty"`
}

// A Socket is a client's connection to a namespace.
type Socket struct {
	ID        string          `json:"id"`
	User      string          `json:"user,omitempty"`
	Rooms     []string        `json:"rooms" nullable:"false"`
	RoomCount int             `json:"roomCount"`
	Data      json.RawMessage `json:"data"`
	Handshake Handshake       `json:"handshake"`
}

// A Handshake is what the API tells of how a client connected. What may be secret (cookies, auth, the query) is not in
// it.
type Handshake struct {
	Time      time.Time `json:"time"`
	Address   string    `json:"address"`
	Secure    bool      `json:"secure"`
	Origin    string    `json:"origin,omitempty"`
	UserAgent string    `json:"userAgent,omitempty"`
}

// A Count is how many sockets there are.
type Count struct {
	Count      int         `json:"count"`
	Incomplete *Incomplete `json:"incomplete,omitempty"`
}

type listSockets struct {
	LookParams
	SelectParams
	PageParams
}

type countSockets struct {
	LookParams
	SelectParams
}

type oneSocket struct {
	LookParams
	ID string `path:"id" maxLength:"1024"`
}

func (a *API) registerSockets() {
	huma.Register(a.huma, operation(http.MethodGet, "/sockets", "listSockets", tagLook, "List sockets",
		"Sockets that come or go while pages are turned may be missed.", http.StatusOK), a.listSockets)
	huma.Register(a.huma, operation(http.MethodGet, "/sockets/count", "countSockets", tagLook, "Count sockets",
		"", http.StatusOK),
		func(ctx context.Context, r *countSockets) (*out[Count], error) {
			_, ids, missing, err := a.ids(ctx, &r.LookParams, &r.SelectParams)
			if err != nil {
				return nil, err
			}
			return answer(Count{len(ids), missing})
		})
	huma.Register(a.huma, operation(http.MethodGet, "/sockets/{id}", "getSocket", tagLook, "Look at a socket",
		"With up to 10,000 of its rooms.", http.StatusOK), a.getSocket)
}

// turn waits until this request may ask all nodes, whose answers take memory; the caller gives the turn back.
func (a *API) turn(ctx context.Context) (release func(), err error) {
	timer := time.NewTimer(askTurn)
	defer timer.Stop()
	select {
	case a.asking <- struct{}{}:
		return func() { <-a.asking }, nil
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil, problem(http.StatusServiceUnavailable, problemBusy, "too many lists are being made").after(time.Second)
}

// partly turns the error of a list into what the request wants: an error, or what is missing.
func partly(err error, partial bool) (*Incomplete, error) {
	if known := new(failure); err == nil || errors.As(err, &known) {
		return nil, err
	}
	if missing := newIncomplete(err); missing != nil && partial {
		return missing, nil
	}
	return nil, ofCluster(err)
}

// ids are those of the selected sockets, sorted, and what is missing.
func (a *API) ids(
	ctx context.Context, look *LookParams, s *SelectParams,
) (*socketio.Namespace, []string, *Incomplete, error) {
	ns, err := a.namespace(look.Namespace, "query.namespace")
	if err != nil {
		return nil, nil, nil, err
	}
	for list, rooms := range map[string][]string{"room": s.Room, "except": s.Except} {
		if err := emission.CheckRooms(list, rooms); err != nil {
			return nil, nil, nil, invalid(err, "query."+list)
		}
	}
	rooms, err := a.withUsers(s.Room, s.User, "query.user")
	if err != nil {
		return nil, nil, nil, err
	}
	release, err := a.turn(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	ids, err := ns.To(rooms...).Except(s.Except...).SocketIDs(ctx)
	missing, err := partly(err, look.Partial)
	if err != nil {
		return nil, nil, nil, err
	}
	slices.Sort(ids)
	return ns, slices.Compact(ids), missing, nil
}

// page is what follows the cursor in a sorted list, and the next cursor.
func page(all []string, p *PageParams) (part []string, next string) {
	from, found := slices.BinarySearch(all, p.Cursor)
	if found {
		from++
	}
	part = append([]string{}, all[from:min(from+p.Limit, len(all))]...)
	if from+p.Limit < len(all) {
		next = part[len(part)-1]
	}
	return part, next
}

// listSockets asks for the ids of all, which are short, and for a page of sockets.
func (a *API) listSockets(ctx context.Context, r *listSockets) (*out[Sockets], error) {
	ns, all, missing, err := a.ids(ctx, &r.LookParams, &r.SelectParams)
	if err != nil {
		return nil, err
	}
	ids, next := page(all, &r.PageParams)
	list := Sockets{Sockets: []Socket{}, Next: next, Incomplete: missing}
	if len(ids) == 0 {
		return answer(list)
	}
	found, missing, err := a.fetch(ctx, ns, r.Partial, ids...)
	if err != nil {
		return nil, err
	}
	if missing != nil {
		list.Incomplete = missing
	}
	slices.SortFunc(found, func(x, y *socketio.RemoteSocket) int {
		if x.ID() < y.ID() {
			return -1
		}
		return 1
	})
	size := 0
	for _, s := range found {
		// Others may be in a room of that name. And a socket may be there twice, from two nodes, as it resumes.
		if _, wanted := slices.BinarySearch(ids, s.ID()); !wanted ||
			len(list.Sockets) > 0 && list.Sockets[len(list.Sockets)-1].ID == s.ID() {
			continue
		}
		one := a.show(s, maxListedRooms)
		if size += one.size(); size > maxPageBytes && len(list.Sockets) > 0 {
			list.Next = list.Sockets[len(list.Sockets)-1].ID
			break
		}
		list.Sockets = append(list.Sockets, one)
	}
	return answer(list)
}

// fetch asks all nodes for the sockets with these ids.
func (a *API) fetch(
	ctx context.Context, ns *socketio.Namespace, partial bool, ids ...string,
) ([]*socketio.RemoteSocket, *Incomplete, error) {
	release, err := a.turn(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	found, err := ns.To(ids...).FetchSockets(ctx)
	missing, err := partly(err, partial)
	return found, missing, err
}

func (a *API) getSocket(ctx context.Context, r *oneSocket) (*out[Socket], error) {
	ns, err := a.namespace(r.Namespace, "query.namespace")
	if err != nil {
		return nil, err
	}
	found, missing, err := a.fetch(ctx, ns, true, r.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		if s.ID() == r.ID {
			return answer(a.show(s, maxListedRooms*maxListedRooms))
		}
	}
	if missing != nil { // it may be on a node that has not answered
		return nil, ofCluster(errors.Join(socketio.ErrIncomplete, errors.New(missing.Detail)))
	}
	return nil, problem(http.StatusNotFound, problemSocket, "there is no such socket").
		at("path.id", "GET /v1/sockets lists them")
}

// show is a socket as the API has it, with so many of its rooms.
func (a *API) show(s *socketio.RemoteSocket, maxRooms int) Socket {
	rooms := slices.DeleteFunc(slices.Clone(s.Rooms()), func(room string) bool { return room == s.ID() })
	slices.Sort(rooms)
	shown := Socket{
		ID: s.ID(), User: a.opts.UserOf(s), Rooms: rooms[:min(len(rooms), maxRooms)], RoomCount: len(rooms),
		Data: s.Data().Inline(),
	}
	if h := s.Handshake(); h != nil {
		shown.Handshake = Handshake{
			Time: h.Time, Address: h.Address, Secure: h.Secure, Origin: h.Headers.Get("Origin"),
			UserAgent: h.Headers.Get("User-Agent"),
		}
	}
	return shown
}

// size is about how many bytes the socket takes in an answer.
func (s *Socket) size() int {
	n := 256 + len(s.Data) + len(s.User) + len(s.Handshake.UserAgent)
	for _, room := range s.Rooms {
		n += len(room) + 3
	}
	return n
}
