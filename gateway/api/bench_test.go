package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// What a request costs beside net/http. See bench/api for the whole.
func BenchmarkRequest(b *testing.B) {
	io := socketio.NewServer(socketio.Options{})
	defer io.Shutdown(b.Context())
	tokens, err := NewTokens([]string{token}, "", nil)
	if err != nil {
		b.Fatal(err)
	}
	a := New(Options{IO: io, Tokens: tokens})
	for name, request := range map[string][2]string{
		"emit": {"/v1/emit",
			`{"event":"message","to":["nobody"],"args":[{"nickname":"ana","message":"hello, this is a message"}]}`},
		"join": {"/v1/join", `{"in":["nobody"],"rooms":["room"]}`},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, request[0], strings.NewReader(request[1]))
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				if a.Handler().ServeHTTP(w, r); w.Code != http.StatusAccepted {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}
