package presence

// The seam between presence and whatever keeps it for all nodes: Redis (redis.go), memory
// (memory.go), and memory on every node that does what a log says (replicated.go).

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An ID numbers the changes of a Store. An epoch is the time, in milliseconds, at which a store was found empty, or not
// to be as it was left; within one, numbers have no gaps. IDs grow.
type ID struct{ Epoch, Number uint64 }

// Less reports whether id is older than other.
func (id ID) Less(other ID) bool { return id.compare(other) < 0 }

func (id ID) compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Epoch, other.Epoch), cmp.Compare(id.Number, other.Number))
}

func (id ID) String() string {
	if id == (ID{}) {
		return ""
	}
	return strconv.FormatUint(id.Epoch, 10) + "-" + strconv.FormatUint(id.Number, 10)
}

// parseID reads what String has written.
func parseID(text string) (ID, error) {
	if text == "" {
		return ID{}, nil
	}
	epoch, number, _ := strings.Cut(text, "-")
	e, err := strconv.ParseUint(epoch, 10, 64)
	n, err2 := strconv.ParseUint(number, 10, 64)
	if err != nil || err2 != nil {
		return ID{}, fmt.Errorf("presence: %q is no id", text)
	}
	return ID{e, n}, nil
}

// An Item is what a Store keeps: that a user is in a room; or, where Room is "", that the user is online.
type Item struct{ Room, User string }

func (i Item) compare(other Item) int {
	return cmp.Or(strings.Compare(i.Room, other.Room), strings.Compare(i.User, other.User))
}

// A Store keeps, for all nodes, which of them holds which items, and a log of the items that have come (the first node
// holds it) and gone (the last node has let go of it). It may be used by several nodes of a process, and by each of
// them from several goroutines. Every method is one step that happens as a whole or not at all, but for Scan.
//
// A node writes under a generation, a name that is new whenever the node begins anew. A generation has a lease, which
// Beat renews. One whose lease is over is cleared by the beats of others: what it holds is let go of, and from the
// first moment on nothing that it writes counts. While no node at all has been heard of, leases do not run: the store
// may have been away.
//
// A store that has lost something begins a new epoch. It is settling then, for as long as a lease: it lets go of what
// all generations have held up to then, nodes put back under new ones what they held, and nothing of that is in the
// log.
type Store interface {
	// Beat renews the lease of a generation, finds out how the store is, and clears a little of what is to be cleared.
	// Behind an error of it or of Write, and before anything else is written, it is called again.
	Beat(ctx context.Context, b Beat) (Standing, error)
	// Write does what a batch says. A batch that has been done already is not done again, and gets the same answer.
	Write(ctx context.Context, b Batch) (Written, error)
	// Leave has the lease of a generation end after d, with nothing done to what it holds.
	Leave(ctx context.Context, generation string, d time.Duration) error

	// Read returns the entries of the log after an ID, some at a time. Where there are none, it waits for one, at most
	// for a time of its own of about a second. Whoever gets one that does not follow has missed some.
	Read(ctx context.Context, after ID) ([]Entry, error)
	// Scan calls f with each item and the ID with which it came, perhaps more than once. What comes and goes meanwhile
	// may be among them or not: it is in the log from begin to end. The error is errSettling where the store does not
	// have everything.
	Scan(ctx context.Context, f func(Item, ID)) (begin, end ID, err error)

	// Holds reports which of users are in a room, in their order. The error of this and of the next two is errSettling,
	// with an answer, where something may be missing.
	Holds(ctx context.Context, room string, users []string) ([]bool, error)
	// Count is the number of users in a room.
	Count(ctx context.Context, room string) (int, error)
	// Page returns about limit users of a room, and the cursor of the next page, "" behind the last. The first cursor
	// is "". Who is in the room all the time is on some page; who is on several has moved meanwhile.
	Page(ctx context.Context, room, cursor string, limit int) (users []string, next string, err error)
}

// A Beat is a sign of life.
type Beat struct {
	Generation string
	Begin      bool          // the generation is a new one
	Lease      time.Duration // of the generation, from now on; all nodes have the same
	Seen       ID            // the newest that this node has seen: a store that does not know of it has lost something
	Doubt      bool          // the store has lost something since Seen
}

// A Standing is the answer to a Beat.
type Standing struct {
	Known    bool          // the generation is registered, and has not been cleared
	Last     ID            // the newest change
	Settling time.Duration // how long the store waits for what it has lost
	Users    int           // online
	Nodes    int           // generations
	Cleared  int           // generations that this beat has cleared, or has had the last of
	More     bool          // there is more to clear: beat again
}

// What is to be done with an item.
const (
	opAdd     = '+'
	opRemove  = '-'
	opPutBack = 'r' // add what the store has lost, without telling of it; behind the settling it is opAdd
)

// An Op is something to do.
type Op struct {
	Kind byte
	Item Item
	// Since is the ID with which the item came, for opPutBack.
	Since ID
}

// A Batch is what a generation writes, of each item one Op at most. Its batches have the numbers 1, 2, 3 and so on; one
// whose answer was lost is written again as it was.
type Batch struct {
	Generation string
	Number     uint64
	Epoch      uint64
	Ops        []Op
}

// The outcomes of a Write.
const (
	outcomeDone     = "done"
	outcomeGone     = "gone"     // nothing is done: the generation is not known, or the epoch is another one. Beat
	outcomeSettling = "settling" // nothing is done: not only opPutBack. Beat
	outcomeLost     = "lost"     // nothing is done: the store has lost a batch. Beat, with Doubt
)

// Written is the answer to a Batch.
type Written struct {
	Outcome string
	Last    ID
	Since   []ID // of each Op, with which ID the item has come; zero with opRemove
}

// The kinds of entries.
const (
	entryOnline  = '+' // the item has come
	entryOffline = '-' // it has gone
	entryEpoch   = 'e' // an epoch has begun
	entrySettled = 's' // the epoch has settled
)

// An Entry is one of a Store's log.
type Entry struct {
	ID         ID
	Kind       byte
	Item       Item
	Since      ID     // with entryOffline: when the item had come
	Generation string // whose batch or beat it was
}

// follows reports whether e is the next entry behind last.
func (e *Entry) follows(last ID) bool {
	if e.ID.Epoch == last.Epoch {
		return e.ID.Number == last.Number+1
	}
	return e.ID.Epoch > last.Epoch && e.ID.Number == 1
}

// errSettling says that the store does not have everything yet.
var errSettling = errors.New("presence: the store has lost its records, and waits for the nodes to put them back")

// An item is written as the length of the user's name in one byte, the name, and the room: one string for both.
func (i Item) pack() string { return string([]byte{byte(len(i.User))}) + i.User + i.Room }

func unpackItem(s string) (Item, bool) {
	if s == "" || len(s) < 1+int(s[0]) {
		return Item{}, false
	}
	n := 1 + int(s[0])
	return Item{User: s[1:n], Room: s[n:]}, true
}
