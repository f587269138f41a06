package wire

// Engine.IO over HTTP: what nearly every test of a server asks for.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Targets that open an Engine.IO session over either transport.
const (
	NewPolling = "/socket.io/?EIO=4&transport=polling"
	NewSocket  = "/socket.io/?EIO=4&transport=websocket"
)

// Get is [Do] for a GET without headers.
func Get(addr, target string, timeout time.Duration) (*Response, error) {
	return Do(addr, Request{Method: "GET", Target: target}, timeout)
}

// Post is [Do] for a POST without headers of its own.
func Post(addr, target, body string, timeout time.Duration) (*Response, error) {
	return Do(addr, Request{Method: "POST", Target: target, Body: body}, timeout)
}

// OpenSession opens a polling session and returns its id.
func OpenSession(addr string, timeout time.Duration) (sid string, err error) {
	r, err := Get(addr, NewPolling, timeout)
	if err != nil {
		return "", err
	}
	var open struct{ SID string }
	packet, found := bytes.CutPrefix(r.Body, []byte("0"))
	if !found || json.Unmarshal(packet, &open) != nil || open.SID == "" {
		return "", fmt.Errorf("no session but %s: %s", r.Status, r.Body)
	}
	return open.SID, nil
}
