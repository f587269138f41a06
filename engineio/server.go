package engineio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A Server speaks the server side of Engine.IO; it is an http.Handler for everything under Options.Path.
type Server struct {
	opts     Options
	connect  func(*Session) Handler
	deflater *wsframe.Deflater // nil without PerMessageDeflate
	// closeTimeout is the constant of that name, but for tests.
	closeTimeout time.Duration
	flushers     []flusher
	next         atomic.Uint32 // the flusher of the next session

	upgrades, slowClients atomic.Int64 // see Stats

	mu       sync.RWMutex // taken after Session.mu
	sessions map[string]*Session
	leaving  map[*Session]struct{} // over, but their connections linger
	ending   int                   // forgotten, but their handlers are still to be told
	closing  bool
	gone     chan struct{} // closed when closing and there is nobody left
}

// NewServer returns a Server. connect is called for every new session, before its first message; the Handler that it
// returns gets what the session receives. Messages that connect sends follow the open packet.
func NewServer(opts Options, connect func(*Session) Handler) *Server {
	srv := &Server{
		opts:    opts.withDefaults(),
		connect: connect,

		closeTimeout: closeTimeout,
		flushers:     make([]flusher, runtime.GOMAXPROCS(0)),
		sessions:     make(map[string]*Session),
		leaving:      make(map[*Session]struct{}),
		gone:         make(chan struct{}),
	}
	if d := srv.opts.PerMessageDeflate; d != nil {
		srv.deflater = wsframe.NewDeflater(d.Threshold, d.Level)
	}
	return srv
}

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
	q := parseQuery(r.URL.RawQuery)
	s, refused := srv.verify(r, q, upgrade)
	if refused != nil {
		srv.connectionError(r, refused.code, refused.message)
		if upgrade && refused.code != UnsupportedProtocolVersion && refused.status != http.StatusServiceUnavailable {
			refuseUpgrade(w, http.StatusBadRequest, refused.message)
		} else {
			refused.writeJSON(w)
		}
		return
	}
	switch {
	case upgrade && !checkWebSocket(w, r):
		srv.connectionError(r, BadRequest, "invalid WebSocket handshake")
	case upgrade && q.transport != transportWebSocket:
		srv.serveUpgrade(w, r, nil) // as Node has it: accepted, and closed
	case upgrade && s != nil:
		srv.serveUpgrade(w, r, s)
	case upgrade:
		srv.openWebSocket(w, r)
	case s == nil:
		srv.openPolling(w, r)
	case r.Method == http.MethodGet:
		srv.servePoll(w, r, s)
	case r.Method == http.MethodPost:
		srv.servePost(w, r, s)
	default:
		w.WriteHeader(http.StatusInternalServerError) // Node's answer
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

// A query holds the parameters that the protocol knows. Where one is repeated, the last counts, as in Node.
type query struct{ transport, sid, revision string }

func parseQuery(raw string) query {
	var q query
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		var field *string
		switch key {
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
// checks is Node's: it decides which error a request with several faults gets.
func (srv *Server) verify(r *http.Request, q query, upgrade bool) (*Session, *refusal) {
	if !srv.opts.allows(q.transport) {
		return nil, refuse(UnknownTransport)
	}
	if q.sid != "" {
		s := srv.session(q.sid)
		switch {
		case s == nil:
			return nil, refuse(UnknownSID)
		case !upgrade && s.Transport() != q.transport:
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
	if srv.opts.AllowRequest != nil {
		if err := srv.opts.AllowRequest(r); err != nil {
			return nil, &refusal{code: Forbidden, message: err.Error(), status: http.StatusForbidden}
		}
	}
	if handled := upgrade == (q.transport == transportWebSocket); handled && q.revision != "4" {
		return nil, refuse(UnsupportedProtocolVersion)
	}
	if srv.isClosing() {
		return nil, &refusal{code: Forbidden, message: string(ReasonShutdown), status: http.StatusServiceUnavailable}
	}
	return nil, nil
}

// session finds a session by its id; there may be none.
func (srv *Server) session(sid string) *Session {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.sessions[sid]
}

func (srv *Server) isClosing() bool {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.closing
}

// openPolling opens a session by polling; the handshake is its first poll.
func (srv *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	s := srv.newSession(newOpening(r))
	if c := srv.opts.Cookie; c != nil {
		cookie := *c
		cookie.Value = s.id
		http.SetCookie(w, &cookie)
	}
	srv.open(s)
	srv.servePoll(w, r, s)
}

// openWebSocket opens a session on a WebSocket connection.
func (srv *Server) openWebSocket(w http.ResponseWriter, r *http.Request) {
	s := srv.newSession(newOpening(r))
	c, answer, early, err := srv.acceptWebSocket(w, r)
	if err != nil {
		refuse(BadRequest).writeJSON(w)
		return
	}
	c.session, s.ws = s, c
	c.takeSocket()
	s.enqueue(newControl(answer)) // in one write with the open packet
	srv.open(s)
	c.serve(early)
}

func (srv *Server) newSession(o opening) *Session {
	return &Session{
		srv:     srv,
		flusher: srv.nextFlusher(),
		id:      srv.opts.NewID(),
		opened:  o,
	}
}

func (srv *Server) nextFlusher() *flusher {
	return &srv.flushers[srv.next.Add(1)%uint32(len(srv.flushers))]
}

// open makes a session known and greets its client.
func (srv *Server) open(s *Session) {
	upgrades := []string{}
	if s.ws == nil && !srv.opts.NoUpgrades && srv.opts.allows(transportWebSocket) {
		upgrades = append(upgrades, transportWebSocket)
	}
	greeting, _ := json.Marshal(struct { // strings and numbers: cannot fail
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{s.id, upgrades, srv.opts.PingInterval.Milliseconds(), srv.opts.PingTimeout.Milliseconds(), srv.opts.MaxHTTPBufferSize})
	s.mu.Lock()
	s.heartbeat = time.AfterFunc(srv.opts.PingInterval, s.beat)
	s.enqueue(newPacket(packetOpen, string(greeting)))
	srv.mu.Lock()
	srv.sessions[s.id] = s
	closing := srv.closing
	srv.mu.Unlock()
	if s.ws != nil {
		s.schedule()
	} else {
		s.mu.Unlock()
	}
	s.setHandler(srv.connect(s))
	if closing { // since verify looked
		s.close(ReasonShutdown, farewell)
	}
}

// remove takes a session that is over out of the registry; forget follows when its handler knows.
func (srv *Server) remove(s *Session) {
	srv.mu.Lock()
	if _, known := srv.sessions[s.id]; known {
		delete(srv.sessions, s.id)
		srv.ending++
	}
	srv.mu.Unlock()
}

func (srv *Server) forget() {
	srv.mu.Lock()
	srv.ending--
	srv.checkGone()
	srv.mu.Unlock()
}

// lingers notes that a session's connection outlives it for a while; lingered, that it has ended.
func (srv *Server) lingers(s *Session) {
	srv.mu.Lock()
	srv.leaving[s] = struct{}{}
	srv.mu.Unlock()
}

func (srv *Server) lingered(s *Session) {
	srv.mu.Lock()
	delete(srv.leaving, s)
	srv.checkGone()
	srv.mu.Unlock()
}

// checkGone tells Shutdown when there is nobody left. It is called with mu held.
func (srv *Server) checkGone() {
	if srv.closing && len(srv.sessions)+len(srv.leaving)+srv.ending == 0 {
		select {
		case <-srv.gone:
		default:
			close(srv.gone)
		}
	}
}

// Sessions is the number of open sessions.
func (srv *Server) Sessions() int {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return len(srv.sessions)
}

// Shutdown refuses new sessions, closes those there are with ReasonShutdown after what is queued for them, and waits
// until they are gone and their handlers' OnClose has returned, or ctx is done, when it cuts the rest and returns ctx's
// error. A client that has been sent everything and does not answer is given up after 3 s. See Drain for a gentler end.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.refuseNew()
	for _, s := range srv.all() {
		s.close(ReasonShutdown, min(farewell, srv.closeTimeout))
		s.hurry()
	}
	select {
	case <-srv.gone:
		return nil
	case <-ctx.Done():
	}
	for _, s := range srv.all() {
		s.cut(ReasonShutdown)
	}
	return ctx.Err()
}

// all lists the sessions, those included whose connections linger.
func (srv *Server) all() []*Session {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	list := make([]*Session, 0, len(srv.sessions)+len(srv.leaving))
	for _, s := range srv.sessions {
		list = append(list, s)
	}
	for s := range srv.leaving {
		list = append(list, s)
	}
	return list
}

// NewID returns a new session id: 120 random bits in 20 characters, the length and the alphabet of Node's.
func NewID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
