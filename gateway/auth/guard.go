package auth

// The guard: who may connect, and for how long.

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Events between a guarded client and the server.
const (
	// RefreshEvent is the client's: its argument is a new token of the same user. It is acknowledged with {"expires"},
	// in seconds since 1970 or null, or with {"error", "data": {"code"}}.
	RefreshEvent = "auth:refresh"
	// ExpiringEvent tells a client that its token ends soon: {"expires"}.
	ExpiringEvent = "auth:expiring"
	// ExpiredEvent tells it why it is disconnected: {"message", "data": {"code"}}.
	ExpiredEvent = "auth:expired"
)

// maxStrikes is how many tokens that do not do one connection may try.
const maxStrikes = 10

// GuardOptions configure a Guard.
type GuardOptions struct {
	// Verifier decides about tokens. Required; the Guard does not close it.
	Verifier *Verifier
	// Cookie, if not "", names the cookie that may have the token. Pages of other sites make browsers send it too: the
	// server must refuse their origins.
	Cookie string
	// Notice is how long before the end of its token a client hears of that (ExpiringEvent), at least half of it: not
	// all at one moment. 0: never.
	Notice time.Duration
	// Identify makes a user the socket's. Its error refuses the client, with the code OtherUser. Default: nobody does.
	Identify func(s *socketio.Socket, user string) error
	// Open are the names of namespaces that the Guard leaves alone.
	Open []string
	// Logger gets, at debug level, why clients are refused. Default slog.Default().
	Logger *slog.Logger
}

// A Guard is a socketio.Gate that asks for tokens.
type Guard struct {
	opts    GuardOptions
	tickets sync.Map // *socketio.Socket to *ticket
	stats   guardCounters

	mu      sync.Mutex
	strikes map[*engineio.Session]int
}

type guardCounters struct {
	admitted, refreshed, expired, struckOut atomic.Int64
	refusals                                [len(Codes)]atomic.Int64
}

var _ socketio.Gate = (*Guard)(nil)

// NewGuard returns a Guard.
func NewGuard(opts GuardOptions) *Guard {
	if opts.Identify == nil {
		opts.Identify = func(*socketio.Socket, string) error { return nil }
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	return &Guard{opts: opts, strikes: make(map[*engineio.Session]int)}
}

// Enter implements socketio.Gate.
func (g *Guard) Enter(s *socketio.Socket) error {
	if slices.Contains(g.opts.Open, s.Namespace().Name()) {
		return nil
	}
	claims, err := g.admit(s)
	if err != nil {
		g.refuse(s, err)
		return connectError(err)
	}
	g.stats.admitted.Add(1)
	g.forgive(s.Conn())
	t := &ticket{guard: g, socket: s}
	g.tickets.Store(s, t)
	t.renew(claims)
	return nil
}

// admit returns the claims of the token that a socket has come with.
func (g *Guard) admit(s *socketio.Socket) (*Claims, error) {
	token, err := findToken(s.Auth(), func() http.Header { return s.Handshake().Headers }, g.opts.Cookie)
	if err != nil {
		return nil, err
	}
	claims, err := g.verify(token)
	if err != nil {
		return nil, err
	}
	if err := g.opts.Identify(s, claims.User); err != nil {
		return nil, refused(OtherUser, err)
	}
	return claims, enterRooms(s, claims)
}

// verify needs no timer of its own: all that Verify may wait for is the issuer's answer, fetchTimeout at most.
func (g *Guard) verify(token string) (*Claims, error) {
	return g.opts.Verifier.Verify(context.Background(), token)
}

// refuse counts a refusal.
func (g *Guard) refuse(s *socketio.Socket, err error) {
	code := codeOf(err)
	g.stats.refusals[slices.Index(Codes[:], code)].Add(1)
	g.opts.Logger.LogAttrs(context.Background(), slog.LevelDebug, "auth: refused", slog.String("code", string(code)),
		slog.String("socket", s.ID()), slog.String("namespace", s.Namespace().Name()), slog.Any("error", err))
	if code != Missing && code != KeysUnavailable { // they cost nothing
		g.strike(s.Conn())
	}
}

// strike counts a token that does not do against its connection: one is verified at the cost of a hundred messages.
func (g *Guard) strike(session *engineio.Session) {
	if session == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.strikes[session]++; g.strikes[session] == 1 {
		context.AfterFunc(session.Context(), func() { g.forgive(session) })
	}
}

// forgive forgets the strikes of a connection.
func (g *Guard) forgive(session *engineio.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.strikes, session)
}

