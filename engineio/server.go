package engineio

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/internal/timeouts"
)

// A Server speaks the server side of Engine.IO; it is an http.Handler for everything under Options.Path.
type Server struct {
	opts     Options
	connect  func(*Session) Handler
	deflater *wsframe.Deflater // nil without PerMessageDeflate
	deflated *form             // of messages that it compresses; the same
	// closeTimeout is the constant of that name, but for tests.
	closeTimeout time.Duration
	begun        time.Time // see clock
	flushers     []flusher
	next         atomic.Uint32 // the flusher of the next session

	// upgradeTargets are the transports that a polling session may upgrade to.
	upgradeTargets []string

	registry
	beats       *timeouts.Set[*Session]
	door        *admission.Door // of sessions
	connections *admission.Door // of connections
	limited     *slog.Logger    // for what a client can cause any number of times

	ownConnections atomic.Int64 // of this host, past the limits

	backlog backlog
	budget  budget

	contexts            atomic.Int64 // connections with a takeover
	upgrades, throttled atomic.Int64 // see Stats
	slowClients         [slowCauses]atomic.Int64
	refused             refusedCounts
	handedOn            handedOnCounts
	turnover            turnoverCounts
}

// NewServer returns a Server. connect is called for every new session, before its first message; the Handler that it
// returns gets what the session receives. Messages that connect sends follow the open packet.
func NewServer(opts Options, connect func(*Session) Handler) *Server {
	srv := &Server{
		opts:    opts.withDefaults(),
		connect: connect,

		closeTimeout: closeTimeout,
		begun:        time.Now(),
		flushers:     make([]flusher, runtime.GOMAXPROCS(0)),
		registry:     newRegistry(),
		beats:        timeouts.New((*Session).due),
		backlog:      backlog{most: max(1, runtime.GOMAXPROCS(0)/2)},
	}
	for i := range srv.flushers {
		srv.flushers[i].loop.WriteTimeout = srv.opts.WriteTimeout
	}
	srv.door, srv.connections = newDoor(&srv.opts), newConnectionsDoor(&srv.opts)
	srv.limited = slog.New(logthrottle.New(srv.opts.Logger.Handler(), logBurst))
	srv.upgradeTargets = noUpgrades
	if !srv.opts.NoUpgrades {
		srv.upgradeTargets = slices.DeleteFunc(slices.Clone(srv.opts.Transports),
			func(name string) bool { return name == transportPolling })
	}
	if d := srv.opts.PerMessageDeflate; d != nil {
		srv.deflater = wsframe.NewDeflater(d.Threshold, d.Level)
		srv.deflated = &form{deflater: srv.deflater}
	}
	return srv
}

// clock is the time since the server began, by which sessions measure theirs: half the size of a time.Time.
func (srv *Server) clock() time.Duration { return time.Since(srv.begun) }

// logBurst is how many lines of one message are logged in logthrottle.Interval.
const logBurst = 10

// noUpgrades is what a session may upgrade to that does not poll.
var noUpgrades = []string{}

// ServeHTTP answers one request of the protocol: a handshake, a poll, a post, or a WebSocket connection.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, srv.opts.Path) {
		http.NotFound(w, r)
		return
	}
	r = srv.throughProxies(r)
	upgrade := IsUpgrade(r)
	cors, allowed := srv.opts.CORS, true
	if cors != nil {
		origin := r.Header.Get("Origin")
		allowed = cors.allows(origin)
		if !upgrade && cors.handle(w, r, allowed) {
			return
		}
		if !cors.admits(r, allowed) {
			srv.turnAway(w, r, refuseOrigin(origin), upgrade)
			return
		}
	}
	q := parseQuery(r.URL.RawQuery)
	s, guest, refused := srv.verify(r, q, upgrade)
	if refused != nil {
		srv.turnAway(w, r, refused, upgrade && refused.code != UnsupportedProtocolVersion)
		return
	}
	if upgrade && !checkWebSocket(w, r) {
		srv.leaveUnopened(s, guest)
		srv.connectionError(r, refuseHandshake)
		return
	}
	switch {
	case upgrade && q.transport != transportWebSocket:
		srv.leaveUnopened(s, guest)
		srv.serveUpgrade(w, r, q, nil, allowed) // as Node.js has it: accepted, and closed
	case upgrade && s != nil:
		srv.serveUpgrade(w, r, q, s, allowed)
	case upgrade:
		srv.serveOpenWebSocket(w, r, q, guest, allowed)
	case s == nil:
		srv.serveOpenPolling(w, r, q, guest)
	case r.Method == http.MethodGet:
		srv.servePoll(w, r, s)
	case r.Method == http.MethodPost:
		srv.servePost(w, r, s)
	default:
		w.WriteHeader(http.StatusInternalServerError) // Node.js's answer
	}
}

