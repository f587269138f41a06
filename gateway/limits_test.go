package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

const shortLimit = 200 * time.Millisecond

// dial opens a connection to the server and sends text.
func dial(t *testing.T, server *httptest.Server, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(gatewaytest.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestTricklingBodyIsCut(t *testing.T) {
	failed := make(chan error, 1)
	server := httptest.NewServer(boundBody(shortLimit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
	})))
	defer server.Close()
	conn := dial(t, server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the handler got %v", err)
	}
	// The connection ends too: nothing but the answer, if that, comes from it.
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection stayed open: %v", err)
	}
}

// The answer to a body that nobody reads waits until net/http has drained it; that must end too.
func TestTricklingBodyThatNobodyReadsIsCut(t *testing.T) {
	server := httptest.NewServer(boundBody(shortLimit, http.NotFoundHandler()))
	defer server.Close()
	conn := dial(t, server, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection stayed open: %v", err)
	}
}

// A handler that is busy past the limit, with a body that arrived in time, keeps its request; so does a request without
// a body, which is what a long poll is.
func TestLimitEndsWithTheBody(t *testing.T) {
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		server := httptest.NewServer(boundBody(shortLimit,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					t.Errorf("%.4s: the body: %v", request, err)
				}
				select {
				case <-r.Context().Done():
					t.Errorf("%.4s: the request was cancelled", request)
				case <-time.After(3 * shortLimit):
				}
				io.WriteString(w, "done")
			})))
		reader := bufio.NewReader(dial(t, server, request+request))
		for range 2 { // the connection is as good as new afterwards
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("%.4s: %v", request, err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != "done" {
				t.Errorf("%.4s: got %q, %v", request, body, err)
			}
			response.Body.Close()
		}
		server.Close()
	}
}
