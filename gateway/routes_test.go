package gateway

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

func TestPreflightOnAnyPath(t *testing.T) {
	n := start(t)
	for _, target := range []string{"/", "/nope", "/socket.io", "*", "/healthz", "/chat/app.js"} {
		response, body := n.Request(t, "OPTIONS", target, "", "Origin: http://example.com",
			"Access-Control-Request-Headers: content-type,x-foo")
		h := response.Header
		if response.StatusCode != 204 || body != "" ||
			h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "true" ||
			h.Get("Access-Control-Allow-Methods") != "GET,HEAD,PUT,PATCH,POST,DELETE" ||
			h.Get("Access-Control-Allow-Headers") != "content-type,x-foo" ||
			h.Get("Vary") != "Access-Control-Request-Headers" {
			t.Errorf("OPTIONS %s: got %d %q %v", target, response.StatusCode, body, h)
		}
	}
}

func TestSocketIOHasNoCredentials(t *testing.T) {
	n := start(t, "SHUTDOWN_TIMEOUT", "1ms") // the session that it opens is abandoned
	response, body := n.Request(t, "GET", "/socket.io/?EIO=4&transport=polling", "")
	if response.StatusCode != 200 || !strings.HasPrefix(body, `0{"sid":"`) {
		t.Fatalf("got %d %q", response.StatusCode, body)
	}
	h := response.Header
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("CORS headers: %v", h)
	}
}

func TestOriginsCanBeLimited(t *testing.T) {
	n := start(t, "CORS_ORIGINS", "https://a.example,https://b.example", "SHUTDOWN_TIMEOUT", "1ms")
	for _, target := range []string{"/", "/socket.io/?EIO=4&transport=polling"} {
		for origin, want := range map[string]string{"https://b.example": "https://b.example", "https://c.example": ""} {
			response, _ := n.Request(t, "GET", target, "", "Origin: "+origin)
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %s: got %q, want %q", target, origin, got, want)
			}
		}
	}
}

func TestHealth(t *testing.T) {
	n := start(t)
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	response, body := n.Request(t, "GET", "/healthz", "")
	var got struct {
		Status, Hostname, Version string
		Uptime                    *float64
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	if response.StatusCode != 200 || got.Status != "ok" || got.Hostname != hostname ||
		got.Version != "1.2.3 (commit abc)" ||
		got.Uptime == nil || *got.Uptime < 0 || *got.Uptime > 3600 {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	if response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", response.Header)
	}
}

func TestWebSocketElsewhereIsDropped(t *testing.T) {
	n := start(t)
	for _, target := range []string{"/", "/chat", "/socket.io?EIO=4&transport=websocket", "/healthz"} {
		conn, err := net.Dial("tcp", n.Address)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(gatewaytest.Patience)); err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn,
			"GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || len(got) != 0 {
			t.Errorf("%s: got %q, %v", target, got, err)
		}
		conn.Close()
	}
}
