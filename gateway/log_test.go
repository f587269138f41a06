package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// However many requests a client makes that are refused, the log gets a few lines and the number of the others.
func TestAFloodOfBadHandshakesIsLoggedInAFewLines(t *testing.T) {
	const flood = 10_000
	for _, level := range []string{"info", "debug"} {
		n := start(t, "LOG_LEVEL", level)
		transport := &http.Transport{MaxIdleConnsPerHost: 8}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		url := "http://" + n.Address + "/socket.io/?EIO=4&transport=polling"
		var flooding sync.WaitGroup
		for part := range 8 {
			flooding.Go(func() {
				for i := range flood / 8 {
					response, err := client.Get(fmt.Sprintf("%s&sid=guess-%d-%d", url, part, i))
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			})
		}
		flooding.Wait()
		// Meanwhile another mistake is still seen.
		n.Request(t, "GET", "/socket.io/?EIO=3&transport=polling", "")
		lines := n.Log.Find(t, "request refused: Unsupported protocol version")
		if len(lines) != 1 || lines[0]["eio"] != "3" || lines[0]["hint"] == "" {
			t.Errorf("%s: the other mistake: %v", level, lines)
		}
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		const about = "request refused: Session ID unknown"
		logged, suppressed := 0, 0
		for _, line := range n.Log.Find(t, about) {
			logged++
			hint, _ := line["hint"].(string)
			if !strings.Contains(hint, "balancer") || line["code"] != 1.0 || line["remote"] == "" ||
				!strings.HasPrefix(line["sid"].(string), "guess-") {
				t.Errorf("%s: %v", level, line)
			}
		}
		for _, line := range n.Log.Find(t, "lines suppressed") {
			if line["message"] == about {
				suppressed += int(line["suppressed"].(float64))
			}
		}
		t.Logf("%s: %d refused requests make %d lines, and %d are counted", level, flood, logged, suppressed)
		if logged+suppressed != flood || logged > flood/100 || len(n.Log.Lines(t)) > flood/100 {
			t.Errorf("%s: %d lines in all, %d of them about the refusals, %d suppressed", level, len(n.Log.Lines(t)),
				logged, suppressed)
		}
	}
}

func TestARefusalNamesTheClientBehindTheProxy(t *testing.T) {
	n := start(t, "TRUSTED_PROXIES", "127.0.0.1", "LOG_LEVEL", "info")
	n.Request(t, "GET", "/socket.io/?EIO=3&transport=polling", "", "X-Forwarded-For: 198.51.100.1")
	lines := n.Log.Find(t, "request refused: Unsupported protocol version")
	if len(lines) != 1 || lines[0]["remote"] != "198.51.100.1:0" {
		t.Errorf("got %v", lines)
	}
}

// A page of an origin that CORS_ORIGINS does not have is refused whatever it tries, and the log says which page it is.
func TestAPageOfAnotherOriginIsRefused(t *testing.T) {
	n := start(t, "CORS_ORIGINS", "https://page.example", "LOG_LEVEL", "info")
	const polling = "/socket.io/?EIO=4&transport=polling"
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	for origin, want := range map[string]int{
		"https://page.example": 200, "http://chat.example": 200, "https://evil.example": 403,
	} {
		if r, _ := n.Request(t, "GET", polling, "", "Origin: "+origin); r.StatusCode != want {
			t.Errorf("polling from %s: %d", origin, r.StatusCode)
		}
	}
	r, _ := n.Request(t, "GET", "/socket.io/?EIO=4&transport=websocket", "",
		append(upgrade, "Origin: https://evil.example")...)
	if r.StatusCode != 403 {
		t.Errorf("WebSocket: %d", r.StatusCode)
	}
	lines := n.Log.Find(t, "request refused: Forbidden")
	if len(lines) != 2 || lines[0]["origin"] != "https://evil.example" ||
		!strings.Contains(fmt.Sprint(lines[0]["hint"]), "CORS_ORIGINS") {
		t.Errorf("logged %v", lines)
	}
}

func TestTheLogBeginsWithTheConfiguration(t *testing.T) {
	n := start(t, "ADAPTER", "pubsub", "REDIS_URL", "redis://user:s3cret@127.0.0.1:1/3", "LOG_LEVEL", "info")
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	lines := n.Log.Find(t, "configuration")
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, s := range Settings() {
		if _, found := lines[0][s.Name]; !found {
			t.Errorf("no %s in %v", s.Name, lines[0])
		}
	}
	if lines[0]["REDIS_URL"] != "redis://127.0.0.1:1/3" || lines[0]["ADAPTER"] != "pubsub" {
		t.Errorf("got %v", lines[0])
	}
	if text := fmt.Sprint(n.Log.Lines(t)); strings.Contains(text, "s3cret") {
		t.Errorf("the password is logged: %s", text)
	}
}
