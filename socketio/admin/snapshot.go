package admin

// All sockets at one moment: of this server, of the others of its kind, and of those on Node.js. And how servers tell
// each other that somebody looks.

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// lookEvent is the server-side event by which a server with admins tells the others. Servers on Node.js do not know
// it.
const lookEvent = "socket.io-admin:look"

const (
	// leaseLife is how long a server is believed, and renewEvery how many intervals of the numbers pass until it says
	// so again.
	leaseLife  = 15 * time.Second
	renewEvery = 2
	// lookTimeout is how long the others get to answer.
	lookTimeout = time.Second
	// foreignTimeout is how long servers on Node.js get to say what sockets they have.
	foreignTimeout = 2 * time.Second
	// maxLeases bounds the servers that are remembered.
	maxLeases = 256
	// The bounds of a snapshot.
	maxSnapshotSockets = 5000
	maxSnapshotBytes   = 4 << 20
)

// A look is what a server with admins says.
type look struct {
	From     string `json:"from"`
	Life     int64  `json:"life"` // ms; 0: nobody looks any more
	Detailed bool   `json:"detailed"`
	Sockets  bool   `json:"sockets"` // to be answered with all sockets
}

// A sight is the answer.
type sight struct {
	Count   int           `json:"count"`
	Stale   bool          `json:"stale"` // notes have been lost
	Sockets []shownSocket `json:"sockets,omitempty"`
}

// looked hears of another server that has admins, and answers.
func (a *Admin) looked(args []socketio.Raw, reply func(any) error) {
	var l look
	if len(args) != 1 || args[0].Bind(&l) != nil || l.From == "" || l.From == a.id {
		return
	}
	a.mu.Lock()
	_, known := a.leases[l.From]
	switch {
	case l.Life <= 0:
		delete(a.leases, l.From)
	case known || len(a.leases) < maxLeases:
		life := min(time.Duration(l.Life)*time.Millisecond, leaseLife)
		a.leases[l.From] = lease{until: time.Now().Add(life), detailed: l.Detailed}
	}
	shows := a.showsSockets()
	a.mu.Unlock()
	a.reconcile()
	a.wake()
	if reply == nil {
		return
	}
	answer := sight{Count: a.ownSockets(), Stale: a.mirror.stale.Swap(false)}
	if l.Sockets && shows {
		answer.Sockets = a.ownSnapshot()
	}
	if err := reply(answer); err != nil {
		a.log.Debug("admin: another server's question could not be answered", slog.Any("error", err))
	}
}

// ask tells the others that somebody looks, and returns what they answer.
func (a *Admin) ask(ctx context.Context, sockets bool) (sights []sight) {
	a.mu.Lock()
	detailed := a.decide()
	a.mu.Unlock()
	answers, err := a.ns.ServerSideEmitWithAck(ctx, lookEvent,
		look{From: a.id, Life: leaseLife.Milliseconds(), Detailed: detailed, Sockets: sockets && detailed})
	if err != nil {
		a.log.Debug("admin: not every server has answered", slog.Any("error", err))
	}
	others := 0
	for _, raw := range answers {
		var s sight
		if raw.Bind(&s) == nil {
			sights = append(sights, s)
			others += max(s.Count, 0)
		}
	}
	a.mu.Lock()
	if err == nil || others > 0 {
		a.others = others
	}
	nobody := a.local == 0
	a.mu.Unlock()
	if nobody { // the last admin has left meanwhile: the question may have come behind the word of that
		a.tellEnd()
	}
	return sights
}

// tellEnd tells the others that nobody looks here any more.
func (a *Admin) tellEnd() {
	_ = a.ns.ServerSideEmit(lookEvent, look{From: a.id}) // or the lease ends by itself
}

// present shows what there is, by emit, to who has been told the mode before.
func (a *Admin) present(emit func(event string, args ...any) error, told bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	sights := a.ask(ctx, true)
	a.mu.Lock()
	detailed := a.decide()
	a.mu.Unlock()
	a.reconcile()
	var sockets []shownSocket
	if detailed {
		sockets = a.ownSnapshot()
		for _, seen := range sights {
			sockets = append(sockets, seen.Sockets...)
		}
		sockets = append(sockets, a.foreignSnapshot(len(sights))...)
		a.mu.Lock()
		detailed = a.decide()
		a.mu.Unlock()
	}
	if detailed != told && emit("config", config{a.features(detailed)}) != nil || !detailed {
		return
	}
	shown := bounded(sockets)
	if left := len(sockets) - len(shown); left > 0 {
		a.counts.notShown.Add(int64(left))
		a.log.Warn("admin: not all sockets are shown", "sockets", len(sockets), "shown", len(shown))
	}
	if err := emit("all_sockets", shown); err != nil {
		a.log.Debug("admin: the sockets could not be shown", slog.Any("error", err))
	}
}

