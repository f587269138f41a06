package admin

// An Admin: put together by Instrument, woken by who looks.

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// An Admin shows one server. Its methods may be called from any goroutine.
type Admin struct {
	opts     Options
	io       *socketio.Server
	ns       *socketio.Namespace
	log      *slog.Logger
	began    time.Time
	id       string // of this server among those of its cluster, new at each start
	attempts *attempts
	checks   *checks
	mirror   mirror
	counts   counts

	// reconciling is held while handlers are put on or taken off; mu may be taken with it held.
	reconciling sync.Mutex
	hooks       *hooks // nil while no socket is looked at

	mu       sync.Mutex
	closed   bool
	running  bool                        // the goroutine of run
	local    int                         // admins on this server
	promised map[*socketio.Socket]string // ids of logins, until their sockets are connected
	leases   map[string]lease            // of other servers with admins, by their ids
	foreign  time.Time                   // until when an admin of a server on Node.js is assumed
	others   int                         // sockets of the other servers, as far as they have said
	crowd    int                         // sockets of servers on Node.js, where those are too many to be shown
	detailed bool                        // what Auto has chosen last
	told     bool                        // what this server's admins believe detailed to be
	asking   bool                        // the others, already
	poll     *time.Timer

	nudge chan struct{} // of one: something has changed that run should look at
	ended sync.WaitGroup
}

// A lease is another server's word that an admin is connected to it.
type lease struct {
	until    time.Time
	detailed bool // it wants to see sockets
}

// counts are what Stats has.
type counts struct {
	logins, failed, throttled, commands atomic.Int64
	shown, notShown                     atomic.Int64
}

// Stats are the present state, and counts since the Admin was made.
type Stats struct {
	// Clients are the admins connected to this server.
	Clients int
	// Watched is whether an admin is connected to this server or, as far as it knows, to another.
	Watched bool
	// Detailed is whether sockets, rooms and events are shown: Development, or what Auto has chosen.
	Detailed bool
	// Logins, Failed and Throttled count attempts with a name or an id: that were right, wrong, and not looked at.
	Logins, Failed, Throttled int64
	// Commands counts what admins of this server have had done.
	Commands int64
	// Shown counts what was sent to admins of this server's sockets, rooms and events, and NotShown what was too much:
	// of events that were sent, about so many.
	Shown, NotShown int64
}

// Instrument shows io in the admin namespace, until Close. It is best called before the first client connects. The
// error says what is wrong with opts.
func Instrument(io *socketio.Server, opts Options) (*Admin, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	a := &Admin{
		opts: opts, io: io, log: throttled(opts.Logger), began: time.Now(), id: newID(),
		attempts: newAttempts(), checks: newChecks(),
		promised: make(map[*socketio.Socket]string), leases: make(map[string]lease),
		detailed: opts.Mode != Production,
		nudge:    make(chan struct{}, 1),
	}
	a.mirror.init(a)
	if opts.NoAuth {
		a.log.Warn("admin: everybody who reaches this server may use the admin namespace", "namespace", opts.Namespace)
	}
	a.ns = io.Of(opts.Namespace)
	a.ns.Use(a.admit)
	a.ns.OnConnect(a.connected)
	a.ns.OnDisconnect(func(*socketio.Socket, socketio.Reason) { a.left() })
	a.ns.OnServerSideEmit(lookEvent, a.looked)
	if !opts.ReadOnly {
		a.takeCommands()
	}
	io.OnNewNamespace(a.newNamespace)
	if _, single := a.ns.Adapter().(*socketio.MemoryAdapter); !single && opts.PollInterval > 0 {
		a.mu.Lock()
		a.poll = time.AfterFunc(opts.PollInterval, a.lookForForeign)
		a.mu.Unlock()
	}
	return a, nil
}

// logBurst is how many lines with the same message are logged in 10 s: strangers cause some.
const logBurst = 10

func throttled(logger *slog.Logger) *slog.Logger {
	if _, already := logger.Handler().(*logthrottle.Handler); already {
		return logger
	}
	return slog.New(logthrottle.New(logger.Handler(), logBurst))
}

// Close stops showing. The admin namespace stays, and refuses everybody.
func (a *Admin) Close() {
	a.mu.Lock()
	a.closed = true
	if a.poll != nil {
		a.poll.Stop()
	}
	a.mu.Unlock()
	a.wake()
	a.ended.Wait()
	a.reconcile()
	if h, ok := a.log.Handler().(*logthrottle.Handler); ok {
		h.Flush()
	}
}

func (a *Admin) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// Namespace is the name of the admin namespace.
func (a *Admin) Namespace() string { return a.opts.Namespace }

// Stats returns the state and the counts.
func (a *Admin) Stats() Stats {
	a.mu.Lock()
	st := Stats{Clients: a.local, Watched: a.watched(), Detailed: a.showsSockets()}
	a.mu.Unlock()
	st.Logins, st.Failed, st.Throttled = a.counts.logins.Load(), a.counts.failed.Load(), a.counts.throttled.Load()
	st.Commands = a.counts.commands.Load()
	st.Shown, st.NotShown = a.counts.shown.Load(), a.counts.notShown.Load()
	return st
}

