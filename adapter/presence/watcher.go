package presence

// The one goroutine that reads the store's log and tells the program. It has a copy of who is where. Only what changes
// the copy is told, so that nothing is told twice; and where the log has a gap, because this server was cut off for
// long or the store has lost something, the copy is compared with the store, so that nothing is left out.

import (
	"errors"
	"slices"
)

// A watcher follows the log. All of it belongs to its goroutine.
type watcher struct {
	p     *Presence
	retry backoff

	last   ID     // up to which the log has been read
	copied rooms  // nil before the first comparison
	epoch  uint64 // of the copy
	stale  bool   // the copy has to be compared
	base   ID     // the end of the settling after which it is compared; zero where that was not seen
}

// rooms has for each room who is in it, and since when; the room "" has who is online.
type rooms map[string]map[string]ID

func (r rooms) get(item Item) (ID, bool) {
	since, ok := r[item.Room][item.User]
	return since, ok
}

func (r rooms) put(item Item, since ID) {
	users := r[item.Room]
	if users == nil {
		users = make(map[string]ID)
		r[item.Room] = users
	}
	users[item.User] = since
}

func (r rooms) remove(item Item) {
	delete(r[item.Room], item.User)
	if len(r[item.Room]) == 0 {
		delete(r, item.Room)
	}
}

// run follows the log until presence is closed.
func (w *watcher) run() {
	for {
		wait := w.p.opts.Linger // what others write meanwhile is read together
		switch err := w.step(); {
		case err == nil:
			w.retry.reset()
		case errors.Is(err, errSettling):
			wait = w.retry.next()
		default:
			if w.p.ctx.Err() == nil {
				w.p.log.Warn("presence: changes cannot be read; trying on", "error", err)
			}
			wait = w.retry.next()
		}
		if !w.p.sleep(wait, nil) {
			return
		}
	}
}

// step compares where that is needed, and reads on.
func (w *watcher) step() error {
	if w.copied == nil || w.stale {
		if err := w.compare(); err != nil {
			return err
		}
	}
	entries, err := w.p.store.Read(w.p.ctx, w.last)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !w.take(e) {
			break
		}
	}
	return nil
}

// take applies the next entry. It reports false where a comparison is needed first.
func (w *watcher) take(e Entry) bool {
	if !e.follows(w.last) {
		w.stale, w.base = true, ID{}
		return false
	}
	w.moveTo(e.ID)
	switch e.Kind {
	case entrySettled: // from entryEpoch up to here there is nothing but that
		w.stale, w.base = true, e.ID
		return false
	case entryOnline, entryOffline:
		w.apply(e)
	}
	return true
}

func (w *watcher) moveTo(id ID) {
	w.last = id
	w.p.counts.read.Store(id.Number + 1)
}

// apply changes the copy as an entry says, and tells of it where that is news.
func (w *watcher) apply(e Entry) {
	since, there := w.copied.get(e.Item)
	var c Change
	switch {
	case e.Kind == entryOnline && there:
		if since.Less(e.ID) {
			w.copied.put(e.Item, e.ID)
		}
		return
	case e.Kind == entryOnline:
		w.copied.put(e.Item, e.ID)
		c = newChange(e.Item, true, e.ID)
	case there && since == e.Since:
		w.copied.remove(e.Item)
		c = newChange(e.Item, false, since)
	default:
		return
	}
	c.Mine = w.p.isOwn(e.Generation)
	w.p.tellOf(c)
}

// compare finds out who is where as of one moment of the log, tells what of it is news, and applies what the log has
// since. The moment is the end of a settling, or, where that was not seen, now.
func (w *watcher) compare() error {
	found := make(rooms)
	begin, end, err := w.p.store.Scan(w.p.ctx, found.put)
	if err != nil {
		return err
	}
	from := begin
	if w.base.Epoch == begin.Epoch {
		from = w.base
	}
	log, whole, err := w.logOf(from, end)
	if err == nil && !whole && from != begin {
		from = begin
		log, whole, err = w.logOf(from, end)
	}
	if err != nil {
		return err
	}
	if !whole {
		return errSettling // another epoch has begun, or the log is shorter than a scan takes: try again
	}
	rewind(found, log)
	var missed []Change
	if w.copied != nil {
		w.p.counts.compared.Add(1)
		missed = missedChanges(w.copied, found, w.epoch != begin.Epoch)
	}
	w.copied, w.epoch, w.stale, w.base = found, begin.Epoch, false, ID{}
	w.moveTo(from)
	for _, c := range missed {
		w.p.tellOf(c)
	}
	for _, e := range log {
		if !w.take(e) {
			break
		}
	}
	return nil
}

// logOf is the log behind from, at least up to end. It is not whole where it does not follow from there, or has the
// beginning of an epoch.
func (w *watcher) logOf(from, end ID) (log []Entry, whole bool, err error) {
	last := from
	for last.Less(end) {
		entries, err := w.p.store.Read(w.p.ctx, last)
		if err != nil {
			return nil, false, err
		}
		if len(entries) == 0 {
			return nil, false, nil
		}
		for _, e := range entries {
			if !e.follows(last) || e.Kind == entryEpoch {
				return nil, false, nil
			}
			last = e.ID
			log = append(log, e)
		}
	}
	return log, true, nil
}

// rewind makes of what a scan has found, while the log grew, what it was before: the first entry of an item says that.
func rewind(found rooms, log []Entry) {
	seen := make(map[Item]bool)
	for _, e := range log {
		if e.Kind != entryOnline && e.Kind != entryOffline || seen[e.Item] {
			continue
		}
		seen[e.Item] = true
		if e.Kind == entryOnline {
			found.remove(e.Item)
		} else {
			found.put(e.Item, e.Since)
		}
	}
}

// missedChanges are those that lie between two copies, those who went before those who came. Somebody who is in both
// with different IDs has gone and come back; behind a new epoch it only means that the store has lost the older ID.
func missedChanges(before, now rooms, newEpoch bool) []Change {
	type missed struct {
		Change
		since ID
	}
	var gone, come []missed
	note := func(list []missed, item Item, online bool, since ID) []missed {
		c := newChange(item, online, since)
		c.Missed = true
		return append(list, missed{c, since})
	}
	for room, users := range before {
		for user, since := range users {
			item := Item{room, user}
			again, there := now.get(item)
			if !there || again != since && !newEpoch {
				gone = note(gone, item, false, since)
			}
		}
	}
	for room, users := range now {
		for user, since := range users {
			item := Item{room, user}
			earlier, there := before.get(item)
			if !there || earlier != since && !newEpoch {
				come = note(come, item, true, since)
			}
		}
	}
	byID := func(a, b missed) int { return a.since.compare(b.since) }
	slices.SortFunc(gone, byID)
	slices.SortFunc(come, byID)
	changes := make([]Change, 0, len(gone)+len(come))
	for _, m := range slices.Concat(gone, come) {
		changes = append(changes, m.Change)
	}
	return changes
}
