package forward

// A WebSocket connection to a session of another node is a tunnel: once the owner has accepted it, bytes are copied
// both ways until one end closes. Behind a balancer that spreads requests evenly, most clients that begin by polling
// end up with one for as long as they stay. So a quiet tunnel holds no buffers, and no more than two goroutines.

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
	"sync"
	"time"
)

const (
	// handshakeTimeout is how long an owner may take to answer a WebSocket handshake.
	handshakeTimeout = 10 * time.Second
	// lingerTimeout is how long one direction may outlive the other: long enough for a close frame's answer.
	lingerTimeout = 5 * time.Second
)

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
	conn, err := n.dial(ctx, p.owner)
	if err != nil {
		n.failed(w, p, err)
		return
	}
	kept := false
	defer func() {
		if !kept {
			conn.Close()
		}
	}()
	answered := context.AfterFunc(ctx, func() { conn.Close() })
	response, received, err := n.shakeHands(conn, p, out)
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
	kept = n.join(client, buffered.Reader, conn, received, response)
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
	conn net.Conn, p *proxiedRequest, out *http.Request,
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
	if err := checkOwner(response, p.owner); err != nil {
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

// join makes a tunnel of two connections, whose readers may have the first bytes. It reports false where it has not.
func (n *Node) join(
	client net.Conn, early *bufio.Reader, owner net.Conn, received *bufio.Reader, response *http.Response,
) bool {
	var accepted bytes.Buffer
	accepted.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = response.Header.Write(&accepted) // a buffer takes everything
	accepted.WriteString("\r\n")
	_, _ = io.CopyN(&accepted, received, int64(received.Buffered())) // it is in memory
	first, _ := early.Peek(early.Buffered())
	first = bytes.Clone(first)

	t := &tunnel{node: n, client: client, owner: owner, closed: make(chan struct{})}
	if !n.keep(t) {
		client.Close()
		return false
	}
	go t.lead(client, owner, accepted.Bytes())
	go t.lead(owner, client, first)
	return true
}

// A tunnel joins a client's connection and its owner's.
type tunnel struct {
	node          *Node
	client, owner net.Conn

	closed chan struct{}

	mu      sync.Mutex
	half    bool // one direction has ended
	leaving bool // the client has been told that it is over
}

// keep remembers a tunnel. It reports false after Cut: there are to be none any more.
func (n *Node) keep(t *tunnel) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return false
	}
	n.tunnels[t] = struct{}{}
	n.running.Add(2) // its two goroutines; under the lock, so that Close does not miss them
	return true
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
		t.hangUp()
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

// lead writes first to dst, then what src sends until its end.
func (t *tunnel) lead(dst, src net.Conn, first []byte) {
	defer t.node.running.Done()
	err := t.write(dst, first)
	if err == nil {
		first = nil // a quiet tunnel keeps its goroutines and nothing else
		err = t.copy(dst, src)
	}
	if told := dst == t.client && t.isLeaving(); !told {
		half, canHalf := dst.(interface{ CloseWrite() error })
		if err != nil || !canHalf || half.CloseWrite() != nil {
			t.close()
			return
		}
	}
	t.mu.Lock()
	both := t.half
	t.half = true
	t.mu.Unlock()
	if both {
		t.close()
		return
	}
	// dst has been told of src's end, and follows soon or never.
	if dst.SetReadDeadline(time.Now().Add(lingerTimeout)) != nil {
		t.close()
	}
}

// write writes b. A client that takes nothing for as long as a heartbeat may take is given up. The owner has given it
// up too, or will, but cannot tell while the bytes between them stand still.
func (t *tunnel) write(dst net.Conn, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := dst.SetWriteDeadline(time.Now().Add(t.node.opts.AnswerTimeout)); err != nil {
		return err
	}
	_, err := dst.Write(b)
	return err
}

// copy copies until the end of src, which is no error.
func (t *tunnel) copy(dst, src net.Conn) error {
	read, release := newReader(src)
	for {
		b, err := read()
		if err == nil && len(b) > 0 {
			err = t.write(dst, b)
			release()
			if err != nil {
				return err
			}
			continue
		}
		release()
		return err
	}
}

// close closes both ends. It may be called more than once.
func (t *tunnel) close() {
	t.client.Close()
	t.owner.Close()
	t.node.mu.Lock()
	defer t.node.mu.Unlock()
	if _, open := t.node.tunnels[t]; open {
		delete(t.node.tunnels, t)
		close(t.closed)
	}
}

// hangUp ends the connection to the client: it gets no more, and has a moment to end its own half.
func (t *tunnel) hangUp() {
	t.mu.Lock()
	t.leaving = true
	t.mu.Unlock()
	half, ok := t.client.(interface{ CloseWrite() error })
	if !ok || t.client.SetReadDeadline(time.Now().Add(lingerTimeout)) != nil || half.CloseWrite() != nil {
		t.close()
	}
}

func (t *tunnel) isLeaving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leaving
}
