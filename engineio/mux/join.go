package mux

// A stream and another connection as one: what clients of one server say to sessions of another.

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// lingerTimeout is how long one direction may outlive the other: long enough for a close frame's answer.
const lingerTimeout = 5 * time.Second

// A Loop reads connections that are joined with streams. On Linux a quiet one costs neither a goroutine nor a buffer.
type Loop struct {
	loop      netloop.Loop
	gatherers []gatherer // one for each core
	joints    atomic.Uint32
}

// NewLoop returns a Loop. A client that takes nothing for writeTimeout is given up; 0 is never.
func NewLoop(writeTimeout time.Duration) *Loop {
	return &Loop{
		loop:      netloop.Loop{WriteTimeout: writeTimeout},
		gatherers: make([]gatherer, runtime.GOMAXPROCS(0)),
	}
}

// A Joint joins a client's connection and a stream: what one end says goes to the other. It ends with either of them. A
// client that ends its half of the connection has ended it; where the stream ends one half, the client has 5 s to end
// the other.
type Joint struct {
	client     netloop.Conn
	stream     *stream
	up, down   way    // to the stream, to the client
	over       func() // called once
	lingerOnce sync.Once

	mu   sync.Mutex
	left int // ends that are still open
}

// Join joins client and stream, from Start on. over is called once, when all is over; it must not wait.
func (l *Loop) Join(client net.Conn, stream *Stream, over func()) *Joint {
	j := &Joint{stream: stream.stream, over: over, left: 2}
	j.up.joint, j.down.joint = j, j
	j.up.dst = stream.Adopt(0, streamEnd{j}) // a session that is paused may stay so
	j.client = netloop.New(client, &l.loop, clientEnd{j})
	j.stream.gatherBy(&l.gatherers[int(l.joints.Add(1))%len(l.gatherers)])
	j.up.src, j.down.src, j.down.dst = j.client, j.stream, j.client
	return j
}

// Start begins the joint with the bytes that are to go first. It is called once, also of one that has been closed.
func (j *Joint) Start(toClient, toStream []byte) {
	j.down.pass(toClient)
	j.up.pass(toStream)
	j.client.Start()
	j.stream.Start()
}

// Close ends both ends at once. It may be called more than once, and does not wait.
func (j *Joint) Close() {
	j.client.Close()
	j.stream.Close()
}

// HangUp ends the writing to the client: it gets no more, and has a moment to end its own half. What it sends meanwhile
// still goes to the stream.
func (j *Joint) HangUp() {
	j.down.deafen()
	j.client.CloseWrite()
	j.linger()
}

// linger ends what is left in a while.
func (j *Joint) linger() {
	j.lingerOnce.Do(func() { time.AfterFunc(lingerTimeout, j.Close) })
}

// closed counts the ends.
func (j *Joint) closed() {
	j.mu.Lock()
	j.left--
	last := j.left == 0
	j.mu.Unlock()
	if last {
		j.over()
	}
}

// A clientEnd is the handler of the client's connection.
type clientEnd struct{ *Joint }

func (e clientEnd) Paused() bool      { return e.up.isFull() }
func (e clientEnd) Received(b []byte) { e.up.pass(b) }

func (e clientEnd) Closed() {
	e.down.deafen()
	e.up.end()
	e.closed()
}

// A streamEnd is the handler of the stream.
type streamEnd struct{ *Joint }

func (e streamEnd) Paused() bool      { return e.down.isFull() }
func (e streamEnd) Received(b []byte) { e.down.pass(b) }

func (e streamEnd) Ended() { e.down.end() }

func (e streamEnd) Closed() {
	e.client.Close()
	e.closed()
}

// A way is one direction of a Joint. What dst does not take at once is written by a goroutine, and src is left unread
// meanwhile.
type way struct {
	joint    *Joint
	src, dst netloop.Conn

	mu    sync.Mutex
	rest  []byte // still to be written
	full  bool   // a goroutine writes rest
	ended bool   // nothing follows rest
	deaf  bool   // nothing is written any more
}

func (w *way) isFull() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.full
}

// pass writes b. It does not wait.
func (w *way) pass(b []byte) {
	w.mu.Lock()
	if w.deaf || w.full {
		if !w.deaf {
			w.rest = append(w.rest, b...) // src has been read although it is to be left: it is being closed
		}
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	n, err := w.dst.TryWrite(b)
	if err != nil {
		w.fail(err)
		return
	}
	if n < len(b) {
		w.mu.Lock()
		w.rest, w.full = bytes.Clone(b[n:]), true
		w.mu.Unlock()
		go w.drain()
	}
}

// drain writes the rest.
func (w *way) drain() {
	for {
		w.mu.Lock()
		b := w.rest
		w.rest = nil
		if len(b) == 0 || w.deaf {
			w.full = false
			last := w.ended && !w.deaf
			w.mu.Unlock()
			if last {
				w.endWriting()
			}
			w.src.ResumeReading()
			return
		}
		w.mu.Unlock()
		if err := w.dst.WriteAll(b); err != nil {
			w.fail(err)
		}
	}
}

// end ends the writing behind what is still to be written.
func (w *way) end() {
	w.mu.Lock()
	w.ended = true
	now := !w.full && !w.deaf
	w.mu.Unlock()
	if now {
		w.endWriting()
	}
}

// endWriting ends the writing where nothing is left to be written. The other end follows soon or never.
func (w *way) endWriting() {
	w.dst.CloseWrite()
	w.joint.linger()
}

// deafen drops what is still to come.
func (w *way) deafen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = true
}

// fail ends the way over an error of dst's, which ends all but where the client has been hung up on.
func (w *way) fail(err error) {
	w.mu.Lock()
	hungUp := w.deaf
	w.deaf = true
	w.mu.Unlock()
	switch {
	case hungUp:
	case errors.Is(err, netloop.ErrStalled):
		w.joint.stream.reset(resetStalled)
		w.joint.client.Close()
	default:
		w.dst.Close() // src's end follows, behind what it has still to say
	}
}