// refuseHandshake is what the program is told of a WebSocket handshake that checkWebSocket has refused.
var refuseHandshake = &refusal{
	code: BadRequest, message: "invalid WebSocket handshake", context: ErrorContext{Name: NameWebSocket},
}

// turnAway answers a request that is refused. One for an upgrade that has a fault is answered as Node does it; who is
// not let in for the server's sake is told why.
func (srv *Server) turnAway(w http.ResponseWriter, r *http.Request, refused *refusal, upgrade bool) {
	srv.connectionError(r, refused)
	if refused.waits {
		select {
		case <-time.After(refusalDelay):
		case <-r.Context().Done():
		}
	}
	if upgrade && refused.status < http.StatusTooManyRequests {
		refuseUpgrade(w, refused.upgradeStatus(), refused.message)
	} else {
		refused.write(w)
	}
}

// A query holds the parameters that the protocol knows. Where one is repeated, the last counts, as in Node.js.
type query struct {
	transport, sid, revision string
	textOnly                 bool // b64: the client takes nothing binary; in revision 4 that is about WebSocket
	jsonp                    bool // j: it is one of revision 3 without XMLHttpRequest, whose function has this number
	callback                 string
}

func parseQuery(raw string) query {
	var q query
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		var field *string
		switch key {
		case "b64":
			q.textOnly = value != ""
			continue
		case "j":
			q.jsonp, field = true, &q.callback
		case "transport":
			field = &q.transport
		case "sid":
			field = &q.sid
		case "EIO":
			field = &q.revision
		default:
			continue
		}
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
		*field = value
	}
	return q
}

// SessionID is the id of the session that a request is for, "" where it is to open one. It is what the client sent:
// there need be no such session.
func SessionID(r *http.Request) string { return parseQuery(r.URL.RawQuery).sid }

// leaveUnopened lets out the guest of a request that opens no session after all; s is the session that it is for.
func (srv *Server) leaveUnopened(s *Session, guest admission.Guest) {
	if s == nil {
		srv.door.Leave(guest)
	}
}

// verify finds the session that a request is for, or lets in the client of one that opens one, or says why it is
// refused. The order of the checks is Node.js's: it decides which error a request with several faults gets.
func (srv *Server) verify(r *http.Request, q query, upgrade bool) (*Session, admission.Guest, *refusal) {
	if !srv.serves(q.transport) {
		return nil, admission.Guest{}, refuse(UnknownTransport).about(ErrorContext{Transport: q.transport})
	}
	if q.sid == "" {
		guest, refused := srv.verifyOpening(r, q, upgrade)
		return nil, guest, refused
	}
	s, refused := srv.verifySession(q, upgrade)
	return s, admission.Guest{}, refused
}

// serves reports whether requests may be for a transport. One of a Framing has connections of its own.
func (srv *Server) serves(transport string) bool {
	return srv.opts.allows(transport) && (transport == transportPolling || transport == transportWebSocket)
}

// verifySession is verify for a request that is for a session.
func (srv *Server) verifySession(q query, upgrade bool) (*Session, *refusal) {
	s := srv.session(q.sid)
	switch {
	case s == nil:
		return nil, refuse(UnknownSID).about(ErrorContext{SID: q.sid})
	case !upgrade && s.Transport() != q.transport:
		return nil, refuse(BadRequest).about(ErrorContext{
			Name: NameTransportMismatch, Transport: q.transport, PreviousTransport: s.Transport(),
		})
	case s.revision != q.protocol():
		return nil, refuse(BadRequest).about(ErrorContext{Protocol: int(q.protocol())})
	}
	return s, nil
}

