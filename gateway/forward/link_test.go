package forward

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// sessionsOf are the sessions of a node's links: to others, and of others.
func (m *member) sessionsOf() (own, carried []*mux.Session) {
	m.Node.mu.Lock()
	defer m.Node.mu.Unlock()
	for _, l := range m.links {
		select {
		case <-l.ready:
			own = append(own, l.session)
		default:
		}
	}
	for s := range m.carried {
		carried = append(carried, s)
	}
	return own, carried
}

// All tunnels to an owner share one connection: a quiet one has no goroutine at either node, and no descriptor but its
// client's.
func TestTunnelsShareAConnection(t *testing.T) {
	_, m := newCluster(t, 2)
	dialThrough(t, m[0], m[1])
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	settled := func() {
		m[0].transport.CloseIdleConnections()
		m[1].transport.CloseIdleConnections()
	}
	settled()
	const n = 50
	goroutines, descriptors := runtime.NumGoroutine(), files()
	for range n {
		ws := dialThrough(t, m[0], m[1])
		ws.SendText("4hello")
		expectText(t, ws, "4hello")
	}
	own, carried := m[0].sessionsOf()
	_, theirs := m[1].sessionsOf()
	if len(own) != 1 || len(carried) != 0 || len(theirs) != 1 || own[0].Streams() != n+1 {
		t.Errorf("links: %d own, %d of others, %d at the owner; %d streams", len(own), len(carried), len(theirs),
			own[0].Streams())
	}
	if s := m[0].Stats(); s.Tunnels != n+1 || s.Answered != n+1 || m[1].Stats().Received != n+1 {
		t.Errorf("%+v, %+v", s, m[1].Stats())
	}
	if runtime.GOOS != "linux" {
		return
	}
	until(t, "quiet tunnels have no goroutine", func() bool {
		settled()
		return runtime.NumGoroutine() <= goroutines+n/5 // some of net/http's may be about to end
	})
	until(t, "nor a descriptor but the client's", func() bool { return files() <= descriptors+2*n+n/5 })
}

// A link that breaks ends what it carries, and the next client has a new one made. The sessions at the owner end, too.
func TestABrokenLink(t *testing.T) {
	_, m := newCluster(t, 2)
	var all []*wire.WebSocket
	for range 20 {
		ws := dialThrough(t, m[0], m[1])
		ws.SendText("4hello") // so that it has left polling when the answer comes
		expectText(t, ws, "4hello")
		all = append(all, ws)
	}
	own, _ := m[0].sessionsOf()
	own[0].Close()
	for _, ws := range all {
		ws.SetReadDeadline(time.Now().Add(patience))
		if _, err := ws.ReadFrame(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v; want the end", err)
		}
	}
	until(t, "nothing is left", func() bool {
		return m[1].engine.Sessions() == 0 && m[0].Stats().Tunnels == 0
	})
	ws := dialThrough(t, m[0], m[1])
	ws.SendText("4hello")
	expectText(t, ws, "4hello")
	if s := m[0].Stats(); s.Failed != 0 || s.Nodes != 1 {
		t.Errorf("%+v", s)
	}
}

// A client that takes nothing keeps no other client of the same link waiting.
func TestASlowClientBesideOthers(t *testing.T) {
	_, m := newCluster(t, 2)
	slow := dialThrough(t, m[0], m[1])
	text := "4" + strings.Repeat("x", 500_000)
	go func() {
		for slow.SendText(text) == nil { // each comes back, and is not read
		}
	}()
	until(t, "its window is shut", func() bool {
		_, carried := m[1].sessionsOf()
		return len(carried) == 1 && m[1].heard.Load() > 0
	})
	for range 20 {
		ws := dialThrough(t, m[0], m[1])
		ws.SendText(text)
		expectText(t, ws, text)
	}
}

