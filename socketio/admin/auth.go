package admin

// Who may look. Everything here runs for strangers: an attempt costs little before it may cost a bcrypt check, and
// those are few at once.

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// What a client is told. The first is what the UI looks for, to show its form.
var (
	errCredentials = errors.New("invalid credentials")
	errTooMany     = errors.New("too many attempts, try again later")
	errBusy        = errors.New("too many logins at once, try again")
	errOrigin      = errors.New("this page may not use the admin namespace")
	errFull        = errors.New("too many admins are connected")
	errClosed      = errors.New("the admin namespace is closed")
)

const (
	// checkTimeout is how long an attempt may wait for its turn, and then for the Store.
	checkTimeout = 10 * time.Second
	// checksWaiting is how many attempts may wait for their turn.
	checksWaiting = 8
	// checkRest is for how many times the duration of a check no other begins: passwords take a quarter of a core. On
	// a busy machine a check takes long and little of a core, so there is a longest rest.
	checkRest    = 3
	checkRestMax = 3 * time.Second
	// idBytes and tagBytes are the two halves of a session's id: what is random, and what proves that it was made with
	// the password of today.
	idBytes  = 16
	tagBytes = 8
	// nodeIDLength is the length of an id that Node.js's package makes, in digits.
	nodeIDLength = 16
)

// authPayload is what the UI connects with.
type authPayload struct {
	SessionID string `json:"sessionId"`
	Username  string `json:"username"`
	Password  string `json:"password"`
}

// admit is the middleware of the admin namespace.
func (a *Admin) admit(s *socketio.Socket) error {
	switch {
	case a.isClosed():
		return errClosed
	case a.ns.SocketCount() >= a.opts.MaxClients:
		return errFull
	}
	if a.opts.NoAuth {
		return a.checkOrigin(s.Handshake())
	}
	h := s.Handshake()
	payload := readAuth(h.Auth)
	if payload.SessionID == "" && payload.Username == "" {
		return errCredentials // the UI's first attempt, which has none
	}
	if !a.attempts.allow(h.Address) {
		a.counts.throttled.Add(1)
		return errTooMany
	}
	ctx, cancel := context.WithTimeout(s.Context(), checkTimeout)
	defer cancel()
	err := a.authenticate(ctx, s, payload)
	switch {
	case err == nil:
		a.attempts.forgive(h.Address)
		a.counts.logins.Add(1)
	case errors.Is(err, errBusy):
		a.counts.throttled.Add(1)
	default:
		a.counts.failed.Add(1)
		a.log.Warn("admin: a login has failed", slog.String("address", h.Address))
	}
	return err
}

// readAuth takes the strings out of a client's auth; whatever else stands there is nothing.
func readAuth(auth socketio.Raw) (p authPayload) {
	fields, _ := auth.Fields()
	for name, to := range map[string]*string{
		"sessionId": &p.SessionID, "username": &p.Username, "password": &p.Password,
	} {
		if raw, ok := fields[name]; ok && raw.Bind(to) != nil {
			*to = ""
		}
	}
	return p
}

func (a *Admin) authenticate(ctx context.Context, s *socketio.Socket, p authPayload) error {
	if p.SessionID != "" && a.couldBeSession(p.SessionID) {
		found, err := a.opts.Store.SessionExists(ctx, p.SessionID)
		if err != nil {
			a.log.Warn("admin: a session could not be looked up", slog.Any("error", err))
		}
		if found {
			return nil
		}
	}
	if p.Username == "" {
		return errCredentials
	}
	if err := a.checkPassword(ctx, p.Username, p.Password); err != nil {
		return err
	}
	id := a.newSessionID()
	saving, cancel := context.WithTimeout(s.Context(), checkTimeout) // the check may have taken all the time there was
	defer cancel()
	if err := a.opts.Store.SaveSession(saving, id, a.opts.SessionLife); err != nil {
		a.log.Warn("admin: a session could not be kept, its admin has to log in again", slog.Any("error", err))
		return nil
	}
	a.promise(s, id)
	return nil
}

// checkPassword takes the same time whether it is the name that is wrong or the password.
func (a *Admin) checkPassword(ctx context.Context, user, password string) error {
	if len(password) > maxPasswordBytes {
		password = password[:maxPasswordBytes] + "\x00" // no password, at the price of one
	}
	release, err := a.checks.enter(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	wrong := bcrypt.CompareHashAndPassword([]byte(a.opts.Basic.PasswordHash), []byte(password)) != nil
	release(min(checkRest*time.Since(began), checkRestMax))
	known := subtle.ConstantTimeCompare(digest(user), digest(a.opts.Basic.User)) == 1
	if wrong || !known {
		return errCredentials
	}
	return nil
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// newSessionID returns an id that is valid as long as the name and the password stay what they are.
func (a *Admin) newSessionID() string {
	id := make([]byte, idBytes, idBytes+tagBytes)
	rand.Read(id) // never fails
	return hex.EncodeToString(append(id, a.tag(id)...))
}

func (a *Admin) tag(id []byte) []byte {
	mac := hmac.New(sha256.New, []byte(a.opts.Basic.User+"\x00"+a.opts.Basic.PasswordHash))
	mac.Write(id)
	return mac.Sum(nil)[:tagBytes]
}

// couldBeSession reports whether an id is worth a look into the Store: whether a server with this very password made
// it, or perhaps one on Node.js.
func (a *Admin) couldBeSession(id string) bool {
	if len(id) != nodeIDLength && len(id) != 2*(idBytes+tagBytes) {
		return false
	}
	b, err := hex.DecodeString(id)
	if err != nil {
		return false
	}
	return len(id) == nodeIDLength || hmac.Equal(b[idBytes:], a.tag(b[:idBytes]))
}

// checkOrigin keeps pages of other sites out, where no password does: browsers let every page open a WebSocket to
// everywhere, as whoever looks at it.
func (a *Admin) checkOrigin(h *socketio.Handshake) error {
	origin := h.Headers.Get("Origin")
	if origin == "" || slices.Contains(a.opts.Origins, origin) {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, h.Host) {
		return nil
	}
	a.counts.failed.Add(1)
	return errOrigin
}
