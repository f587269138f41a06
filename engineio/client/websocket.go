package client

// The WebSocket transport (RFC 6455).

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A webSocket is the transport, or a probe that may become it.
type webSocket struct {
	session *Session
	conn    netloop.Conn
	frames  wsframe.Reader
	deflate bool
	over    bool // nothing more is read; of the reading goroutine

	// Guarded by the session's mu.
	probing bool
	writing bool // a goroutine waits until the server takes more
	left    bool // the session has done with it
	linger  *time.Timer
}

func newWebSocket(s *Session) *webSocket {
	t := &webSocket{session: s}
	t.frames = wsframe.Reader{Sink: t, Limit: s.endpoint.opts.MaxMessageBytes, Client: true}
	return t
}

// start begins the reading. The session has counted the connection.
func (t *webSocket) start(c *wsConn) {
	t.deflate, t.frames.Deflate = c.deflate, c.deflate
	e := t.session.endpoint
	var nc netloop.Conn
	if e.dialer != nil {
		nc = netloop.New(c.Conn, e.dialer.loop(e.opts.WriteTimeout), t)
	} else {
		nc = netloop.NewBuffered(c.Conn, max(e.opts.WriteTimeout, 0), t)
	}
	t.session.mu.Lock()
	t.conn = nc
	left := t.left
	t.session.mu.Unlock()
	if left { // the session has ended meanwhile
		nc.Close()
	} else if len(c.early) > 0 {
		t.Received(c.early)
	}
	nc.Start()
}

func (t *webSocket) name() string { return WebSocket }

// errOver ends the reading where all is said.
var errOver = errors.New("over")

// Paused, Received and Closed are netloop.Handler's.
func (t *webSocket) Paused() bool { return t.session.isPaused() }

// Received takes what the server sends.
func (t *webSocket) Received(b []byte) {
	if t.over {
		return
	}
	if err := t.frames.Feed(b); err != nil {
		t.over = true
		t.broken(err)
	}
}

// broken ends the transport over what the server has sent.
func (t *webSocket) broken(err error) {
	if errors.Is(err, errOver) {
		return
	}
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.writing {
		_, _ = t.conn.TryWrite(closeFrame(wsframe.CloseCode(err))) // the connection ends either way
	}
	t.failed(ReasonTransportError, fmt.Errorf("%w: %w", ErrProtocol, err))
}

// failed ends what t is to the session. mu is held.
func (t *webSocket) failed(reason Reason, err error) {
	s := t.session
	switch {
	case t.left:
	case s.probe == t:
		s.probeFailed(err)
	case s.transport == t:
		s.end(reason, err)
	}
	t.conn.Close()
}

// Closed is called when the connection has ended.
func (t *webSocket) Closed() {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.linger != nil {
		t.linger.Stop()
	}
	reason, err := ReasonTransportClose, error(nil)
	if t.conn.Stalled() {
		reason, err = ReasonTransportError, netloop.ErrStalled
	}
	if s.phase == phaseOpening || s.probe == t {
		err = errors.New("the server closed the connection")
	}
	t.failed(reason, err)
	s.leave()
}

// Message gets what the server sends.
func (t *webSocket) Message(data []byte, binary bool) error {
	p := packet{kind: packetMessage, binary: true, data: data}
	if !binary {
		var err error
		if p, err = decodePacket(data); err != nil {
			return err
		}
	}
	s := t.session
	s.mu.Lock()
	probing, left := t.probing, t.left
	s.mu.Unlock()
	switch {
	case left:
		return errOver
	case probing:
		return s.probeAnswered(t, p)
	case !s.receive(p):
		return errOver
	}
	return nil
}

// Control answers pings and the closing handshake.
func (t *webSocket) Control(op ws.OpCode, payload []byte) error {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case ws.OpPing:
		t.writeControl(ws.OpPong, payload)
	case ws.OpClose:
		if _, err := wsframe.ParseClose(payload); err != nil {
			return err
		}
		if !t.left { // else it is the answer to this side's
			t.writeControl(ws.OpClose, payload)
		}
		err := error(nil)
		if s.probe == t {
			err = errors.New("the server closed the connection")
		}
		t.failed(ReasonTransportClose, err)
		return errOver
	}
	return nil
}