// Who has no key makes no link. Its request is answered like any other.
func TestALinkTakesTheKey(t *testing.T) {
	_, m := newCluster(t, 1)
	for _, marks := range [][]wire.Header{
		nil, {{Name: ForwardedHeader, Value: "x"}}, {{Name: ForwardedHeader, Value: m[0].key + "x"}},
		{{Name: ForwardedHeader, Value: m[0].key}, {Name: ForwardedHeader, Value: m[0].key}},
		{{Name: ForwardedHeader, Value: m[0].key + " 198.51.100.1:1"}},
	} {
		got := m[0].request(t, "GET", "/socket.io/", "", append(marks,
			wire.Header{Name: "Connection", Value: "Upgrade"}, wire.Header{Name: "Upgrade", Value: muxProtocol})...)
		if got.Code == http.StatusSwitchingProtocols {
			t.Errorf("%v: %d", marks, got.Code)
		}
	}
	if _, carried := m[0].sessionsOf(); len(carried) > 0 {
		t.Errorf("%d links", len(carried))
	}
}

// A node of the version before this one forwards each client on a connection of its own.
func TestAConnectionOfItsOwn(t *testing.T) {
	_, m := newCluster(t, 1)
	c, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request := wire.UpgradeRequest(target("websocket", m[0].open(t)))
	request.Headers = append(request.Headers, wire.Header{Name: ForwardedHeader, Value: m[0].key + " 198.51.100.1:1"})
	if _, err := c.Write(request.Bytes()); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	answer, err := c.ReadResponse("GET")
	if err != nil || answer.Code != 101 || answer.Get(nodeHeader) != m[0].tag {
		t.Fatalf("%+v %v", answer, err)
	}
	ws := &wire.WebSocket{Conn: c, Answer: answer}
	ws.SendText("2probe")
	expectText(t, ws, "3probe")
	if seen := m[0].last(t); seen.RemoteAddr != "198.51.100.1:1" || m[0].Stats().Received != 1 {
		t.Errorf("it comes from %s; %+v", seen.RemoteAddr, m[0].Stats())
	}
}

// An owner of the version before this one answers the question, and makes no link of it: its clients go on polling.
func TestAnOwnerWithoutLinks(t *testing.T) {
	r, m := newCluster(t, 1)
	i := newImpostor(t, r)
	var asked atomic.Int64
	go func() {
		for c := range i.conns {
			asked.Add(1)
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				io.WriteString(c, "HTTP/1.1 204 No Content\r\nX-Gateway-Node: "+i.tag+"\r\n\r\n")
			}
			c.Close()
		}
	}()
	for range 3 {
		refused, err := wire.DialWebSocket(m[0].addr, target("websocket", i.session()))
		if refused == nil || refused.Answer.Code != 400 {
			t.Errorf("%+v %v", refused, err)
		}
	}
	if s := m[0].Stats(); s.Nodes != 1 || s.Failed != 3 || asked.Load() != 3 {
		t.Errorf("%+v, asked %d times", s, asked.Load())
	}
}

// Links lead through TLS where the nodes have it.
func TestLinksWithTLS(t *testing.T) {
	certificate, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	owner := join(t, new(memoryRegistry).shared())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := &http.Server{Handler: owner.server.Config.Handler}
	go secure.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*certificate}}))
	defer secure.Close()
	registry := new(memoryRegistry).shared()
	record := Record{
		Address: l.Addr().String(), Key: owner.key, Host: "owner", Certificate: fingerprint(certificate.Certificate[0]),
	}
	if _, err := registry.Exchange(t.Context(), owner.tag, &record); err != nil {
		t.Fatal(err)
	}
	through := join(t, registry)
	through.await(t, 1)
	sid := owner.open(t)
	ws, err := wire.DialWebSocket(through.addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	ws.SendText("2probe")
	expectText(t, ws, "3probe")
	ws.SendText("5")
	text := "4" + strings.Repeat("x", 900_000)
	go ws.SendText(text)
	expectText(t, ws, text)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_ = through.Close(ctx)
}
