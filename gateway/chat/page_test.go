package chat

import (
	"net/http"
	"strings"
	"testing"
)

const (
	helloETag     = `W/"c-Lve95gjOVATpfV8EL5X4nxwjKHE"`
	browserAccept = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
)

// The answers, tags among them, were recorded from the Nest service.
func TestRoutes(t *testing.T) {
	n := start(t)
	tests := []struct {
		method, target string
		headers        []string
		body           string

		status      int
		contentType string
		etag        string
		answer      string
	}{
		{method: "GET", target: "/", status: 200, contentType: "text/html; charset=utf-8", etag: helloETag,
			answer: "Hello World!"},
		{method: "GET", target: "//", status: 200, contentType: "text/html; charset=utf-8", etag: helloETag,
			answer: "Hello World!"},
		{method: "GET", target: "/?a=1", status: 200, contentType: "text/html; charset=utf-8", etag: helloETag,
			answer: "Hello World!"},
		{method: "GET", target: "/", headers: []string{"Accept: */*"}, status: 200,
			contentType: "text/html; charset=utf-8", etag: helloETag, answer: "Hello World!"},
		{method: "HEAD", target: "/", status: 200, contentType: "text/html; charset=utf-8", etag: helloETag},
		{method: "GET", target: "/", headers: []string{"If-None-Match: " + helloETag}, status: 304, etag: helloETag},
		{method: "GET", target: "/", headers: []string{`If-None-Match: "x", "c-Lve95gjOVATpfV8EL5X4nxwjKHE"`},
			status: 304, etag: helloETag},
		{method: "GET", target: "/", headers: []string{`If-None-Match: "x"`}, status: 200,
			contentType: "text/html; charset=utf-8", etag: helloETag, answer: "Hello World!"},
		{method: "GET", target: "/", headers: []string{"If-None-Match: " + helloETag, "Cache-Control: no-cache"},
			status: 200, contentType: "text/html; charset=utf-8", etag: helloETag, answer: "Hello World!"},
		{method: "POST", target: "/", body: "x", status: 404, etag: `W/"40-xjlQSbxP7UaFEVj9G3BfRYLWOV8"`,
			answer: `{"message":"Cannot POST /","error":"Not Found","statusCode":404}`},
		{method: "POST", target: "/", body: "{bad", headers: []string{"Content-Type: application/json"}, status: 404,
			answer: `{"message":"Cannot POST /","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/nope", status: 404, etag: `W/"43-73MzLCH8UXOP2MFLIVT5mijAPmQ"`,
			answer: `{"message":"Cannot GET /nope","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/nope?x=1", status: 404, etag: `W/"47-ytoigcFSM3EzRa5bxlJFvC3AkoM"`,
			answer: `{"message":"Cannot GET /nope?x=1","error":"Not Found","statusCode":404}`},
		{method: "DELETE", target: "/a/b", status: 404, etag: `W/"45-EIe4QdK8MQcyZhOru1RRpUksh9s"`,
			answer: `{"message":"Cannot DELETE /a/b","error":"Not Found","statusCode":404}`},
		{method: "HEAD", target: "/nope", status: 404, etag: `W/"44-HUQlHWMjR8WW6CEqvCsR8/mvejI"`},
		{method: "GET", target: "/socket.io", status: 404, etag: `W/"48-+9sj/hoc1WFhbRq5y9MeU+4H1Pg"`,
			answer: `{"message":"Cannot GET /socket.io","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/socket.io?EIO=4&transport=polling", status: 404,
			etag: `W/"60-6Ru4Gok80XWZtUFpox2KttuABhM"`, answer: `{"message":"Cannot GET ` +
				`/socket.io?EIO=4&transport=polling","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/SOCKET.IO/?EIO=4&transport=polling", status: 404,
			etag: `W/"61-aIbwbH/HRRJXAdwRuftqjo5dbuM"`, answer: `{"message":"Cannot GET ` +
				`/SOCKET.IO/?EIO=4&transport=polling","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/a/../", status: 404,
			answer: `{"message":"Cannot GET /a/../","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "///", status: 404,
			answer: `{"message":"Cannot GET ///","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/%2F", status: 404,
			answer: `{"message":"Cannot GET /%2F","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/x?<b>&\"\\", status: 404,
			answer: `{"message":"Cannot GET /x?<b>&\"\\","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/favicon.ico", status: 404,
			answer: `{"message":"Cannot GET /favicon.ico","error":"Not Found","statusCode":404}`},
		{method: "POST", target: "/chat/app.js", status: 404,
			answer: `{"message":"Cannot POST /chat/app.js","error":"Not Found","statusCode":404}`},
		{method: "GET", target: "/chat/public.go", status: 404,
			answer: `{"message":"Cannot GET /chat/public.go","error":"Not Found","statusCode":404}`},
	}
	for _, test := range tests {
		response, body := n.Request(t, test.method, test.target, test.body, test.headers...)
		what := test.method + " " + test.target + " " + strings.Join(test.headers, ", ")
		if response.StatusCode != test.status || body != test.answer {
			t.Errorf("%s: got %d %q, want %d %q", what, response.StatusCode, body, test.status, test.answer)
		}
		h := response.Header
		if test.status == 404 {
			test.contentType = "application/json; charset=utf-8"
		}
		if got := h.Get("Content-Type"); got != test.contentType {
			t.Errorf("%s: Content-Type %q, want %q", what, got, test.contentType)
		}
		if test.etag != "" && h.Get("ETag") != test.etag {
			t.Errorf("%s: ETag %s, want %s", what, h.Get("ETag"), test.etag)
		}
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: CORS headers missing: %v", what, h)
		}
		if test.method == "HEAD" && response.ContentLength <= 0 {
			t.Errorf("%s: Content-Length %d", what, response.ContentLength)
		}
	}
}

func TestBrowserGetsThePage(t *testing.T) {
	n := start(t)
	response, body := n.Request(t, "GET", "/", "", browserAccept)
	h := response.Header
	if response.StatusCode != 200 || !strings.HasPrefix(body, "<!doctype html>") ||
		h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %.40q %v", response.StatusCode, body, h)
	}
	if h.Get("Vary") != "Accept" || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers: %v", h)
	}
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'", "connect-src 'self' ws://chat.example wss://chat.example;",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy allows too much: %s", policy)
	}
	again, _ := n.Request(t, "GET", "/", "", browserAccept, "If-None-Match: "+h.Get("ETag"))
	if again.StatusCode != 304 {
		t.Errorf("with its ETag: got %d", again.StatusCode)
	}
	plain, body := n.Request(t, "GET", "/", "", "If-None-Match: "+h.Get("ETag"))
	if plain.StatusCode != 200 || body != "Hello World!" {
		t.Errorf("the page's ETag answers for the other document: %d %q", plain.StatusCode, body)
	}
	if plain, _ := n.Request(t, "GET", "/", ""); plain.Header.Get("Vary") != "Accept" {
		t.Errorf("Hello World! lacks Vary: %v", plain.Header)
	}
}

func TestPolicyNamesNoOddHost(t *testing.T) {
	for host, want := range map[string]string{
		"chat.example:3000":           " ws://chat.example:3000 wss://chat.example:3000",
		"[::1]:3000":                  " ws://[::1]:3000 wss://[::1]:3000",
		"":                            "",
		"x; script-src 'unsafe-eval'": "",
		"x,y":                         "",
	} {
		if got := webSocketSources(host); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

func TestPolicyIsWidenedForTheCDNOnlyWithoutBundles(t *testing.T) {
	for fromCDN, want := range map[bool]string{false: "'self'", true: "'self' https://cdn.socket.io"} {
		s, err := newSite(fromCDN)
		if err != nil {
			t.Fatal(err)
		}
		if s.scripts != want {
			t.Errorf("from the CDN %v: scripts from %s, want %s", fromCDN, s.scripts, want)
		}
	}
}

func TestAssets(t *testing.T) {
	n := start(t)
	for target, contentType := range map[string]string{
		"/chat/app.js": "text/javascript; charset=utf-8", "/chat/style.css": "text/css; charset=utf-8",
		"/chat/icon.svg": "image/svg+xml",
	} {
		response, body := n.Request(t, "GET", target, "")
		if response.StatusCode != 200 || body == "" || response.Header.Get("Content-Type") != contentType {
			t.Errorf("%s: got %d, %d bytes, %v", target, response.StatusCode, len(body), response.Header)
		}
		again, _ := n.Request(t, "GET", target, "", "If-None-Match: "+response.Header.Get("ETag"))
		if again.StatusCode != 304 {
			t.Errorf("%s with its ETag: got %d", target, again.StatusCode)
		}
	}
}

func TestClientBundles(t *testing.T) {
	n := start(t)
	response, body := n.Request(t, "GET", "/socket.io/socket.io.min.js", "")
	warned := len(n.Log.Find(t, "no client bundles in this build: the page loads the client from the public CDN")) == 1
	if warned {
		// Then the path belongs to the protocol, which knows no such request.
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("without bundles: got %d %q", response.StatusCode, body)
		}
		return
	}
	if response.StatusCode != 200 || response.Header.Get("ETag") != `"4.8.3"` ||
		!strings.HasPrefix(body, "/*!\n * Socket.IO v4.8.3") {
		t.Errorf("got %d %v %.30q", response.StatusCode, response.Header, body)
	}
}
