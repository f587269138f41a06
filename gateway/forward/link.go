package forward

// A link is the connection to an owner that carries all tunnels to it, in package mux's protocol. It begins as a
// request with the owner's key, as a node's question who is there does, that asks for an upgrade. The owner serves the
// streams as it serves connections: what comes on one is a request that has been forwarded.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
)

// muxProtocol is the Upgrade token of a link. Its number is that of mux's protocol.
const muxProtocol = "gateway-mux/1"

// errNoMux means that an owner takes no links: it is of a version that did not know them. Clients go on polling.
var errNoMux = errors.New("forward: the owner takes no tunnels from this version")

// A link is made by the first client that needs it, for all that do.
type link struct {
	ready   chan struct{} // closed when the rest is there
	session *mux.Session
	err     error
}

// openStream opens a stream to an owner, over a link that may have to be made.
func (n *Node) openStream(ctx context.Context, o *owner) (*mux.Stream, error) {
	for again := false; ; again = true {
		l := n.link(o)
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if l.err != nil {
			return nil, l.err
		}
		stream, err := l.session.Open()
		if err == nil || again {
			return stream, err
		}
		n.unlink(o, l) // it has just ended, maybe because it had no streams
	}
}

// link returns the link to an owner, which may not be ready.
func (n *Node) link(o *owner) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.links[o.tag]; l != nil {
		return l
	}
	l := &link{ready: make(chan struct{})}
	if n.over {
		l.err = context.Canceled
		close(l.ready)
		return l
	}
	n.links[o.tag] = l
	n.running.Go(func() { n.run(l, o) })
	return l
}

func (n *Node) unlink(o *owner, l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links[o.tag] == l {
		delete(n.links, o.tag)
	}
}

// run makes a link, and waits for its end.
func (n *Node) run(l *link, o *owner) {
	l.session, l.err = n.connect(n.forwarding, o)
	if l.err != nil {
		n.unlink(o, l)
	}
	close(l.ready)
	if l.err != nil {
		return
	}
	defer context.AfterFunc(n.forwarding, l.session.Close)()
	<-l.session.Done()
	n.unlink(o, l)
	if err := l.session.Err(); !errors.Is(err, mux.ErrClosed) && !errors.Is(err, io.EOF) { // the latter: it has stopped
		n.limited.Warn("the connection to a node has ended, and all that led to it",
			"node", o.Host, "address", o.Address, "error", err)
	}
}

// connect makes a session with an owner.
func (n *Node) connect(ctx context.Context, o *owner) (*mux.Session, error) {
	conn, err := n.dial(ctx, o)
	if err != nil {
		return nil, err
	}
	answered := context.AfterFunc(ctx, func() { conn.Close() })
	out := n.question(o)
	out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{muxProtocol}
	response, received, err := n.shakeHands(conn, o, out)
	switch {
	case !answered() && err == nil:
		err = context.Cause(ctx)
	case err == nil && response.StatusCode != http.StatusSwitchingProtocols:
		err = errNoMux
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return mux.Client(conn, bytes.Clone(buffered(received)), n.muxOptions()), nil
}

func (n *Node) muxOptions() mux.Options {
	return mux.Options{Timeout: n.opts.AnswerTimeout, Idle: idleTimeout}
}

// isLink reports whether a node's question asks for a link.
func isLink(r *http.Request) bool {
	return engineio.IsUpgrade(r) && r.Header.Get("Upgrade") == muxProtocol
}

// carry takes a link of another node's, and has its streams served by whoever serves this request. It reports false
// where that is no http.Server.
func (n *Node) carry(w http.ResponseWriter, r *http.Request) bool {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return false
	}
	conn, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + muxProtocol + "\r\n" +
		nodeHeader + ": " + n.tag + "\r\n\r\n"
	_ = conn.SetDeadline(time.Time{}) // a connection without deadlines has none
	if _, err := conn.Write([]byte(answer)); err != nil {
		conn.Close()
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		conn.Close()
		return true
	}
	session := mux.Server(conn, bytes.Clone(buffered(early.Reader)), n.muxOptions())
	n.carried[session] = struct{}{}
	n.running.Go(func() {
		// Until the link or the server has ended. In the latter case, what the link carries goes on.
		_ = server.Serve(session.Listener())
		<-session.Done()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.carried, session)
	})
	return true
}

// endCarried ends the links of other nodes.
func (n *Node) endCarried() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for session := range n.carried {
		session.Close()
	}
}
