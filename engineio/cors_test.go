package engineio

import (
	"strings"
	"testing"
	"time"
)

func TestCORS(t *testing.T) {
	list := &CORS{Origins: []string{"https://a.example", "https://b.example"}, Credentials: true, ExposedHeaders: []string{"X-A", "X-B"},
		AllowedHeaders: []string{"X-In"}, Methods: []string{"GET", "POST"}, MaxAge: 90 * time.Second}
	tests := []struct {
		name   string
		cors   *CORS
		method string
		ask    []string
		status int
		want   map[string]string
	}{
		{"none", nil, "GET", []string{"Origin", "https://a.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": ""}},
		{"none, preflight", nil, "OPTIONS", nil, 400, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"any", &CORS{}, "GET", []string{"Origin", "https://a.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "*", "Vary": ""}},
		{"star", &CORS{Origins: []string{"*"}}, "GET", nil, 200, map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}},
		{"any, preflight", &CORS{}, "OPTIONS", []string{"Origin", "x", "Access-Control-Request-Headers", "content-type,x-foo"}, 204, map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE", "Vary": "Access-Control-Request-Headers",
			"Access-Control-Allow-Headers": "content-type,x-foo", "Access-Control-Max-Age": "", "Access-Control-Allow-Credentials": ""}},
		{"any, preflight without headers", &CORS{}, "OPTIONS", nil, 204, map[string]string{"Access-Control-Allow-Headers": "", "Vary": "Access-Control-Request-Headers"}},
		{"list", list, "GET", []string{"Origin", "https://b.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "https://b.example",
			"Vary": "Origin", "Access-Control-Allow-Credentials": "true", "Access-Control-Expose-Headers": "X-A,X-B", "Access-Control-Allow-Methods": ""}},
		{"list, stranger", list, "GET", []string{"Origin", "https://c.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
		{"list, preflight", list, "OPTIONS", []string{"Origin", "https://a.example", "Access-Control-Request-Headers", "y"}, 204, map[string]string{
			"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "GET,POST", "Access-Control-Allow-Headers": "X-In", "Access-Control-Max-Age": "90"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := start(t, setup{opts: Options{CORS: tt.cors}})
			a, err := h.request(tt.method, "transport=polling", "", tt.ask...)
			if err != nil || a.status != tt.status {
				t.Fatalf("%v %v, want %d", a, err, tt.status)
			}
			for name, want := range tt.want {
				if got := strings.Join(a.header.Values(name), ","); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	h := start(t, setup{opts: Options{CORS: list}})
	c := h.rawUpgrade("GET", "transport=websocket", "Origin", "https://a.example")
	if got := c.answer.Header.Get("Access-Control-Allow-Origin"); got != "https://a.example" {
		t.Errorf("on a WebSocket handshake: %q", got)
	}
	h.openPoll()
}
