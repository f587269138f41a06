package webtransport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
	"golang.org/x/time/rate"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
)

// An Engine is what clients are served by: an engineio.Server or a socketio.Server, whose option Transports has Name.
type Engine interface {
	// Path is where it answers.
	Path() string
	ServeStream(conn net.Conn, f engineio.Framing, r *http.Request) error
}

// Options configure a Server.
type Options struct {
	// TLSConfig has the certificates. It is required.
	TLSConfig *tls.Config
	// MaxConnections bounds the QUIC connections, MaxConnectionsPerAddress those from one address (IPv6: from one /64).
	// Default 5,000 and three quarters of MaxConnections.
	MaxConnections           int
	MaxConnectionsPerAddress int
	// HandshakeRate is how many connections per second are taken on trust. Beyond it a client must first show that its
	// address is its own, which takes one more round trip (RFC 9000, section 8.1.2). Default 100; negative: none.
	HandshakeRate float64
	// Logger gets failed connections at debug level. Default slog.Default().
	Logger *slog.Logger
}

const (
	defaultMaxConnections = 5_000
	defaultHandshakeRate  = 100
)

// What a client may have in flight. quic-go's defaults are 15 MB for each connection, which a session that is not read
// from would fill.
const (
	streamWindow     = 256 << 10 // bytes
	connectionWindow = 512 << 10
	bidiStreams      = 8 // the request, the session's stream, and some that are refused
	uniStreams       = 8 // HTTP/3's control stream and two of QPACK
	idleTimeout      = 60 * time.Second
	requestTimeout   = 10 * time.Second // for a connection that has no session yet
)

// errorTooMany is H3_EXCESSIVE_LOAD (RFC 9114, section 8.1).
const errorTooMany = quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad)

// A Server takes WebTransport sessions for an Engine. It serves nothing else of HTTP/3.
type Server struct {
	engine    Engine
	log       *slog.Logger
	door      *admission.Door
	sessions  *webtransport.Server
	socket    net.PacketConn
	transport *quic.Transport
	listener  *quic.EarlyListener
	accepting chan struct{} // closed when accept has ended
}

// Listen listens on an address and serves clients until Close.
func Listen(network, address string, engine Engine, opts Options) (*Server, error) {
	if opts.TLSConfig == nil {
		return nil, errors.New("webtransport: Options.TLSConfig is required")
	}
	socket, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, fmt.Errorf("webtransport: %w", err)
	}
	s, err := serve(socket, engine, opts)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("webtransport: listen: %w", err)
	}
	return s, nil
}

func serve(socket net.PacketConn, engine Engine, opts Options) (*Server, error) {
	most := cmp.Or(max(opts.MaxConnections, 0), defaultMaxConnections)
	s := &Server{
		engine: engine,
		log:    cmp.Or(opts.Logger, slog.Default()),
		socket: socket,
		door: admission.NewDoor(admission.Limits{
			Guests:      most,
			FromAddress: cmp.Or(max(opts.MaxConnectionsPerAddress, 0), most-most/4),
		}),
		accepting: make(chan struct{}),
	}
	handshakes := cmp.Or(opts.HandshakeRate, defaultHandshakeRate)
	trusted := rate.NewLimiter(rate.Limit(max(handshakes, 0)), int(max(handshakes, 0)))
	s.transport = &quic.Transport{
		Conn:                socket,
		VerifySourceAddress: func(net.Addr) bool { return !trusted.Allow() },
	}
	mux := http.NewServeMux()
	mux.HandleFunc(engine.Path(), s.session)
	s.sessions = &webtransport.Server{
		H3: &http3.Server{
			Handler:        mux,
			MaxHeaderBytes: 16 << 10,
			Logger:         slog.New(slog.DiscardHandler), // it logs what clients cause
			ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
				timer := time.AfterFunc(requestTimeout, func() { _ = c.CloseWithError(0, "") })
				return context.WithValue(ctx, lastOf{}, timer)
			},
		},
		CheckOrigin: func(*http.Request) bool { return true }, // the engine does
	}
	var err error
	s.listener, err = s.transport.ListenEarly(http3.ConfigureTLSConfig(opts.TLSConfig), &quic.Config{
		MaxIdleTimeout:                   idleTimeout,
		InitialStreamReceiveWindow:       streamWindow,
		MaxStreamReceiveWindow:           streamWindow,
		InitialConnectionReceiveWindow:   connectionWindow,
		MaxConnectionReceiveWindow:       connectionWindow,
		MaxIncomingStreams:               bidiStreams,
		MaxIncomingUniStreams:            uniStreams,
		EnableDatagrams:                  true, // WebTransport asks for it
		EnableStreamResetPartialDelivery: true,
	})
	if err != nil {
		return nil, err
	}
	go s.accept()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.socket.LocalAddr() }

// Close ends the listening and all connections. Drain or shut down the engine first: that lets clients read what waits
// for them.
func (s *Server) Close() error {
	err := s.listener.Close()
	<-s.accepting
	err = errors.Join(err, s.sessions.Close(), s.transport.Close(), s.socket.Close())
	if err != nil {
		return fmt.Errorf("webtransport: close: %w", err)
	}
	return nil
}

// accept takes connections until the listener is closed.
func (s *Server) accept() {
	defer close(s.accepting)
	for {
		c, err := s.listener.Accept(context.Background())
		if err != nil {
			return
		}
		from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		guest, verdict := s.door.Enter(from.Addr(), 0, time.Now())
		if verdict != admission.Welcome {
			_ = c.CloseWithError(errorTooMany, "too many connections")
			continue
		}
		context.AfterFunc(c.Context(), func() { s.door.Leave(guest) })
		go func() {
			if err := s.sessions.ServeQUICConn(c); err != nil {
				s.log.Debug("webtransport: connection failed", "addr", c.RemoteAddr(), "error", err)
			}
		}()
	}
}

// lastOf is the context's key to the timer that closes a request's connection: clients use one for one session, and may
// not keep it without.
type lastOf struct{}

// session serves one request for a session, until that has ended.
func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.NotFound(w, r)
		return
	}
	if timer, ok := r.Context().Value(lastOf{}).(*time.Timer); ok {
		timer.Stop()
		defer timer.Reset(lastWordsTime) // so that the end of the session arrives before that of the connection
	}
	session, err := s.sessions.Upgrade(w, r)
	if err != nil {
		s.log.Debug("webtransport: no session", "addr", r.RemoteAddr, "error", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := s.engine.ServeStream(&conn{session: session}, Framing{}, r); err != nil {
		s.log.Debug("webtransport: client refused", "addr", r.RemoteAddr, "error", err)
		return
	}
	// A client must not open a second stream (Engine.IO protocol, "WebTransport" under "Transports").
	if _, err := session.AcceptStream(session.Context()); err == nil {
		_ = session.CloseWithError(0, "")
	}
}

var _ io.Closer = (*Server)(nil)
