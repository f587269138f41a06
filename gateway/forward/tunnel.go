package forward

// A WebSocket connection to a session of another node is a tunnel: once the owner has accepted it, bytes are copied
// both ways until one end closes. Behind a balancer that spreads requests evenly, most clients that begin by polling
// end up with one for as long as they stay. So all tunnels to an owner share one connection (link.go), and a quiet one
// has neither a goroutine nor a buffer (package mux).

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
)

// handshakeTimeout is how long an owner may take to answer a handshake.
const handshakeTimeout = 10 * time.Second

// removeHopByHop takes off what is for one connection only (RFC 9110, section 7.6.1).
func removeHopByHop(h http.Header) {
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		h.Del(name)
	}
}

// upgrade takes a WebSocket handshake to its owner, and what follows it.
func (n *Node) upgrade(ctx context.Context, w http.ResponseWriter, p *proxiedRequest) {
	out := n.handshake(p)
	if n.isTooLong(out) {
		n.failed(w, p, errTooLong)
		return
	}
	stream, err := n.openStream(ctx, p.owner)
	if err != nil {
		n.failed(w, p, err)
		return
	}
	kept := false
	defer func() {
		if !kept {
			stream.Close()
		}
	}()
	answered := context.AfterFunc(ctx, func() { stream.Close() })
	response, received, err := n.shakeHands(stream, p.owner, out)
	if !answered() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		n.failed(w, p, err)
		return
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		n.stats.answered.Add(1)
		n.refuse(w, response)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		n.failed(w, p, err)
		return
	}
	n.stats.answered.Add(1)
	kept = true
	n.join(client, buffered.Reader, stream, received, response)
}

// handshake is the WebSocket handshake as it goes to its owner.
func (n *Node) handshake(p *proxiedRequest) *http.Request {
	out := &http.Request{Method: p.in.Method, Header: p.in.Header.Clone()}
	removeHopByHop(out.Header)
	n.rewrite(out, p)
	out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{p.in.Header.Get("Upgrade")}
	if _, named := out.Header["User-Agent"]; !named {
		out.Header.Set("User-Agent", "") // else net/http names itself
	}
	return out
}

// shakeHands sends a handshake and returns the answer, and the reader that may have what follows it.
func (n *Node) shakeHands(
	conn net.Conn, o *owner, out *http.Request,
) (*http.Response, *bufio.Reader, error) {
	if err := conn.SetDeadline(time.Now().Add(min(handshakeTimeout, n.opts.AnswerTimeout))); err != nil {
		return nil, nil, err
	}
	if err := out.Write(conn); err != nil {
		return nil, nil, err
	}
	received := bufio.NewReader(conn)
	response, err := http.ReadResponse(received, out)
	if err != nil {
		return nil, nil, err
	}
	if err := checkOwner(response, o); err != nil {
		return nil, nil, err
	}
	return response, received, conn.SetDeadline(time.Time{})
}

// refuse passes on the owner's answer to a handshake that it has turned away, which ends the connection.
func (n *Node) refuse(w http.ResponseWriter, response *http.Response) {
	removeHopByHop(response.Header)
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Connection", "close")
	w.WriteHeader(response.StatusCode)
	_, _ = io.CopyN(w, response.Body, 1<<20) // a line of text; what fails shows to the client
	_ = response.Body.Close()
}

// join makes a tunnel of a client's connection and a stream, whose readers may have the first bytes.
func (n *Node) join(
	client net.Conn, early *bufio.Reader, stream *mux.Stream, received *bufio.Reader, response *http.Response,
) {
	var accepted bytes.Buffer
	accepted.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = response.Header.Write(&accepted) // a buffer takes everything
	accepted.WriteString("\r\n")
	accepted.Write(buffered(received))

	t := &tunnel{closed: make(chan struct{})}
	t.joint = n.loop.Join(client, stream, func() { n.leave(t) })
	open := n.keep(t)
	t.joint.Start(accepted.Bytes(), buffered(early))
	if !open {
		t.joint.Close()
	}
}

// buffered is what a reader has read and nobody has taken. It is valid until the next call.
func buffered(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered()) // it is in memory
	return b
}

// A tunnel joins a client's connection and a stream to its owner.
type tunnel struct {
	joint  *mux.Joint
	closed chan struct{}
}

// keep remembers a tunnel. It reports false after Cut: there are to be none any more.
func (n *Node) keep(t *tunnel) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return false
	}
	n.tunnels[t] = struct{}{}
	return true
}

// leave forgets a tunnel that is over.
func (n *Node) leave(t *tunnel) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tunnels, t)
	close(t.closed)
}

// Drain ends the WebSocket connections that lead through this node to others, one after the other over a time, so that
// their clients do not all come back at once. What a client sends until it notices still reaches the owner. Drain
// returns when all that there were at its start are closed, or ctx is done. Requests go on being forwarded: balancers
// may not have noticed yet.
func (n *Node) Drain(ctx context.Context, within time.Duration) {
	there := n.allTunnels() // in no order
	for _, t := range there {
		wait := time.NewTimer(within / time.Duration(len(there)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
		t.joint.HangUp()
	}
	for _, t := range there {
		select {
		case <-t.closed:
		case <-ctx.Done():
			return
		}
	}
}

func (n *Node) allTunnels() []*tunnel {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.tunnels))
}
