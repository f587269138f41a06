package abuse

// What an attack is, and what all attacks share.

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// An Attack attacks the nodes of a service, until ctx is done. The error says that it has not come about: what the
// service refuses is none, and counts among what was done. It leaves no connection behind.
type Attack func(ctx context.Context, addrs []string) (Did, error)

// Did counts what an attack has done, and what it was answered.
type Did map[string]int

// String has them in the order of their names.
func (d Did) String() string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, d[what]))
	}
	return strings.Join(parts, ", ")
}

// A tally is a Did that several goroutines count in.
type tally struct {
	mu  sync.Mutex
	did Did
}

func (t *tally) add(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.did == nil {
		t.did = make(Did)
	}
	t.did[what] += n
}

// turnedAway counts a client that did not get in, and waits a moment before the next one comes.
func (t *tally) turnedAway(ctx context.Context) {
	t.add("turned away", 1)
	pause(ctx, 20*time.Millisecond)
}

// together has n workers do the same thing again and again until ctx is done.
func together(ctx context.Context, n int, do func(ctx context.Context, worker int, t *tally)) Did {
	var t tally
	var group sync.WaitGroup
	for worker := range n {
		group.Go(func() {
			for ctx.Err() == nil {
				do(ctx, worker, &t)
			}
		})
	}
	group.Wait()
	return t.did
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// sources are addresses of this host that look like so many clients.
func sources(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("127.0.%d.%d", 1+i/200, 1+i%200)
	}
	return all
}

// dialFrom connects from an address of this host, such as 127.0.0.2: to a service each is another client.
func dialFrom(source, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 10 * time.Second}
	return d.Dial("tcp", addr)
}

// text is a text message as a client sends it.
func text(packet string) []byte {
	return wire.Frame{Opcode: wire.Text, Payload: []byte(packet)}.Bytes()
}

// nickname is that of those who attack. The good clients do not listen to what it says.
const nickname = "attacker"

// event is an event for the room, of about that length.
func event(length int) string {
	return fmt.Sprintf(`42["messages",{"nickname":%q,"message":"%s"}]`, nickname,
		strings.Repeat("spam ", max(length-100, 0)/5))
}

// eventOfText is one that compresses about as well as text does.
func eventOfText(length int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `42["messages",{"nickname":%q,"message":"`, nickname)
	for i := uint64(1); b.Len() < length-100; i++ {
		fmt.Fprintf(&b, "%x ", i*0x9e3779b97f4a7c15>>40)
	}
	b.WriteString(`"}]`)
	return b.String()
}

const megabyte = 1_000_000
