package examples

// The backends of examples/ behind a real gateway, and alone against who pretends to be one.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/backends"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// nestBackend is examples/backend-nest, compiled for the tests.
var nestBackend backends.Nest

func startBackend(t *testing.T, name string) *backends.Backend {
	t.Helper()
	switch name {
	case "backend-go":
		return backends.Go(t, filepath.Join(binaries, name))
	case "backend-python":
		return backends.Python(t)
	default:
		return nestBackend.Start(t)
	}
}

// startGateway starts a gateway in front of a backend and returns its URL.
func startGateway(t *testing.T, b *backends.Backend) string {
	t.Helper()
	addr := freeaddr.Need(t)
	env := append(child.Path(), "HOST=127.0.0.1", "PORT="+addr[strings.LastIndex(addr, ":")+1:], "ADAPTER=memory",
		"DRAIN_DELAY=0", "DRAIN_WINDOW=0")
	p, err := child.Start(append(env, b.Gateway()...), filepath.Join(binaries, "gateway"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.Stop(20 * time.Second) {
			t.Error("SIGTERM does not end the gateway")
		}
		if said := p.Stderr.String() + p.Stdout.String(); t.Failed() || strings.Contains(said, "DATA RACE") {
			t.Errorf("the gateway says:\n%s", said)
		}
	})
	if err := p.Await(time.Minute, func() bool {
		answer, err := wire.Get(addr, "/readyz", time.Second)
		return err == nil && answer.Code == http.StatusOK
	}); err != nil {
		t.Fatal(err)
	}
	return "http://" + addr
}

// TestBackends has each backend behind a gateway, and the real client over each transport.
func TestBackends(t *testing.T) {
	needs.NodeJS(t)
	gateway := filepath.Join(binaries, "gateway")
	if err := child.Build(gateway, "../../cmd/gateway", needs.Race()...); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"backend-go": "examples/backend", "backend-python": "examples/backend", "backend-nest": "clients/chat",
	} {
		t.Run(name, func(t *testing.T) {
			url := startGateway(t, startBackend(t, name))
			for _, transport := range []string{"polling", "websocket", "default"} {
				t.Run(transport, func(t *testing.T) {
					child.RunScript(t, "../js/"+script+".test.mjs", "CLIENT=4.8.3", "TRANSPORT="+transport, "URL="+url)
				})
			}
		})
	}
}

// A made is a request such as the gateway makes, before it is signed.
type made struct {
	headers map[string]string
	body    string
}

func makeRequest(id string) made {
	return made{
		headers: map[string]string{
			"ce-specversion": "1.0", "ce-id": id, "ce-source": "/socket.io/", "ce-type": "socketio.event",
			"ce-event": "registrar", "ce-ack": "false", "ce-socketid": "s", "ce-namespace": "/",
			"ce-time": "2026-01-01T00:00:00.000Z", "ce-user": "Ana", "content-type": "application/json",
		},
		body: `{"args":["room"],"ack":false,"data":{}}`,
	}
}

// signed is the header for a request at a time.
func (m made) signed(secret string, at time.Time) string {
	text := fmt.Sprintln(at.Unix())
	for _, name := range slices.Sorted(maps.Keys(m.headers)) {
		if strings.HasPrefix(name, "ce-") {
			text += name + ":" + m.headers[name] + "\n"
		}
	}
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, text+"content-type:"+m.headers["content-type"]+"\n\n"+m.body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func (m made) send(t *testing.T, url, signature string, more ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range m.headers {
		r.Header.Set(name, value)
	}
	for i := 0; i < len(more); i += 2 {
		r.Header.Add(more[i], more[i+1])
	}
	if signature != "" {
		r.Header.Set("gateway-signature", signature)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// Who is not the gateway, changes what it has said, or says it again, is refused.
func TestBackendsKnowTheGateway(t *testing.T) {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for _, name := range []string{"backend-go", "backend-python", "backend-nest"} {
		t.Run(name, func(t *testing.T) {
			b, ids := startBackend(t, name), 0
			next := func() made { ids++; return makeRequest(fmt.Sprint("id-", ids)) }
			now := time.Now()
			sent := func(m made) string { return m.signed(backends.Secret, now) }

			first := next()
			if status := first.send(t, b.URL, sent(first)); status/100 != 2 {
				t.Fatalf("a signed request gets %d", status)
			}
			if status := first.send(t, b.URL, sent(first)); status != http.StatusConflict {
				t.Errorf("one that comes again gets %d", status)
			}
			if status := first.send(t, b.URL, first.signed(backends.Secret, now.Add(time.Second))); status !=
				http.StatusConflict {
				t.Errorf("one that comes again with another time gets %d", status)
			}
			rotating := next()
			_, current, _ := strings.Cut(sent(rotating), ",")
			both := rotating.signed("the secret before", now) + "," + current
			if status := rotating.send(t, b.URL, both); status/100 != 2 {
				t.Errorf("one with the signatures of two secrets gets %d", status)
			}
			early := next()
			if status := early.send(t, b.URL, early.signed(backends.Secret, now.Add(-4*time.Minute))); status/100 != 2 {
				t.Errorf("one of four minutes ago gets %d", status)
			}

			forged := map[string]func(m *made) (signature string, more []string){
				"not signed":        func(*made) (string, []string) { return "", nil },
				"of another secret": func(m *made) (string, []string) { return m.signed("another secret..", now), nil },
				"of no secret":      func(m *made) (string, []string) { return m.signed("", now), nil },
				"too old": func(m *made) (string, []string) {
					return m.signed(backends.Secret, now.Add(-6*time.Minute)), nil
				},
				"of the future": func(m *made) (string, []string) {
					return m.signed(backends.Secret, now.Add(6*time.Minute)), nil
				},
				"with another time": func(m *made) (string, []string) {
					_, signature, _ := strings.Cut(sent(*m), ",")
					return fmt.Sprintf("t=%d,%s", now.Unix()+1, signature), nil
				},
				"without a time": func(m *made) (string, []string) {
					return strings.TrimPrefix(sent(*m), "t="), nil
				},
				"without signature": func(*made) (string, []string) { return fmt.Sprintf("t=%d,v1=", now.Unix()), nil },
				"with half of one":  func(m *made) (string, []string) { s := sent(*m); return s[:len(s)-32], nil },
				"with a strange one": func(*made) (string, []string) {
					return fmt.Sprintf("t=%d,v1=\xe9\xfftr\xe4nge", now.Unix()), nil
				},
				"with a huge time": func(*made) (string, []string) {
					return "t=" + strings.Repeat("9", 4000) + ",v1=00", nil
				},
				"with another body": func(m *made) (string, []string) {
					s := sent(*m)
					m.body = `{"args":["other"],"ack":false,"data":{}}`
					return s, nil
				},
				"for another user": func(m *made) (string, []string) {
					s := sent(*m)
					m.headers["ce-user"] = "Bia"
					return s, nil
				},
				"with a second user": func(m *made) (string, []string) {
					return sent(*m), []string{"ce-user", "Bia"}
				},
				"with one more attribute": func(m *made) (string, []string) {
					return sent(*m), []string{"ce-zebra", "1"}
				},
				"of another type": func(m *made) (string, []string) {
					s := sent(*m)
					m.headers["content-type"] = "application/octet-stream"
					return s, nil
				},
			}
			for how, forge := range forged {
				m := next()
				signature, more := forge(&m)
				if status := m.send(t, b.URL, signature, more...); status != http.StatusUnauthorized {
					t.Errorf("one %s gets %d", how, status)
				}
			}
		})
	}
}
