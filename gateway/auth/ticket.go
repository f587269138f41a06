package auth

// A ticket: for how long a socket may stay.

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// refreshEvery is how often a socket may bring a new token, and refreshBurst how many at one moment.
	refreshEvery = 5 * time.Second
	refreshBurst = 5
	// connectingEvery is how often a socket is looked at whose token has ended before its middlewares have.
	connectingEvery = time.Second
)

// A ticket is a socket's right to be there. One timer tells its client that the end comes, and ends the socket.
type ticket struct {
	guard  *Guard
	socket *socketio.Socket

	mu        sync.Mutex
	claims    *Claims
	until     time.Time   // zero: for ever
	told      bool        // of the end
	over      bool        // the socket has gone
	timer     *time.Timer // nil where there is no end
	refreshes *rate.Limiter
}

// has returns what the socket's newest token says.
func (t *ticket) has() *Claims {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.claims
}

// mayRefresh reports whether the socket may bring a token now.
func (t *ticket) mayRefresh(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refreshes == nil {
		t.refreshes = rate.NewLimiter(rate.Every(refreshEvery), refreshBurst)
	}
	return t.refreshes.AllowN(now, 1)
}

// renew makes claims those of the socket.
func (t *ticket) renew(claims *Claims) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims, t.until, t.told = claims, t.guard.opts.Verifier.end(claims), false
	switch {
	case t.over:
	case t.until.IsZero():
		if t.timer != nil {
			t.timer.Stop()
		}
	default:
		left := time.Until(t.until)
		if notice := spread(t.guard.opts.Notice); t.guard.opts.Notice > 0 {
			left -= min(notice, left/2)
		} else {
			t.told = true
		}
		t.wake(left)
	}
}

// wake has the timer run out in that time. mu is held.
func (t *ticket) wake(in time.Duration) {
	if t.timer == nil {
		t.timer = time.AfterFunc(in, t.due)
		return
	}
	t.timer.Reset(in)
}

// due tells the client that the end comes, and then ends the socket.
func (t *ticket) due() {
	switch now, claims := t.turn(); now {
	case turnTell:
		_ = t.socket.Emit(ExpiringEvent, expiry{seconds(claims.Expires)}) // it may have gone
	case turnEnd:
		t.guard.stats.expired.Add(1)
		_ = t.socket.Emit(ExpiredEvent, expired{messages[Expired], codeData{Expired}})
		t.socket.Disconnect(false)
	}
}

// What it is time for.
const (
	turnNothing = iota
	turnTell
	turnEnd
)

// turn is what it is time for. It sets the timer for what is next.
func (t *ticket) turn() (now int, claims *Claims) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := time.Until(t.until)
	switch {
	case t.over || t.until.IsZero():
		return turnNothing, nil
	case left > 0 && t.told:
		t.wake(left)
		return turnNothing, nil
	case !t.socket.Connected(): // its middlewares take their time; or it has gone, and end comes
		t.wake(connectingEvery)
		return turnNothing, nil
	case left > 0:
		t.told = true
		t.wake(left)
		return turnTell, t.claims
	}
	return turnEnd, t.claims
}

// end stops the timer.
func (t *ticket) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if t.timer != nil {
		t.timer.Stop()
	}
}
