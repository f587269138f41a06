package auth

// Keys that an issuer publishes at a URL (JWKS, RFC 7517). They are fetched at the start, renewed in the background
// and, within limits, when a token names one that is not known. While they cannot be had the old ones serve.
//
// jwkset reads keys. It is not given the fetching: it would wait for the issuer at the start, have each client with an
// unknown key wait for a limit of its own, and take an empty set for the end of all keys.

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	// fetchTimeout is how long an answer of the issuer may take.
	fetchTimeout = 5 * time.Second
	// fetchPause is the time between two requests to the issuer, whatever tokens name and however often it fails.
	fetchPause = 10 * time.Second
	// maxSetBytes and maxSetKeys bound what the issuer publishes.
	maxSetBytes = 1 << 20
	maxSetKeys  = 100
	// maxWaiting is how many clients may wait for the issuer at once.
	maxWaiting = 256
	// maxRedirects is how often the issuer may point elsewhere.
	maxRedirects = 3
)

// A keySet is what the issuer has published.
type keySet struct {
	keys []key
	at   time.Time // when it was fetched
	from uint64    // its generation
}

// find returns the keys for a token: that of its id, or, for a token without one, the only key of its algorithm.
func (s *keySet) find(algorithm, id string) (keys []crypto.PublicKey, known bool, err error) {
	if id == "" {
		keys, err = allowing(s.keys, algorithm)
		if len(keys) > 1 {
			err = refused(Invalid, errors.New("it does not say which of the issuer's keys it is signed with"))
		}
		return keys, true, err
	}
	at := slices.IndexFunc(s.keys, func(k key) bool { return k.id == id })
	if at < 0 {
		return nil, false, refused(Invalid, errors.New("the issuer has no key of its id"))
	}
	keys, err = allowing(s.keys[at:at+1], algorithm)
	return keys, true, err
}

// A remoteKeys is the keySource of a JWKS URL.
type remoteKeys struct {
	url    string
	client *http.Client
	every  time.Duration
	pause  time.Duration // fetchPause, but in tests
	log    *slog.Logger
	stats  *counters

	set     atomic.Pointer[keySet] // nil before the first
	waiting atomic.Int64           // clients that wait for a round
	life    context.Context        // ends with close
	end     context.CancelFunc
	running sync.WaitGroup // the round's goroutine

	mu    sync.Mutex
	tried time.Time   // when the last round began
	round *round      // nil while none runs
	timer *time.Timer // to the next
}

// A round is one request for the keys, for all who wait for them.
type round struct {
	done chan struct{} // closed when it has ended
	err  error         // to be read then
}

// newRemoteKeys returns a source that fetches its keys at once, and until close.
func newRemoteKeys(o Options, stats *counters) *remoteKeys {
	r := &remoteKeys{
		url: o.JWKSURL, every: o.JWKSRefresh, pause: o.jwksPause, log: o.Logger, stats: stats,
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: checkRedirect,
		},
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(r.every, r.due)
	r.begin()
	return r
}

func checkRedirect(to *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects || before[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return errors.New("it points elsewhere too often, or to where there is no TLS")
	}
	return nil
}

func (r *remoteKeys) close() {
	r.mu.Lock()
	r.end()
	r.timer.Stop()
	r.mu.Unlock()
	r.running.Wait()
}

func (r *remoteKeys) generation() uint64 {
	if s := r.set.Load(); s != nil {
		return s.from
	}
	return 0
}

// age is how old the keys are; ok is false while there are none.
func (r *remoteKeys) age() (age time.Duration, ok bool) {
	s := r.set.Load()
	if s == nil {
		return 0, false
	}
	return time.Since(s.at), true
}

// find implements keySource. It may wait for the issuer, fetchTimeout at most.
func (r *remoteKeys) find(ctx context.Context, algorithm, id string) ([]crypto.PublicKey, error) {
	if s := r.set.Load(); s != nil {
		if keys, known, err := s.find(algorithm, id); known {
			return keys, err
		}
	}
	if err := r.renew(ctx); err != nil {
		return nil, refused(KeysUnavailable, err)
	}
	keys, _, err := r.set.Load().find(algorithm, id)
	return keys, err
}

