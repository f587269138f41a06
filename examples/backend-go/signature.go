package main

// Who asks: requests that are not the gateway's, or have come before, are refused.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// skew is how far the gateway's clock and this one may differ.
	skew    = 5 * time.Minute
	maxBody = 4 << 20
)

// fromGateway has next serve the requests that are signed with the secret, each once.
func fromGateway(secret []byte, next func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	var seen recent
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case !isSigned(secret, r, body, time.Now()):
			http.Error(w, "not signed", http.StatusUnauthorized)
		case !seen.add(r.Header.Get("Ce-Id"), time.Now()):
			http.Error(w, "this request has come before", http.StatusConflict)
		default:
			next(w, r, body)
		}
	}
}

// isSigned reports whether a request is signed with the secret, and not long ago: "t=<seconds>,v1=<hex>". While a
// secret is replaced there are two signatures, of which one is enough.
func isSigned(secret []byte, r *http.Request, body []byte, now time.Time) bool {
	stamp, signatures, _ := strings.Cut(r.Header.Get("Gateway-Signature"), ",")
	stamp, found := strings.CutPrefix(stamp, "t=")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if !found || err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > skew {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, signed(stamp, r.Header))
	mac.Write(body)
	expected := mac.Sum(nil)
	for signature := range strings.SplitSeq(signatures, ",") {
		given, err := hex.DecodeString(strings.TrimPrefix(signature, "v1="))
		if err == nil && hmac.Equal(given, expected) { // in constant time
			return true
		}
	}
	return false
}

// signed is what is signed before the body: the time, the ce- headers by name, the content type, an empty line.
func signed(stamp string, h http.Header) string {
	var text strings.Builder
	fmt.Fprintln(&text, stamp)
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name := strings.ToLower(name); strings.HasPrefix(name, "ce-") {
			fmt.Fprintf(&text, "%s:%s\n", name, strings.Join(h.Values(name), ","))
		}
	}
	fmt.Fprintf(&text, "content-type:%s\n\n", h.Get("Content-Type"))
	return text.String()
}

// recent are the ids of the last while: what is older is refused for its time. Several processes would need one in
// common. The zero value is ready for use.
type recent struct {
	mu          sync.Mutex
	now, before map[string]struct{}
	turned      time.Time
}

// add reports whether an id is new.
func (s *recent) add(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.turned) > 2*skew {
		s.before, s.now, s.turned = s.now, make(map[string]struct{}), now
	}
	_, current := s.now[id]
	_, earlier := s.before[id]
	s.now[id] = struct{}{}
	return !current && !earlier
}
