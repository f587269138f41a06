package api

// The acknowledgements of a broadcast, within bounds: what clients answer is their choice.

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// maxAckRequests is how many requests may wait for acknowledgements at once.
	maxAckRequests = 1000
	// maxAckBytes bounds the acknowledgements that one request passes on, maxAllAckBytes those of all requests.
	maxAckBytes    = 4 << 20
	maxAllAckBytes = 64 << 20
	// ackOverhead is what one counts for beside its text.
	ackOverhead = 64
)

// An ackBudget is what all requests share.
type ackBudget struct{ requests, bytes atomic.Int64 }

// enter reports whether another request may wait; it leaves then.
func (b *ackBudget) enter() bool {
	if b.requests.Add(1) > maxAckRequests {
		b.requests.Add(-1)
		return false
	}
	return true
}

func (b *ackBudget) leave() { b.requests.Add(-1) }

// gathered are the acknowledgements of one broadcast.
type gathered struct {
	budget *ackBudget
	done   chan struct{} // closed when nobody's is missing any more, or they are not waited for

	mu       sync.Mutex
	servers  int // that are to say whom they have asked; -1 while their number is not known
	counted  int // that have
	asked    int // clients
	left     int // clients that went before they answered
	dropped  int // answers that were too much
	answers  []Answer
	bytes    int64
	partial  error // why not every server has been asked
	timedOut bool
	ended    bool
}

// ask sends p and waits for the acknowledgements.
func (g *gathered) ask(
	ctx context.Context, timeout time.Duration, adapter socketio.Adapter, p *socketio.Packet,
	opts socketio.BroadcastOptions,
) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := adapter.BroadcastWithAck(ctx, p, opts, g.count, g.reply); err != nil {
		if !errors.Is(err, socketio.ErrIncomplete) {
			return problem(http.StatusServiceUnavailable, problemIncomplete, "nobody was asked: "+err.Error())
		}
		g.reply(socketio.Args{}, err)
	}
	servers, err := adapter.ServerCount(ctx)
	if err != nil {
		if !errors.Is(err, socketio.ErrIncomplete) && ctx.Err() == nil {
			err = &socketio.IncompleteError{Missing: -1, Err: err}
		}
		g.reply(socketio.Args{}, err)
	}
	g.expect(servers)
	select {
	case <-g.done:
	case <-ctx.Done():
		g.mu.Lock()
		g.timedOut = !g.ended
		g.mu.Unlock()
	}
	return nil
}

// count takes the number of clients that a server has asked.
func (g *gathered) count(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n >= 0 {
		g.counted++
		g.asked += n
		g.check()
	}
}

// expect takes the number of servers that are to count.
func (g *gathered) expect(servers int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.servers = max(servers, 1)
	g.check()
}

// reply takes an acknowledgement, or an error that says whose is missing.
func (g *gathered) reply(args socketio.Args, err error) {
	var answer Answer
	if err == nil && g.take(int64(args.Size())+ackOverhead) {
		answer, err = acknowledged(args)
	} else if err == nil {
		err = errTooMuch
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ended:
		return
	case err == nil:
		g.answers = append(g.answers, answer)
	case errors.Is(err, socketio.ErrIncomplete):
		g.partial = err
		return
	case errors.Is(err, socketio.ErrDisconnected):
		g.left++
	default: // also one that no JSON could have
		g.dropped++
	}
	g.check()
}

// errTooMuch is of an acknowledgement for which there is no room.
var errTooMuch = errors.New("api: too many bytes of acknowledgements")

// take makes room for so many bytes of an acknowledgement, until end.
func (g *gathered) take(size int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended || g.bytes+size > maxAckBytes {
		return false
	}
	if g.budget.bytes.Add(size) > maxAllAckBytes {
		g.budget.bytes.Add(-size)
		return false
	}
	g.bytes += size
	return true
}

// check closes done when every server has counted and every client has answered or is gone. g.mu is held.
func (g *gathered) check() {
	if !g.ended && g.servers >= 0 && g.counted >= g.servers && len(g.answers)+g.left+g.dropped >= g.asked {
		g.ended = true
		close(g.done)
	}
}

// result is what has come. What comes later is dropped.
func (g *gathered) result() Acked {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	acked := Acked{Answers: g.answers}
	if acked.Answers == nil {
		acked.Answers = []Answer{}
	}
	silent := max(g.servers-g.counted, 0)
	if g.partial == nil && silent == 0 && len(g.answers) >= g.asked && !g.timedOut {
		return acked
	}
	i := &AckIncomplete{
		Timeout: g.timedOut, Clients: max(g.asked-len(g.answers), 0), Disconnected: g.left, Dropped: g.dropped,
	}
	i.Detail = "clients have not answered"
	i.ServersAnswered = max(g.counted-1, 0) // this one does not count
	i.ServersMissing = silent
	if silent > 0 {
		i.Detail = "nodes have not said whom they asked"
	}
	if known := newIncomplete(g.partial); known != nil {
		i.Incomplete = *known
	}
	acked.Incomplete = i
	return acked
}

// end gives back what the acknowledgements count for.
func (g *gathered) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	g.budget.bytes.Add(-g.bytes)
	g.bytes = 0
}
