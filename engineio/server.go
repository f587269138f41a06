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
)

// A Server speaks the server side of Engine.IO; it is an http.Handler for everything under Options.Path.
type Server struct {
	opts     Options
	connect  func(*Session) Handler
	deflater *wsframe.Deflater // nil without PerMessageDeflate
	deflated *form             // of messages that it compresses; the same
	// closeTimeout is the constant of that name, but for tests.
	closeTimeout time.Duration
	flushers     []flusher
	next         atomic.Uint32 // the flusher of the next session

	// upgradeTargets are the transports that a polling session may upgrade to.
	upgradeTargets []string

	registry
	door        *admission.Door // of sessions
	connections *admission.Door // of connections
	limited     *slog.Logger    // for what a client can cause any number of times

	ownConnections atomic.Int64 // of this host, past the limits

	backlog backlog
	budget  budget

	upgrades, throttled atomic.Int64 // see Stats
	slowClients         [slowCauses]atomic.Int64
	refused             refusedCounts
}

// NewServer returns a Server. connect is called for every new session, before its first message; the Handler that it
// returns gets what the session receives. Messages that connect sends follow the open packet.
func NewServer(opts Options, connect func(*Session) Handler) *Server {
	srv := &Server{
		opts:    opts.withDefaults(),
		connect: connect,

		closeTimeout: closeTimeout,
		flushers:     make([]flusher, runtime.GOMAXPROCS(0)),
		registry:     newRegistry(),
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
	if !upgrade && srv.opts.CORS != nil && srv.opts.CORS.Handle(w, r) {
		return
	}
	if !srv.opts.CORS.admits(r) {
		srv.refuseOrigin(w, r, upgrade)
		return
	}
	q := parseQuery(r.URL.RawQuery)
	s, refused := srv.verify(r, q, upgrade)
	if refused != nil {
		srv.turnAway(w, r, refused, upgrade && refused.code != UnsupportedProtocolVersion)
		return
	}
	switch {
	case upgrade && !checkWebSocket(w, r):
		srv.connectionError(r, BadRequest, "invalid WebSocket handshake")
	case upgrade && q.transport != transportWebSocket:
		srv.serveUpgrade(w, r, q, nil) // as Node.js has it: accepted, and closed
	case upgrade && s != nil:
		srv.serveUpgrade(w, r, q, s)
	case upgrade:
		srv.serveOpenWebSocket(w, r, q)
	case s == nil:
		srv.serveOpenPolling(w, r)
	case r.Method == http.MethodGet:
		srv.servePoll(w, r, s)
	case r.Method == http.MethodPost:
		srv.servePost(w, r, s)
	default:
		w.WriteHeader(http.StatusInternalServerError) // Node.js's answer
	}
}

// turnAway answers a request that is refused. One for an upgrade that has a fault is answered as Node does it; who is
// not let in for the server's sake is told why.
func (srv *Server) turnAway(w http.ResponseWriter, r *http.Request, refused *refusal, upgrade bool) {
	srv.connectionError(r, refused.code, refused.message)
	if refused.waits() {
		select {
		case <-time.After(refusalDelay):
		case <-r.Context().Done():
		}
	}
	if upgrade && refused.status < http.StatusTooManyRequests {
		refuseUpgrade(w, http.StatusBadRequest, refused.message)
	} else {
		refused.write(w)
	}
}

// connectionError tells the program of a request that is refused.
func (srv *Server) connectionError(r *http.Request, code ErrorCode, message string) {
	if f := srv.opts.OnConnectionError; f != nil {
		f(r, code, message)
		return
	}
	srv.opts.Logger.Debug("request refused", "code", int(code), "reason", message,
		"method", r.Method, "query", r.URL.RawQuery, "remote", r.RemoteAddr)
}

// A query holds the parameters that the protocol knows. Where one is repeated, the last counts, as in Node.js.
type query struct {
	transport, sid, revision string
	textOnly                 bool // b64: the client of a WebSocket takes no binary frames
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

// verify finds the session that a request is for, or none where it opens one, or why it is refused. The order of the
// checks is Node.js's: it decides which error a request with several faults gets.
func (srv *Server) verify(r *http.Request, q query, upgrade bool) (*Session, *refusal) {
	if !srv.opts.allows(q.transport) || q.transport != transportPolling && q.transport != transportWebSocket {
		return nil, refuse(UnknownTransport) // a Framing's transport has connections of its own
	}
	if q.sid != "" {
		s := srv.session(q.sid)
		switch {
		case s == nil:
			return nil, refuse(UnknownSID)
		case !upgrade && s.Transport() != q.transport, q.revision != "4":
			return nil, refuse(BadRequest)
		}
		return s, nil
	}
	switch {
	case r.Method != http.MethodGet:
		return nil, refuse(BadHandshakeMethod)
	case q.transport == transportWebSocket && !upgrade:
		return nil, refuse(BadRequest)
	}
	if refused := srv.askProgram(r); refused != nil {
		return nil, refused
	}
	if handled := upgrade == (q.transport == transportWebSocket); handled && q.revision != "4" {
		return nil, refuse(UnsupportedProtocolVersion)
	}
	return nil, srv.refuseWhenClosing() // and admit, where it comes to a session
}

// askProgram asks Options.AllowRequest about a request that opens a session.
func (srv *Server) askProgram(r *http.Request) *refusal {
	if srv.opts.AllowRequest == nil {
		return nil
	}
	if err := srv.opts.AllowRequest(r); err != nil {
		return &refusal{code: Forbidden, message: err.Error(), status: http.StatusForbidden}
	}
	return nil
}

func (srv *Server) refuseWhenClosing() *refusal {
	if !srv.isClosing() {
		return nil
	}
	return &refusal{code: Forbidden, message: string(ReasonShutdown), status: http.StatusServiceUnavailable}
}

// Sessions is the number of open sessions.
func (srv *Server) Sessions() int { return srv.count() }

func (srv *Server) nextFlusher() *flusher {
	return &srv.flushers[srv.next.Add(1)%uint32(len(srv.flushers))]
}

// newSession returns a session that has yet to get a transport. Its connection's loop, if it has one, is the flusher's.
// guest is the client that has been let in.
func (srv *Server) newSession(o opening, guest admission.Guest, f *flusher) *Session {
	return &Session{
		srv: srv, flusher: f, id: srv.opts.NewID(), opened: o, guest: guest,
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
	closing := srv.add(s)
	s.transport.wake()
	s.mu.Unlock()
	s.setHandler(srv.connect(s))
	if closing { // since verify looked
		s.lockAndEnd(endShutdown, ReasonShutdown)
	}
}

// openPolling opens a session by polling.
func (srv *Server) openPolling(o opening, guest admission.Guest, f *flusher) *Session {
	s := srv.newSession(o, guest, f)
	s.polling = &polling{session: s}
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
