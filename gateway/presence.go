package gateway

// Presence in the gateway: which users are online, on all nodes. Package presence does the work; this file gives it the
// sockets that have a user, and tells those who watch.

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/gateway/api"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Events that watchers get with PRESENCE_EVENTS, in the namespace /.
const (
	eventOnline  = "presence:online"
	eventOffline = "presence:offline"
	eventJoin    = "presence:join"
	eventLeave   = "presence:leave"
)

// watchRoom is the room of those who are told who comes online and goes offline.
const watchRoom = "presence"

// PresenceRoom is the room whose sockets are told which users come into a room and go out of it, with PRESENCE_EVENTS
// and where PRESENCE_ROOMS has the room; for room "" of those who are told who comes online and goes offline. Nobody is
// in it by default: a service puts there whom it trusts with that.
func PresenceRoom(room string) string {
	if room == "" {
		return watchRoom
	}
	return watchRoom + ":" + room
}

// beginPresence makes this node one of those that know who is online, if it is to be. The server has no clients yet,
// and the service has not set its handlers.
func (g *Gateway) beginPresence() {
	cfg := g.cfg.Presence
	if !cfg.On {
		return
	}
	opts := presence.Options{Grace: cfg.Grace, Lease: cfg.Lease, MaxRooms: maxPresenceRooms, Logger: g.log}
	if cfg.Grace == 0 {
		opts.Grace = -1
	}
	if len(cfg.Rooms) > 0 {
		opts.Rooms = cfg.hasRoom
	}
	store := presence.NewMemory()
	switch {
	case g.redis != nil:
		store = presence.NewRedis(g.redis.Client(), presence.RedisOptions{Prefix: g.cfg.RedisPrefix})
	case g.nats != nil:
		copied := presence.NewReplicated(g.nats.Commands("presence"), presence.ReplicatedOptions{})
		g.closePresence, store = copied.Close, copied
	}
	g.presence = presence.New(g.io.Of("/"), store, opts)
	// A socket may get its user in a middleware, before it is connected. It is counted when it is.
	identified := func(s *socketio.Socket) error {
		if user := UserOf(s); user != "" {
			track(g.presence, s, user)
		}
		return nil
	}
	for _, ns := range g.io.Namespaces() {
		ns.OnConnect(identified)
	}
	g.io.OnNewNamespace(func(ns *socketio.Namespace) { ns.OnConnect(identified) })
	if cfg.Events {
		g.presence.OnChange(g.tellWatchers)
	}
}

// maxPresenceRooms is how many rooms are tracked of one socket.
const maxPresenceRooms = 64

// hasRoom reports whether PRESENCE_ROOMS has a room. Users' own and the watchers' are never among them.
func (c PresenceConfig) hasRoom(room string) bool {
	if strings.HasPrefix(room, userRoomPrefix) || strings.HasPrefix(room, watchRoom+":") || room == watchRoom {
		return false
	}
	return slices.ContainsFunc(c.Rooms, func(prefix string) bool { return strings.HasPrefix(room, prefix) })
}

// track counts a socket as its user's. That there are too many users here is no reason to refuse one.
func track(p *presence.Presence, s *socketio.Socket, user string) {
	err := p.Track(s, user)
	if err != nil && !errors.Is(err, socketio.ErrDisconnected) && !errors.Is(err, presence.ErrClosed) {
		s.Logger().LogAttrs(context.Background(), slog.LevelDebug, "a user's presence is not tracked",
			slog.Any("error", err))
	}
}

// A presenceChange is what watchers are told.
type presenceChange struct {
	User string `json:"user"`
	Room string `json:"room,omitempty"`
}

// tellWatchers tells those of this node; the others' nodes tell theirs.
func (g *Gateway) tellWatchers(c presence.Change) {
	event := eventOffline
	switch {
	case c.Room != "" && c.Online:
		event = eventJoin
	case c.Room != "":
		event = eventLeave
	case c.Online:
		event = eventOnline
	}
	err := g.io.Local().To(PresenceRoom(c.Room)).Emit(event, presenceChange{c.User, c.Room})
	if err != nil {
		g.log.Debug("watchers are not told of a change of presence", "error", err)
	}
}

// endPresence leaves this node's users the time to come back on another.
func (g *Gateway) endPresence(ctx context.Context) {
	if g.presence == nil {
		return
	}
	if err := g.presence.Close(ctx); err != nil {
		g.log.Warn("nobody is told that this node ends: its users count as online for PRESENCE_LEASE", "error", err)
	}
	if g.closePresence != nil {
		g.closePresence()
	}
}

// An apiPresence is presence as the server API asks for it.
type apiPresence struct{ *presence.Presence }

// Users implements api.Presence.
func (p apiPresence) Users(ctx context.Context, room, cursor string, limit int) ([]string, string, error) {
	page, err := p.Presence.Users(ctx, room, cursor, limit)
	if errors.Is(err, presence.ErrCursor) {
		err = api.ErrCursor
	}
	return page.Users, page.Next, err
}

// presenceOf is presence of a namespace for the server API: users' sockets count in whichever namespace they are, and
// that stands with the main one.
func (g *Gateway) presenceOf(namespace string) api.Presence {
	if g.presence == nil || namespace != "/" {
		return nil
	}
	return apiPresence{g.presence}
}
