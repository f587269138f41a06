package api

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

// Whoever has no token gets 401, whatever is asked, and nothing is done.
func TestNoToken(t *testing.T) {
	f := serve(t, nil)
	c := f.join(t, "r")[0]
	for _, header := range []string{
		"Authorization: ", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: " + token,
		"Authorization: Basic " + token, "Authorization: Bearer wrong-and-long-enough",
		"Authorization: Bearer " + token[:15], "Authorization: Bearer " + token + "0",
		"Authorization: Bearer " + strings.ToUpper(token), "Authorization: Bearer another-long-token," + token,
	} {
		f.failures = newFailures()
		got := f.call(t, "POST", "/v1/emit", `{"event":"e","all":true}`, header)
		if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d %v", header, got.status, got.header)
		}
		if got := f.call(t, "GET", "/v1/nothing", "", header); got.status != http.StatusUnauthorized {
			t.Errorf("%s: a route that there is not is told of with %d", header, got.status)
		}
	}
	c.ExpectNone("e")
	for _, good := range []string{"Bearer " + token, "bearer " + token, "BEARER  another-long-token"} {
		f.failures = newFailures()
		f.call(t, "POST", "/v1/emit", `{"event":"e","all":true}`, "Authorization: "+good).
			want(t, good, http.StatusAccepted, nil)
		c.Expect("e", patience)
	}
	if line := f.log.Find(t, "a request to the server API had no valid token"); len(line) != 20 {
		t.Errorf("%d lines tell of it", len(line))
	}
	if strings.Contains(f.log.String(), token[:15]) {
		t.Error("a token is in the log")
	}
}

// The address of who guesses is shut out for a while, others are not; where tokens are off nobody is asked.
func TestGuessing(t *testing.T) {
	f := serve(t, nil)
	for i := range failureBurst {
		got := f.call(t, "GET", "/v1/health", "", fmt.Sprintf("Authorization: Bearer guess-%d", i))
		got.want(t, "a guess", http.StatusUnauthorized, nil)
	}
	got := f.call(t, "GET", "/v1/health", "", "Authorization: Bearer another-guess")
	got.want(t, "one too many", http.StatusTooManyRequests, nil)
	if got.header.Get("Retry-After") == "" {
		t.Errorf("%v", got.header)
	}
	f.get(t, "/v1/health", http.StatusTooManyRequests, nil) // a right one is not looked at
	if line := f.log.Find(t, "a request to the server API had no valid token"); len(line) != failureBurst {
		t.Errorf("%d lines tell of it", len(line))
	}
	open := serve(t, func(o *Options) { o.Tokens = nil })
	open.call(t, "GET", "/v1/health", "", "Authorization: ").want(t, "without tokens", http.StatusOK, nil)
}

// Failures are forgiven one by one, and however many addresses fail, few are remembered.
func TestFailures(t *testing.T) {
	f := newFailures()
	now := time.Unix(1e9, 0)
	addr := netip.MustParseAddr("192.0.2.1")
	for i := range failureBurst {
		if f.blocked(addr, now) > 0 {
			t.Fatalf("blocked after %d", i)
		}
		f.add(addr, now)
	}
	if wait := f.blocked(addr, now); wait <= 0 || wait > failureEvery {
		t.Errorf("the wait is %v", wait)
	}
	if f.blocked(netip.MustParseAddr("192.0.2.2"), now) > 0 {
		t.Error("another is blocked")
	}
	now = now.Add(failureEvery)
	if f.blocked(addr, now) > 0 {
		t.Error("one failure is not forgiven")
	}
	f.add(addr, now)
	if f.blocked(addr, now) == 0 {
		t.Error("it has more than one for that")
	}
	for i := range 3 * maxFailing {
		f.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(f.clear) > maxFailing {
		t.Errorf("%d addresses are remembered", len(f.clear))
	}
	f.forget(now.Add(time.Hour))
	if len(f.clear) != 0 {
		t.Errorf("%d are remembered for ever", len(f.clear))
	}
}

func TestPeers(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[2001:db8::1:2:3:4]:5": "2001:db8::",
		"[fe80::1%eth0]:5": "fe80::", "@": "invalid IP",
	} {
		if got := ofPeer(remote).String(); got != want {
			t.Errorf("%s is %s, want %s", remote, got, want)
		}
	}
}

func TestTokensThatAreNone(t *testing.T) {
	for _, given := range [][]string{
		nil, {""}, {"short"}, {token, "0123456789abcde"}, {"0123456789abcde\n"}, {"0123456789 abcdef"},
		{"0123456789abcdé"},
		strings.Split(strings.Repeat(token+",", 100)+token, ","),
	} {
		if _, err := NewTokens(given, "", slog.Default()); err == nil {
			t.Errorf("%.60q are taken", given)
		} else if strings.Contains(err.Error(), "0123456789") {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

// A file of tokens is read again when it has changed, and one that is no good changes nothing.
func TestTokensFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		next := file + ".next"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil { // as secrets that are mounted change
			t.Fatal(err)
		}
	}
	if _, err := NewTokens(nil, file, slog.Default()); err == nil {
		t.Error("a file that there is not is taken")
	}
	write("# of the chat\nfirst-token-of-the-file\n\n  second-token-of-the-file\r\n")
	log := new(gatewaytest.Log)
	tokens, err := NewTokens([]string{token}, file, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	valid := func(want bool, all ...string) {
		t.Helper()
		for _, one := range all {
			if tokens.looked = (time.Time{}); tokens.Valid(one) != want {
				t.Errorf("%s: %v", one, !want)
			}
		}
	}
	valid(true, token, "first-token-of-the-file", "second-token-of-the-file")
	valid(false, "", "# of the chat", "third-token-of-the-file")
	write("second-token-of-the-file\nthird-token-of-the-file\n")
	valid(true, token, "third-token-of-the-file")
	valid(false, "first-token-of-the-file")
	for _, text := range []string{"short\n", strings.Repeat("x", maxTokensFile+1)} {
		write(text)
		valid(true, token, "third-token-of-the-file")
		valid(false, "short")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	valid(true, "third-token-of-the-file")
	write("")
	valid(true, token)
	valid(false, "third-token-of-the-file")
	if lines := log.Find(t, "API_TOKENS_FILE cannot be read: the tokens that were in it hold on"); len(lines) < 3 {
		t.Errorf("%d lines tell of it", len(lines))
	}
	if _, err := NewTokens(nil, file, slog.Default()); err == nil {
		t.Error("an empty file is taken for tokens")
	}
}

// raw opens a connection and writes to it as it stands.
func (f *fixture) raw(t testing.TB, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// Strangers' connections, idle ones and those that send a header byte by byte, do not keep a backend out: they make
// room.
func TestIdleConnections(t *testing.T) {
	f := serve(t, func(o *Options) { o.MaxConnections = 50 })
	known, reader := f.raw(t, "")
	ask := func() {
		t.Helper()
		const get = "GET /v1/health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n"
		if _, err := io.WriteString(known, get); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 200 {
			t.Fatal(response.Status, err)
		}
	}
	ask()
	for i := range 1000 {
		text := ""
		if i%2 == 0 {
			text = "POST /v1/emit HTTP/1.1\r\nHost: x\r\nX-Slow: "
		}
		f.raw(t, text)
	}
	f.get(t, "/v1/health", http.StatusOK, nil)
	ask() // it is the oldest of all, and stays
	f.conns.mu.Lock()
	defer f.conns.mu.Unlock()
	if n := len(f.conns.all); n > 50 {
		t.Errorf("%d connections are kept", n)
	}
}
