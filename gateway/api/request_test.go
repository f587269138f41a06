package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRoutes(t *testing.T) {
	f := serve(t, nil)
	for _, test := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/", 404, ""}, {"GET", "/v1", 404, ""}, {"GET", "/v1/", 404, ""}, {"GET", "/v2/health", 404, ""},
		{"GET", "/v1/emit", 405, "POST"}, {"DELETE", "/v1/sockets/x", 405, "GET"}, {"PUT", "/v1/join", 405, "POST"},
		{"OPTIONS", "/v1/join", 405, "POST"}, {"POST", "/openapi.json", 405, "GET"}, {"GET", "/openapi.yaml", 404, ""},
		{"GET", "//v1/health", 404, ""}, {"GET", "/v1/../v1/health", 404, ""}, {"GET", "/v1/health/", 404, ""},
		{"GET", "/v1/./health", 404, ""}, {"GET", "/v1/sockets/a%2Fb", 404, ""}, {"GET", "/v1/sockets/", 404, ""},
		{"GET", "/v1/health", 200, ""}, {"GET", "/openapi.json", 200, ""},
		{"GET", "/v1/health?x=1", 422, ""},
	} {
		got := f.call(t, test.method, test.target, "")
		if got.status != test.status || got.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q: %s", test.method, test.target, got.status, got.header.Get("Allow"), got.body)
		}
		if got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be cached", test.method, test.target)
		}
	}
}

// emitHead begins a request.
const emitHead = "POST /v1/emit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token +
	"\r\nContent-Type: application/json\r\n"

// A body that is too large is refused before it is read, whether it says so or not.
func TestHugeBody(t *testing.T) {
	f := serve(t, func(o *Options) { o.MaxBodyBytes = 1000 })
	c := f.join(t, "r")[0]
	body := `{"event":"e","all":true,"args":["` + strings.Repeat("x", 1000) + `"]}`
	f.post(t, "/v1/emit", body, http.StatusRequestEntityTooLarge, nil)
	head := emitHead
	for _, rest := range []string{
		"Content-Length: 1000000000000\r\n\r\n{",
		"Transfer-Encoding: chunked\r\n\r\n400\r\n" + strings.Repeat(" ", 1024) + "\r\n",
	} {
		_, reader := f.raw(t, head+rest)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusRequestEntityTooLarge || !response.Close {
			t.Errorf("%.40q: %s %s", rest, response.Status, text)
		}
	}
	c.ExpectNone("e")
}

// A body that comes byte by byte has its time, and one that ends early is no request.
func TestSlowBody(t *testing.T) {
	f := serve(t, nil)
	f.bodyTime = time.Second
	head := emitHead + "Content-Length: 1000\r\n\r\n{"
	conn, reader := f.raw(t, head)
	began := time.Now()
	go func() {
		for range 100 {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
			time.Sleep(time.Second / 40)
		}
	}()
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusRequestTimeout || !response.Close {
		t.Errorf("%s after %v", response.Status, time.Since(began))
	}
}

// A wait for acknowledgements is not cut by the deadline of the body, and ends where the client leaves.
func TestTheClientLeaves(t *testing.T) {
	f := serve(t, nil)
	f.join(t, "r")
	body := `{"event":"ask","all":true,"timeout":60000}`
	conn, _ := f.raw(t, fmt.Sprintf("POST /v1/emit-with-ack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", token, len(body), body))
	eventually(t, "nothing waits", func() bool { return f.acks.requests.Load() == 1 })
	conn.Close()
	eventually(t, "it still waits", func() bool { return f.acks.requests.Load() == 0 })
}

// There are only so many that wait at once.
func TestManyWaitForAcks(t *testing.T) {
	f := serve(t, nil)
	f.acks.requests.Store(maxAckRequests)
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","all":true}`, http.StatusServiceUnavailable, nil).
		says(t, "/problems/busy")
	if n := f.acks.requests.Load(); n != maxAckRequests {
		t.Errorf("%d are counted", n)
	}
	for range maxAsking {
		f.asking <- struct{}{}
	}
	for _, target := range []string{"/v1/sockets", "/v1/rooms"} {
		f.get(t, target, http.StatusServiceUnavailable, nil).says(t, "/problems/busy")
	}
}

// A fault of ours is a 500 that tells nothing, and the API goes on.
func TestPanic(t *testing.T) {
	f := serve(t, func(o *Options) {
		o.State = func() State { panic("of the test") }
	})
	got := f.get(t, "/v1/health", http.StatusInternalServerError, nil)
	if strings.Contains(string(got.body), "of the test") || !strings.Contains(f.log.String(), "of the test") {
		t.Errorf("%s, and the log: %s", got.body, f.log)
	}
	f.get(t, "/v1/rooms", http.StatusOK, nil)
}

// What is observed has the routes for names, whatever is asked for.
func TestObserved(t *testing.T) {
	seen := make(chan string, 10)
	f := serve(t, func(o *Options) {
		o.OnRequest = func(route string, status int, took time.Duration) {
			if took <= 0 {
				t.Errorf("%s took %v", route, took)
			}
			seen <- fmt.Sprint(route, " ", status)
		}
	})
	f.get(t, "/v1/sockets/nobody", 404, nil)
	f.get(t, "/v1/made-up", 404, nil)
	f.get(t, "/openapi.json", 200, nil)
	f.post(t, "/v1/emit", `{"event":"e","all":true}`, 202, nil)
	f.call(t, "GET", "/v1/health", "", "Authorization: ")
	f.call(t, "POST", "/v1/emit", `{"event":"e","all":true}`, "Idempotency-Key: 1")
	f.call(t, "POST", "/v1/join", `{"all":true,"rooms":["r"]}`, "Idempotency-Key: 2")
	for _, want := range []string{
		"/v1/sockets/{id} 404", " 404", "/openapi.json 200", "/v1/emit 202", " 401", "/v1/emit 202", "/v1/join 202",
	} {
		if got := <-seen; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