// struckOut reports, once, that a connection has tried as many tokens as it may.
func (g *Guard) struckOut(session *engineio.Session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if session == nil || g.strikes[session] < maxStrikes {
		return false
	}
	delete(g.strikes, session)
	g.stats.struckOut.Add(1)
	return true
}

// Leave implements socketio.Gate.
func (g *Guard) Leave(s *socketio.Socket) {
	if t, found := g.tickets.LoadAndDelete(s); found {
		t.(*ticket).end()
	} else if session := s.Conn(); g.struckOut(session) {
		session.Close(engineio.ReasonForcedClose)
	}
}

// ticket is a socket's, or nil.
func (g *Guard) ticket(s *socketio.Socket) *ticket {
	t, _ := g.tickets.Load(s)
	found, _ := t.(*ticket)
	return found
}

// ClaimsOf are the claims that a socket of this server was let in with, or that it has brought since; nil where there
// is no Guard, or it has left the socket's namespace alone. They are there from the first middleware until the handlers
// of OnDisconnect have returned.
func ClaimsOf(s *socketio.Socket) *Claims {
	g, ok := s.Namespace().Server().Gate().(*Guard)
	if !ok {
		return nil
	}
	t := g.ticket(s)
	if t == nil {
		return nil
	}
	return t.has()
}

// Event implements socketio.Gate: it takes RefreshEvent.
func (g *Guard) Event(e *socketio.Event) (taken bool, err error) {
	if e.Name() != RefreshEvent {
		return false, nil
	}
	s := e.Socket()
	t := g.ticket(s)
	if t == nil {
		return false, nil
	}
	claims, err := g.refresh(t, e)
	if err != nil {
		g.refuse(s, err)
		code := codeOf(err)
		answer(e, refusal{messages[code], codeData{code}})
		if g.struckOut(s.Conn()) {
			s.Disconnect(true)
		}
		return true, nil
	}
	g.stats.refreshed.Add(1)
	g.forgive(s.Conn())
	answer(e, expiry{seconds(claims.Expires)})
	return true, nil
}

// refresh takes a new token.
func (g *Guard) refresh(t *ticket, e *socketio.Event) (*Claims, error) {
	if !t.mayRefresh(time.Now()) {
		return nil, refused(TooOften, nil)
	}
	var token string
	if e.Len() == 0 || e.Raw(0).Bind(&token) != nil {
		return nil, refused(Missing, nil)
	}
	claims, err := g.verify(token)
	if err != nil {
		return nil, err
	}
	if claims.User != t.has().User {
		return nil, refused(OtherUser, nil)
	}
	if err := enterRooms(t.socket, claims); err != nil {
		return nil, err
	}
	t.renew(claims)
	return claims, nil
}

// expiry, expired and refusal are what clients are told.
type (
	expiry struct {
		Expires *int64 `json:"expires"`
	}
	expired struct {
		Message string   `json:"message"`
		Data    codeData `json:"data"`
	}
	refusal struct {
		Error string   `json:"error"`
		Data  codeData `json:"data"`
	}
)

// seconds is a time as clients get it.
func seconds(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.Unix()
	return &n
}

// answer acknowledges an event, if its client wants that and is still there.
func answer(e *socketio.Event, with any) { _ = e.Ack(with) }

// RoomsMember is the member of a socket's data with the rooms that its token has given: a session that is resumed is in
// them, and its new token may not name them. Nobody but the Guard sets it.
const RoomsMember = "tokenRooms"

var roomsKey = socketio.NewKey[[]string](RoomsMember)

// enterRooms has a socket in the rooms that its token names, and no more in those that only an earlier one has named.
func enterRooms(s *socketio.Socket, claims *Claims) error {
	before, _ := roomsKey.Get(s)
	if len(before)+len(claims.Rooms) == 0 {
		return nil
	}
	for _, room := range before {
		if !slices.Contains(claims.Rooms, room) {
			s.Leave(room)
		}
	}
	s.Join(claims.Rooms...)
	return roomsKey.Set(s, claims.Rooms)
}

// spread is a part of d, at least its half.
func spread(d time.Duration) time.Duration { return d - rand.N(cmp.Or(d/2, 1)) }
