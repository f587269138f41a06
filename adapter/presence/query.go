package presence

// What a program asks. Whatever cannot be answered, or not wholly, comes with an error that matches
// socketio.ErrIncomplete: nobody is said to be away because the store is.

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Page is some of the users of a room.
type Page struct {
	Users []string
	// Next is the cursor of the next page, "" where this is the last.
	Next string
}

const (
	// askAtOnce is how many users a store is asked about at once.
	askAtOnce = 500
	// maxPage is the largest limit of a page.
	maxPage = 1000
)

var errAway = errors.New("presence: the store cannot be reached")

// Online reports which of users are online, in their order. With an error that matches socketio.ErrIncomplete who is
// said to be online is, and of the others that is not known.
func (p *Presence) Online(ctx context.Context, users ...string) ([]bool, error) {
	return p.In(ctx, "", users...)
}

// In is Online for a room: it reports which of users are in it. The room "" has everybody who is online.
func (p *Presence) In(ctx context.Context, room string, users ...string) ([]bool, error) {
	holds := make([]bool, len(users))
	var failed error
	for from := 0; from < len(users); from += askAtOnce {
		part := users[from:min(from+askAtOnce, len(users))]
		found, err := p.store.Holds(ctx, room, part)
		copy(holds[from:], found)
		if failed = cmp.Or(failed, err); err != nil && !errors.Is(err, errSettling) {
			break
		}
	}
	for i, user := range users {
		holds[i] = holds[i] || p.local.isOnline(Item{room, user}) // the store may have yet to hear of it
	}
	return holds, p.incomplete(failed)
}

// Count is the number of users in a room; of those online where room is "". What it returns with an error that matches
// socketio.ErrIncomplete is the least that there are.
func (p *Presence) Count(ctx context.Context, room string) (int, error) {
	n, err := p.store.Count(ctx, room)
	return n, p.incomplete(err)
}

// Users returns users of a room, or users online where room is "", in no order: about limit of them, at most 1,000 and
// the multiple of that which a store finds convenient. The cursor is "" for the first page, and Page.Next of the one
// before. Who is there all the time is on a page; who comes or goes meanwhile may be on one, or on two. Errors:
// ErrCursor, and with what there is one that matches socketio.ErrIncomplete.
func (p *Presence) Users(ctx context.Context, room, cursor string, limit int) (Page, error) {
	users, next, err := p.store.Page(ctx, room, cursor, min(max(limit, 1), maxPage))
	if errors.Is(err, ErrCursor) {
		return Page{}, err
	}
	return Page{users, next}, p.incomplete(err)
}

// incomplete is the error of an answer, given what the store has said.
func (p *Presence) incomplete(err error) error {
	switch {
	case err != nil:
	case p.standing.Load() == nil:
		err = errAway // it has answered just now, but may have lost something: the writer will find out
	default:
		return nil
	}
	return &socketio.IncompleteError{Missing: -1, Err: fmt.Errorf("presence: %w", err)}
}