// promise keeps the id of a login until its socket is connected: before, the UI would not listen.
func (a *Admin) promise(s *socketio.Socket, id string) {
	a.mu.Lock()
	a.promised[s] = id
	a.mu.Unlock()
	context.AfterFunc(s.Context(), func() { // it may never connect
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.promised, s)
	})
}

// connected greets an admin.
func (a *Admin) connected(s *socketio.Socket) error {
	a.mu.Lock()
	id, closed := a.promised[s], a.closed
	delete(a.promised, s)
	a.local++
	full := a.local > a.opts.MaxClients
	a.mu.Unlock()
	if full || closed { // several have come at one moment
		s.Disconnect(true)
		return nil
	}
	a.log.Info("admin: an admin is connected", "socket", s.ID(), "address", s.Handshake().Address)
	if id != "" {
		if err := s.Emit("session", id); err != nil {
			return nil // gone already
		}
	}
	a.reconcile()
	a.wake()
	a.mu.Lock()
	detailed := a.decide()
	if a.local == 1 { // or others believe what they were told
		a.told = detailed
	}
	a.mu.Unlock()
	if err := s.Emit("config", config{a.features(detailed)}); err != nil {
		return nil
	}
	a.present(s.Emit, detailed)
	return nil
}

// left sees an admin off.
func (a *Admin) left() {
	a.mu.Lock()
	a.local--
	last := a.local == 0
	a.mu.Unlock()
	if last {
		a.tellEnd()
	}
	a.wake()
}

// watched reports whether anybody looks, here or elsewhere. mu is held.
func (a *Admin) watched() bool {
	if a.closed {
		return false
	}
	if a.local > 0 || time.Until(a.foreign) > 0 {
		return true
	}
	for _, l := range a.leases {
		if time.Until(l.until) > 0 {
			return true
		}
	}
	return false
}

// showsSockets reports whether somebody looks who is to see sockets. mu is held.
func (a *Admin) showsSockets() bool {
	if !a.watched() || !a.decide() {
		return false
	}
	if a.local > 0 || time.Until(a.foreign) > 0 {
		return true
	}
	for _, l := range a.leases {
		if l.detailed && time.Until(l.until) > 0 {
			return true
		}
	}
	return false
}

// decide reports whether this server would show its sockets. mu is held.
func (a *Admin) decide() bool {
	if a.opts.Mode != Auto {
		return a.opts.Mode == Development
	}
	limit := a.opts.Threshold
	if !a.detailed {
		limit -= limit / 10 // or a count about the threshold would change the UI to and fro
	}
	a.detailed = a.ownSockets()+a.others+a.crowd < limit
	return a.detailed
}

// ownSockets counts this server's sockets, but for the admins.
func (a *Admin) ownSockets() int {
	n := 0
	for _, ns := range a.io.Namespaces() {
		if ns != a.ns {
			n += ns.SocketCount()
		}
	}
	return n
}

// wake has run look at what has changed, and starts it where somebody looks.
func (a *Admin) wake() {
	a.mu.Lock()
	if a.watched() && !a.running {
		a.running = true
		a.ended.Add(1)
		go a.run()
	}
	a.mu.Unlock()
	select {
	case a.nudge <- struct{}{}:
	default:
	}
}

// run shows what there is to show, while somebody looks.
func (a *Admin) run() {
	defer a.ended.Done()
	tick := time.NewTicker(a.opts.statsInterval)
	defer tick.Stop()
	numbers := a.newNumbers()
	for turn := 1; ; {
		select {
		case r := <-a.mirror.queue:
			a.emit(r.event, r.args...)
			continue
		case <-a.nudge:
			a.mirror.rest()
		case <-tick.C:
			turn++
			a.emit("server_stats", numbers.next())
			a.tellData()
			a.mirror.next()
			if turn%renewEvery == 0 {
				a.renew()
			}
		}
		a.reconcile()
		a.mu.Lock()
		if !a.watched() {
			a.running = false
			clear(a.leases)
			a.others, a.crowd = 0, 0
			a.mu.Unlock()
			a.mirror.drop()
			return
		}
		a.mu.Unlock()
	}
}

// emit shows something to all admins, of all servers. One that does not keep up is disconnected as a slow client, as
// everybody is. It is not volatile: a server on Node.js drops such an event whenever another has just been written.
func (a *Admin) emit(event string, args ...any) {
	if err := a.ns.Emit(event, args...); err != nil {
		a.log.Debug("admin: an event could not be shown", slog.String("event", event), slog.Any("error", err))
	}
}

// reconcile puts the handlers on or takes them off, as it should be now.
func (a *Admin) reconcile() {
	a.reconciling.Lock()
	defer a.reconciling.Unlock()
	a.mu.Lock()
	want := a.showsSockets()
	a.mu.Unlock()
	switch {
	case want && a.hooks == nil:
		a.hooks = a.newHooks()
		for _, ns := range a.io.Namespaces() {
			a.hooks.add(ns)
		}
	case !want && a.hooks != nil:
		a.hooks.remove()
		a.hooks = nil
	}
}

// newNamespace looks at a namespace that has just been made. Its handlers may be copies of its parent's, which has none
// of ours.
func (a *Admin) newNamespace(ns *socketio.Namespace) {
	a.reconciling.Lock()
	defer a.reconciling.Unlock()
	if a.hooks != nil && !slices.Contains(a.hooks.namespaces, ns) {
		a.hooks.add(ns)
	}
}
