package mux

import (
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// joined is a client whose connection leads through a Joint to a stream.
type joined struct {
	client *net.TCPConn
	joint  *Joint
	far    *Stream
	over   chan struct{}
}

func (p pair) join(t testing.TB, l *Loop, toClient, toStream string) joined {
	t.Helper()
	client, here := tcpPair(t)
	t.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(patience))
	near, far := p.open(t)
	j := joined{client: client, far: far, over: make(chan struct{})}
	j.joint = l.Join(here, near, func() { close(j.over) })
	j.joint.Start([]byte(toClient), []byte(toStream))
	return j
}

func (j joined) awaitOver(t testing.TB) {
	t.Helper()
	select {
	case <-j.over:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
}

// Both halves end one after the other, whichever is first, behind what has been said.
func TestJointsEnd(t *testing.T) {
	p := newPair(t, Options{})
	loop := NewLoop(patience)

	j := p.join(t, loop, "welcome ", "early ")
	expect(t, j.client, "welcome ")
	expect(t, j.far, "early ")
	long := strings.Repeat("0123456789", 100_000)
	go func() {
		_, _ = io.WriteString(j.far, long)
		_ = j.far.CloseWrite()
	}()
	if got, err := io.ReadAll(j.client); string(got) != long || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_, _ = io.WriteString(j.client, long) // the client's half goes on
	_ = j.client.CloseWrite()
	if got, err := io.ReadAll(j.far); string(got) != long || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	j.awaitOver(t)

	j = p.join(t, loop, "", "")
	_, _ = io.WriteString(j.client, long)
	_ = j.client.Close() // while most of it waits
	if got, err := io.ReadAll(j.far); string(got) != long || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_ = j.far.CloseWrite()
	j.awaitOver(t)

	j = p.join(t, loop, "", "")
	_, _ = io.WriteString(j.far, "last")
	_ = j.far.Close()
	if got, err := io.ReadAll(j.client); string(got) != "last" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	j.awaitOver(t)

	j = p.join(t, loop, "", "")
	j.joint.Close()
	j.awaitOver(t)
	if got, err := io.ReadAll(j.far); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	until(t, "nothing is left", func() bool { return p.client.Streams()+p.server.Streams() == 0 })
}

// A client that is hung up on still says what it has to say.
func TestHangUp(t *testing.T) {
	p := newPair(t, Options{})
	j := p.join(t, NewLoop(patience), "", "")
	j.joint.HangUp()
	_, _ = io.WriteString(j.far, "for nobody")
	if got, err := io.ReadAll(j.client); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, _ = io.WriteString(j.client, "last words")
	_ = j.client.Close()
	if got, err := io.ReadAll(j.far); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = j.far.Close()
	j.awaitOver(t)
}

// A client that takes nothing is given up, and its session knows why.
func TestAClientThatTakesNothing(t *testing.T) {
	p := newPair(t, Options{})
	j := p.join(t, NewLoop(50*time.Millisecond), "", "")
	c, h := adopt(j.far, patience)
	go func() { _ = c.WriteAll(make([]byte, 64<<20)) }()
	j.awaitOver(t)
	until(t, "the session knows", h.isClosed)
	if !c.Stalled() {
		t.Error("it does not know why")
	}
}

// A quiet joint has neither a goroutine nor, but for its client, a descriptor.
func TestQuietJoints(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere each client has a goroutine")
	}
	p := newPair(t, Options{})
	loop := NewLoop(patience)
	first := p.join(t, loop, "", "")
	adopt(first.far, 0)
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	const n = 200
	goroutines, descriptors := runtime.NumGoroutine(), files()
	for range n {
		j := p.join(t, loop, "", "")
		_, h := adopt(j.far, 0)
		_, _ = io.WriteString(j.client, "hello")
		until(t, "it works", func() bool { return h.len() == 5 })
	}
	until(t, "all is quiet", func() bool { return runtime.NumGoroutine() <= goroutines })
	if more := files() - descriptors; more > 2*n { // the client's own end, and this one
		t.Errorf("%d descriptors for %d clients", more, n)
	}
}