var (
	errWaiting = errors.New("as many clients wait for the issuer's keys as may")
	errPause   = errors.New("the issuer has just been asked for its keys")
)

// renew waits until the keys have been fetched anew. The error says why they have not.
func (r *remoteKeys) renew(ctx context.Context) error {
	defer r.waiting.Add(-1)
	if r.waiting.Add(1) > maxWaiting {
		return errWaiting
	}
	r.mu.Lock()
	if r.round == nil {
		if time.Since(r.tried) < r.pause {
			r.mu.Unlock()
			return errPause
		}
		r.begin()
	}
	running := r.round
	r.mu.Unlock()
	select {
	case <-running.done:
		return running.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// due begins a round when it is time.
func (r *remoteKeys) due() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.round == nil {
		r.begin()
	}
}

// begin begins a round. mu is held, and none runs.
func (r *remoteKeys) begin() {
	running := &round{done: make(chan struct{})}
	r.round, r.tried = running, time.Now()
	if r.life.Err() != nil {
		running.err = r.life.Err()
		close(running.done)
		return
	}
	r.running.Go(func() {
		err := r.fetch()
		r.mu.Lock()
		defer r.mu.Unlock()
		running.err = err
		r.round = nil
		close(running.done)
		if r.life.Err() == nil {
			next := r.every
			if err != nil {
				next = min(r.pause, r.every)
			}
			r.timer.Reset(next)
		}
	})
}

// fetch asks the issuer once.
func (r *remoteKeys) fetch() error {
	set, err := r.request()
	if r.life.Err() != nil {
		return err
	}
	old := r.set.Load()
	if err != nil {
		r.stats.fetchesFailed.Add(1)
		r.log.Warn("the issuer's keys cannot be fetched", "url", r.url, "error", err, "old_keys_serve", old != nil)
		return err
	}
	r.stats.fetches.Add(1)
	if old == nil || !sameKeys(old.keys, set.keys) {
		set.from = r.generation() + 1
		r.log.Info("the issuer has new keys", "url", r.url, "keys", len(set.keys))
	} else {
		set.from = old.from
	}
	r.set.Store(set)
	return nil
}

// request returns what the issuer publishes now.
func (r *remoteKeys) request() (*keySet, error) {
	ctx, cancel := context.WithTimeout(r.life, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New("it answers " + answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxSetBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSetBytes {
		return nil, fmt.Errorf("it publishes more than %d bytes", maxSetBytes)
	}
	return parseSet(text)
}

// parseSet reads a JWKS. Keys that verify no tokens are left out, secrets (oct) among them: everybody may read them.
func parseSet(text []byte) (*keySet, error) {
	var published struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(text, &published); err != nil {
		return nil, fmt.Errorf("it publishes no JWKS: %w", err)
	}
	set := &keySet{at: time.Now()}
	var left error
	for _, raw := range published.Keys[:min(len(published.Keys), maxSetKeys)] {
		k, err := parseJWK(raw)
		if err != nil {
			left = err
			continue
		}
		set.keys = append(set.keys, k)
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("it publishes no key that verifies tokens: %w", left)
	}
	return set, nil
}

// parseJWK reads one key.
func parseJWK(raw json.RawMessage) (key, error) {
	var fields jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &fields); err != nil {
		return key{}, err
	}
	if fields.USE == jwkset.UseEnc {
		return key{}, errors.New("a key for encryption")
	}
	fields.X5U = "" // nothing is fetched from elsewhere
	jwk, err := jwkset.NewJWKFromMarshal(fields, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, err
	}
	k, err := newKey(fields.KID, jwk.Key())
	if err != nil {
		return key{}, err
	}
	if only := fields.ALG.String(); only != "" {
		if !k.allows(only) {
			return key{}, fmt.Errorf("a key for %q of another kind", only)
		}
		k.algorithms = []string{only}
	}
	return k, nil
}

// sameKeys reports whether two sets have the same keys, in one order.
func sameKeys(a, b []key) bool {
	return slices.EqualFunc(a, b, func(a, b key) bool {
		m, ok := a.material.(interface{ Equal(crypto.PublicKey) bool })
		return ok && a.id == b.id && m.Equal(b.material) && slices.Equal(a.algorithms, b.algorithms)
	})
}
