package api

// The rooms of all nodes.

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Rooms are a page of them.
type Rooms struct {
	Rooms      []string    `json:"rooms" nullable:"false"`
	Next       string      `json:"next,omitempty"`
	Incomplete *Incomplete `json:"incomplete,omitempty"`
}

type listRooms struct {
	LookParams
	PageParams
	Prefix string `query:"prefix" maxLength:"1024"`
}

func (a *API) registerRooms() {
	huma.Register(a.huma, operation(http.MethodGet, "/rooms", "listRooms", tagLook, "List rooms",
		"", http.StatusOK), a.listRooms)
}

func (a *API) listRooms(ctx context.Context, r *listRooms) (*out[Rooms], error) {
	ns, ids, missing, err := a.ids(ctx, &r.LookParams, new(SelectParams))
	if err != nil {
		return nil, err
	}
	rooms, err := a.allRooms(ctx, ns)
	more, err := partly(err, r.Partial)
	if err != nil {
		return nil, err
	}
	if more != nil {
		missing = more
	}
	rooms = slices.DeleteFunc(rooms, func(room string) bool {
		_, own := slices.BinarySearch(ids, room)
		return own || !strings.HasPrefix(room, r.Prefix)
	})
	list := Rooms{Incomplete: missing}
	list.Rooms, list.Next = page(rooms, &r.PageParams)
	return answer(list)
}

// allRooms are the rooms of all nodes, sorted.
func (a *API) allRooms(ctx context.Context, ns *socketio.Namespace) ([]string, error) {
	release, err := a.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	switch adapter := ns.Adapter().(type) {
	case socketio.RoomLister:
		return adapter.AllRooms(ctx)
	case socketio.RoomIndex:
		rooms := adapter.RoomNames()
		slices.Sort(rooms)
		return rooms, nil
	default:
		return nil, socketio.ErrNotSupported
	}
}