// verifyOpening is verify for a request that opens a session. Limits come before the program, which may have to look
// the client up somewhere. Who is refused has no place.
func (srv *Server) verifyOpening(r *http.Request, q query, upgrade bool) (admission.Guest, *refusal) {
	switch {
	case r.Method != http.MethodGet:
		return admission.Guest{}, refuse(BadHandshakeMethod).about(ErrorContext{Method: r.Method})
	case q.transport == transportWebSocket && !upgrade:
		return admission.Guest{}, refuse(BadRequest).about(ErrorContext{Name: NameHandshake})
	}
	guest, refused := srv.admitRequest(r)
	if refused != nil {
		return guest, refused
	}
	refused = srv.askProgram(r)
	handled := upgrade == (q.transport == transportWebSocket)
	if refused == nil && handled && !srv.speaks(q.protocol()) {
		refused = refuse(UnsupportedProtocolVersion).about(ErrorContext{Protocol: int(q.protocol())})
	}
	if refused != nil {
		srv.door.Leave(guest)
	}
	return guest, refused
}

// askProgram asks Options.AllowRequest about a request that opens a session.
func (srv *Server) askProgram(r *http.Request) *refusal {
	if srv.opts.AllowRequest == nil {
		return nil
	}
	if err := srv.opts.AllowRequest(r); err != nil {
		return refuseWith(http.StatusForbidden, err.Error()).about(ErrorContext{Message: err.Error(), Err: err})
	}
	return nil
}

func (srv *Server) refuseWhenClosing() *refusal {
	if !srv.isClosing() {
		return nil
	}
	return refuseWith(http.StatusServiceUnavailable, string(ReasonShutdown))
}

// Path is Options.Path: where the server answers.
func (srv *Server) Path() string { return srv.opts.Path }

// Sessions is the number of open sessions.
func (srv *Server) Sessions() int { return srv.count() }

func (srv *Server) nextFlusher() *flusher {
	return &srv.flushers[srv.next.Add(1)%uint32(len(srv.flushers))]
}

// newSession returns a session that has yet to get a transport. Its connection's loop, if it has one, is the flusher's.
// guest is the client that has been let in, and q what it asks for.
func (srv *Server) newSession(id string, q *query, o opening, guest admission.Guest, f *flusher) *Session {
	return &Session{
		srv: srv, flusher: f, id: id, opened: o, guest: guest, revision: q.protocol(),
		allowance: allowance{messages: float64(srv.opts.MessageBurst), bytes: float64(srv.opts.ByteBurst)},
	}
}

// open makes a session known and greets its client. It can upgrade to the transports named.
func (srv *Server) open(s *Session, upgrades []string) {
	greeting, _ := json.Marshal(struct { // strings and numbers: cannot fail
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{
		s.id, upgrades, srv.opts.PingInterval.Milliseconds(), srv.opts.PingTimeout.Milliseconds(),
		srv.opts.MaxHTTPBufferSize,
	})
	s.mu.Lock()
	s.startHeartbeat()
	s.enqueue(newPacket(packetOpen, string(greeting)))
	closing, taken := srv.add(s)
	s.transport.wake()
	s.mu.Unlock()
	srv.turnover.opened.Add(1)
	if srv.opts.OnSession != nil {
		srv.opts.OnSession(s)
	}
	s.setHandler(srv.connect(s))
	if closing { // since verify looked
		s.lockAndEnd(endShutdown, ReasonShutdown)
	}
	if taken { // since newID looked
		s.lockAndEnd(endCut, ReasonForcedClose)
	}
}

// openPolling opens a session by polling.
func (srv *Server) openPolling(id string, q query, o opening, guest admission.Guest, f *flusher) *Session {
	s := srv.newSession(id, &q, o, guest, f)
	s.polling = &polling{session: s, payloads: payloads4{}}
	if s.revision == revision3 {
		s.polling.payloads = newPayloads3(q)
	}
	s.transport = s.polling
	srv.open(s, srv.upgradeTargets)
	return s
}

// openOn opens a session on a stream. accept, which may be empty, goes out in one write with the open packet.
func (srv *Server) openOn(c *stream, accept []byte) {
	s := c.session
	s.transport = c
	if len(accept) > 0 {
		s.enqueue(newControl(accept))
	}
	srv.open(s, noUpgrades)
}
