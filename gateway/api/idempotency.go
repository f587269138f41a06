package api

// Idempotency-Key: a request that is sent again, as its answer was lost, gets the first answer and does nothing.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	keyHeader = "Idempotency-Key"
	// keyAge is how long a key is known.
	keyAge = 10 * time.Minute
	// maxKeyBytes is the longest key.
	maxKeyBytes = 255
	// keyOverhead is what a key counts for, beside the answer.
	keyOverhead = 512
)

// An answered request is what is kept of one.
type answered struct {
	Request     [sha256.Size]byte `json:"request"`     // of its method, path, query and body
	Status      int               `json:"status"`      // 0: it is still being carried out
	ContentType string            `json:"contentType"` // of the body
	Body        []byte            `json:"body"`
}

// answers keep what requests with a key have been answered, for keyAge.
type answers interface {
	// begin takes a key for a request. If it is taken already, the answer is what is kept of whoever has it, not nil.
	begin(ctx context.Context, key string, request [sha256.Size]byte) (*answered, error)
	// finish keeps the answer of the request that has taken key.
	finish(ctx context.Context, key string, answer *answered) error
	// forget gives up a key, of a request that has done nothing.
	forget(ctx context.Context, key string) error
}

// errTooManyKeys is what begin returns where there is no room for another key.
var errTooManyKeys = errors.New("api: too many idempotency keys in ten minutes")

// keyed serves a request, once where it has a key.
func (a *API) keyed(w *answerWriter, r *http.Request, body []byte) {
	keys := r.Header.Values(keyHeader)
	if r.Method != http.MethodPost || len(keys) == 0 {
		a.operate(w, r, body)
		return
	}
	key := keys[0]
	if len(keys) > 1 || len(key) < 1 || len(key) > maxKeyBytes ||
		strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		problem(http.StatusUnprocessableEntity, "", "validation failed").
			at("header."+keyHeader, "one of 1 to 255 characters of printable ASCII").write(w)
		return
	}
	request := fingerprint(r, body)
	before, err := a.answers.begin(r.Context(), key, request)
	switch {
	case err != nil:
		problem(http.StatusServiceUnavailable, problemKeyStore, "nothing was done: "+err.Error()).
			after(time.Second).write(w)
	case before == nil:
		a.first(w, r, body, key, request)
	case before.Request != request:
		problem(http.StatusUnprocessableEntity, problemKeyReused, "the key is another request's").
			at("header."+keyHeader, "another for each request").write(w)
	case before.Status == 0:
		problem(http.StatusConflict, problemKeyRunning, "the request with this key is being carried out, or its node "+
			"has gone meanwhile").after(time.Second).write(w)
	default:
		w.Header().Set("Content-Type", before.ContentType)
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(before.Status)
		_, _ = w.Write(before.Body)
	}
}

// first serves the request that has taken a key. It is carried out to its end also where the client leaves: who sends
// it again is to get its answer.
func (a *API) first(w *answerWriter, r *http.Request, body []byte, key string, request [sha256.Size]byte) {
	ctx := context.WithoutCancel(r.Context())
	lasting := r.WithContext(ctx)
	w.kept = new(bytes.Buffer)
	defer func() {
		r.Pattern = lasting.Pattern // for observe
		var err error
		switch {
		case w.status == 0: // a panic, which may have done something: the key stays taken
		case w.status >= 400 && w.status != http.StatusInternalServerError:
			err = a.answers.forget(ctx, key) // nothing was done, and it may be sent again mended
		default:
			err = a.answers.finish(ctx, key, &answered{
				Request: request, Status: w.status, ContentType: w.Header().Get("Content-Type"), Body: w.kept.Bytes(),
			})
		}
		if err != nil {
			a.log.Warn("the answer to a request with an Idempotency-Key cannot be kept", "error", err)
		}
	}()
	a.operate(w, lasting, body)
}

// fingerprint tells requests apart.
func fingerprint(r *http.Request, body []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}

// A keyBudget bounds what the keys of keyAge may take, in bytes.
type keyBudget struct {
	most int

	mu    sync.Mutex
	spent int
	due   []keyCost // the oldest first
}

type keyCost struct {
	key  string
	at   time.Time
	cost int
}

// spend takes so many bytes for a key, or reports that there are not so many. gone are keys whose time is over.
func (b *keyBudget) spend(key string, cost int, now time.Time) (gone []string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.due) > 0 && !now.Before(b.due[0].at.Add(keyAge)) {
		b.spent -= b.due[0].cost
		gone = append(gone, b.due[0].key)
		b.due = b.due[1:]
	}
	if b.spent+cost > b.most {
		return gone, false
	}
	b.add(keyCost{key, now, cost})
	return gone, true
}

// add spends. b.mu is held.
func (b *keyBudget) add(c keyCost) {
	b.spent += c.cost
	b.due = append(b.due, c)
}

// overspend takes so many bytes for an answer that there is already.
func (b *keyBudget) overspend(key string, cost int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(keyCost{key, now, cost})
}
