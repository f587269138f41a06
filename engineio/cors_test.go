package engineio

import (
	"strings"
	"testing"
	"time"
)

func TestCORS(t *testing.T) {
	const (
		origin      = "Access-Control-Allow-Origin"
		methods     = "Access-Control-Allow-Methods"
		headers     = "Access-Control-Allow-Headers"
		credentials = "Access-Control-Allow-Credentials"
		exposed     = "Access-Control-Expose-Headers"
		maxAge      = "Access-Control-Max-Age"
		asked       = "Access-Control-Request-Headers"
	)
	list := &CORS{
		Origins:        []string{"https://a.example", "https://b.example"},
		Methods:        []string{"GET", "POST"},
		AllowedHeaders: []string{"X-In"},
		ExposedHeaders: []string{"X-A", "X-B"},
		Credentials:    true,
		MaxAge:         90 * time.Second,
	}
	tests := []struct {
		name   string
		cors   *CORS
		method string
		ask    []string
		status int
		want   map[string]string
	}{
		{
			"none", nil, "GET", []string{"Origin", "https://a.example"},
			200, map[string]string{origin: "", "Vary": ""},
		},
		{
			"none, preflight", nil, "OPTIONS", nil,
			400, map[string]string{origin: ""},
		},
		{
			"any", &CORS{}, "GET", []string{"Origin", "https://a.example"},
			200, map[string]string{origin: "*", "Vary": ""},
		},
		{
			"star", &CORS{Origins: []string{"*"}}, "GET", nil,
			200, map[string]string{origin: "*", credentials: ""},
		},
		{
			"any, preflight", &CORS{}, "OPTIONS", []string{"Origin", "x", asked, "content-type,x-foo"},
			204, map[string]string{
				origin: "*", methods: "GET,HEAD,PUT,PATCH,POST,DELETE", headers: "content-type,x-foo", "Vary": asked,
				maxAge: "", credentials: "",
			},
		},
		{
			"any, preflight without headers", &CORS{}, "OPTIONS", nil,
			204, map[string]string{headers: "", "Vary": asked},
		},
		{
			"list", list, "GET", []string{"Origin", "https://b.example"},
			200, map[string]string{
				origin: "https://b.example", "Vary": "Origin", credentials: "true", exposed: "X-A,X-B", methods: "",
			},
		},
		{
			"list, stranger", list, "GET", []string{"Origin", "https://c.example"},
			200, map[string]string{origin: "", "Vary": "Origin"},
		},
		{
			"list, preflight", list, "OPTIONS", []string{"Origin", "https://a.example", asked, "y"},
			204, map[string]string{origin: "https://a.example", methods: "GET,POST", headers: "X-In", maxAge: "90"},
		},
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
