package presence

// What programs are told.

import "strconv"

// A Change is that a user has come or gone.
type Change struct {
	User   string
	Room   string // "" where the user came online or went offline
	Online bool   // came; for a room: joined
	// ID is the same on all servers, and no other change has it. It names what was begun or ended: "1764170000123-7+"
	// is when the user came, "1764170000123-7-" when they went.
	ID string
	// Mine is true on one server at most, which is the one to do what is to be done once: whose socket it was, or who
	// has cleared up behind that server. Where it is killed before it is told, it is true nowhere.
	Mine bool
	// Missed says that this server has found the change by comparing, after it was cut off for long or Redis had lost
	// its records. Somebody who went and came back meanwhile has two such changes, or, where Redis has lost what would
	// tell that, none. Such changes are nobody's.
	Missed bool
}

func newChange(item Item, online bool, since ID) Change {
	epoch := strconv.FormatUint(since.Epoch, 10)
	id := epoch + "-" + strconv.FormatUint(since.Number, 10) + "-"
	if online {
		id = id[:len(id)-1] + "+"
	}
	return Change{User: item.User, Room: item.Room, Online: online, ID: id}
}

// OnChange adds a function that is told of every change on all servers, from now on: each once, and in the same order
// on all servers. Who is there already Users tells. The function is called from one goroutine, with no lock held; while
// it blocks, changes wait in the store's log. From the first OnChange on this server has a copy of who is where, of
// about 100 bytes for each user and each room of a user, so that it can say what has changed after a log that it
// missed.
func (p *Presence) OnChange(f func(Change)) {
	p.tellMu.Lock()
	p.tell = append(p.tell[:len(p.tell):len(p.tell)], f)
	p.tellMu.Unlock()
	p.watching.Do(func() {
		w := &watcher{p: p, retry: backoff{longest: p.opts.Lease / 8}}
		p.running.Go(w.run)
	})
}

func (p *Presence) tellOf(c Change) {
	p.tellMu.Lock()
	tell := p.tell
	p.tellMu.Unlock()
	p.counts.tell(c)
	for _, f := range tell {
		f(c)
	}
}