// ownSnapshot are the sockets of this server.
func (a *Admin) ownSnapshot() []shownSocket {
	sockets := []shownSocket{}
	for _, ns := range a.io.Namespaces() {
		for s := range ns.Sockets() {
			if len(sockets) == maxSnapshotSockets {
				return sockets
			}
			sockets = append(sockets, serialize(s))
		}
	}
	return bounded(sockets)
}

// foreignSnapshot are the sockets of servers on Node.js, where there are other servers than the ones that have
// answered, and where they are few enough.
func (a *Admin) foreignSnapshot(answered int) (sockets []shownSocket) {
	ctx, cancel := context.WithTimeout(context.Background(), foreignTimeout)
	defer cancel()
	n, err := a.ns.Adapter().ServerCount(ctx)
	if err != nil || n-1 <= answered {
		return nil
	}
	for _, ns := range a.io.Namespaces() {
		ids, _ := ns.SocketIDs(ctx)
		if a.opts.Mode == Auto && len(ids) >= a.opts.Threshold || len(ids) >= maxSnapshotSockets {
			a.mu.Lock()
			a.crowd = len(ids)
			a.mu.Unlock()
			return nil
		}
		remote, _ := ns.FetchSockets(ctx) // what has come in time
		for _, r := range remote {
			if ns.Socket(r.ID()) != nil {
				continue
			}
			if s, ok := serializeRemote(r, ns.Name()); ok {
				sockets = append(sockets, s)
			}
		}
	}
	return sockets
}

// bounded is the beginning of a snapshot that may be too long.
func bounded(sockets []shownSocket) []shownSocket {
	sockets = sockets[:min(len(sockets), maxSnapshotSockets)]
	size := 0
	for i, s := range sockets {
		text, err := json.Marshal(s)
		if size += len(text); err != nil || size > maxSnapshotBytes {
			return sockets[:i]
		}
	}
	if sockets == nil {
		return []shownSocket{}
	}
	return sockets
}

// renew tells the others again that somebody looks, without waiting for them here, and shows everything anew where the
// mode has changed or notes have been lost.
func (a *Admin) renew() {
	a.mu.Lock()
	busy := a.asking || a.local == 0 || a.closed
	if busy {
		a.mu.Unlock()
		return
	}
	a.asking = true
	a.ended.Add(1)
	a.mu.Unlock()
	go func() {
		defer a.ended.Done()
		ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
		defer cancel()
		anew := a.mirror.stale.Swap(false)
		for _, s := range a.ask(ctx, false) {
			anew = anew || s.Stale
		}
		a.mu.Lock()
		told, now := a.told, a.decide()
		a.told, a.asking = now, false
		a.mu.Unlock()
		if told != now || anew && now {
			a.present(a.ns.Local().Emit, told)
		}
	}()
}

// lookForForeign asks the cluster whether an admin is connected to a server on Node.js, and comes back later.
func (a *Admin) lookForForeign() {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	a.poll.Reset(a.opts.PollInterval)
	told := a.local > 0 || len(a.leases) > 0
	was := time.Until(a.foreign) > 0
	a.ended.Add(1)
	a.mu.Unlock()
	defer a.ended.Done()
	if told {
		return // whoever it is sees what is shown already
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	ids, _ := a.ns.SocketIDs(ctx)
	if len(ids) == 0 {
		return
	}
	a.mu.Lock()
	a.foreign = time.Now().Add(2*a.opts.PollInterval + lookTimeout)
	a.mu.Unlock()
	a.reconcile()
	a.wake()
	if !was {
		a.introduce()
	}
}

// introduce shows the sockets of this server to an admin of a server on Node.js, which has got them without what only
// this server knows.
func (a *Admin) introduce() {
	a.mu.Lock()
	shows := a.showsSockets()
	a.mu.Unlock()
	if !shows {
		return
	}
	for _, s := range a.ownSnapshot() {
		a.mirror.state("socket_connected", s, stamp(time.UnixMilli(s.Handshake.Issued)))
		a.mirror.state("socket_updated", updatedTransport{ID: s.ID, Namespace: s.Namespace, Transport: s.Transport})
	}
}