// writeControl writes a control frame between two messages. One that the server does not take at once, or that would
// stand inside a message, is dropped. mu is held.
func (t *webSocket) writeControl(op ws.OpCode, payload []byte) {
	if !t.writing {
		t.write(wsframe.AppendMasked(nil, op, newMask(), payload), 0)
	}
}

func closeFrame(code uint16) []byte {
	var payload []byte
	if code != 0 {
		payload = binary.BigEndian.AppendUint16(nil, code)
	}
	return wsframe.AppendMasked(nil, ws.OpClose, newMask(), payload)
}

func newMask() (mask [4]byte) {
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32())
	return mask
}

func (t *webSocket) busy() bool { return t.writing || t.conn == nil }
func (t *webSocket) resume()    { t.conn.ResumeReading() }

// batches are buffers for what is written at once.
var batches = sync.Pool{New: func() any { return new([]byte) }}

const (
	// batchBytes is how much of a queue is put together at once.
	batchBytes = 64 << 10
	// keptBatchBytes is up to how large a buffer is kept.
	keptBatchBytes = 128 << 10
)

// flush writes what is queued, unless a goroutine does.
func (t *webSocket) flush() {
	if t.writing || t.conn == nil {
		return
	}
	for len(t.session.queue) > 0 && !t.writing && !t.left {
		buf := batches.Get().(*[]byte)
		b, size := t.take((*buf)[:0])
		t.write(b, size)
		if cap(b) <= keptBatchBytes {
			*buf = b
			batches.Put(buf)
		}
	}
}

// take appends the frames of some of the queue to b; size is what they stand for on the session's account. mu is held.
func (t *webSocket) take(b []byte) (frames []byte, size int) {
	s := t.session
	n := 0
	for n < len(s.queue) && (n == 0 || len(b) < batchBytes) {
		p := &s.queue[n]
		size += p.size()
		b = t.appendFrame(b, p)
		n++
	}
	s.dequeue(n)
	return b, size
}

func (t *webSocket) appendFrame(b []byte, p *packet) []byte {
	op, head, body := p.frame(t.session.endpoint.opts.ForceBase64)
	d := t.session.endpoint.deflater
	if !t.deflate || p.noCompress || len(body) < d.Threshold() {
		return wsframe.AppendMasked(b, op, newMask(), head, body)
	}
	at := len(b)
	b = wsframe.AppendMasked(b, op, newMask(), d.Deflate(head, body))
	wsframe.SetCompressed(b[at:])
	return b
}

// write writes frames, which stand for size on the session's account. It keeps a copy of what the server does not take
// at once. mu is held.
func (t *webSocket) write(frames []byte, size int) {
	n, err := t.conn.TryWrite(frames)
	switch {
	case err != nil:
		t.failed(ReasonTransportError, fmt.Errorf("write: %w", err))
	case n < len(frames):
		t.writing = true
		t.session.enter()
		go t.drain(slices.Clone(frames[n:]), size)
	default:
		t.session.written(size)
	}
}

// drain writes the rest of a batch, and then all that has been queued, waiting for the server.
func (t *webSocket) drain(rest []byte, size int) {
	s := t.session
	for {
		err := t.conn.WriteAll(rest)
		s.mu.Lock()
		if err != nil || t.left {
			t.writing = false
			if !t.left {
				t.failed(ReasonTransportError, fmt.Errorf("write: %w", err))
			}
			s.leave()
			s.mu.Unlock()
			return
		}
		t.writing = len(s.queue) > 0
		s.written(size)
		if !t.writing || t.left {
			t.writing = false
			s.leave()
			s.mu.Unlock()
			return
		}
		rest, size = t.take(rest[:0])
		s.mu.Unlock()
	}
}

// goodbye says so, and gives the server some time to end the connection.
func (t *webSocket) goodbye() {
	t.writeControl(ws.OpClose, nil)
	if t.left {
		return // it has failed over it
	}
	t.left = true
	t.linger = time.AfterFunc(t.session.endpoint.opts.CloseTimeout, t.conn.Close)
}

func (t *webSocket) cut() {
	t.left = true
	if t.conn != nil {
		t.conn.Close()
	}
}
