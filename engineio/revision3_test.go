package engineio

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

const eio3 = "&EIO=3" // the last EIO of a query counts

// open3 opens a polling session of revision 3, and returns the parameters of its requests.
func (h *host) open3() (params string, p *peer) {
	h.t.Helper()
	a, err := h.request("GET", "transport=polling"+eio3, "")
	if err != nil {
		h.t.Fatal(err)
	}
	_, greeting, _ := strings.Cut(a.body, ":")
	sid := parseGreeting(h.t, greeting).SID
	return "transport=polling&sid=" + sid + eio3, h.peer(sid)
}

func TestRevision3IsRefused(t *testing.T) {
	h := start(t, setup{})
	for _, revision := range []string{"3", "2", "", "4x"} {
		h.want("GET", "transport=polling&EIO="+revision, "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
	}
	if _, err := h.tryDial("transport=websocket" + eio3); err == nil {
		t.Error("a WebSocket is accepted")
	}
}

func TestTheRevisionIsTheSessions(t *testing.T) {
	h := start(t, setup{opts: Options{AllowEIO3: true}})
	old, p := h.open3()
	newer := h.openWS()
	if p.Protocol() != 3 || h.peer(newer.sid).Protocol() != 4 {
		t.Errorf("revisions %d and %d", p.Protocol(), h.peer(newer.sid).Protocol())
	}
	for _, params := range []string{
		strings.TrimSuffix(old, eio3), "transport=polling&sid=" + openPoll(h).sid + eio3,
	} {
		h.want("GET", params, "", 400, `{"code":3,"message":"Bad request"}`)
		h.want("POST", params, "1:2", 400, `{"code":3,"message":"Bad request"}`)
		if _, err := h.tryDial(strings.Replace(params, "polling", "websocket", 1)); err == nil {
			t.Errorf("%s: an upgrade is accepted", params)
		}
	}
}

// TestRevision3RequestsArePlain has the fast listener answer them where old clients are let in, but for JSONP.
func TestRevision3RequestsArePlain(t *testing.T) {
	parser := NewServer(Options{}, nil).plainParser(nil)
	for query, want := range map[string]plainhttp.Verdict{
		"EIO=3&transport=polling": plainhttp.Plain, "transport=polling&sid=x": plainhttp.Plain,
		"EIO=3&transport=polling&b64=1": plainhttp.Plain, "EIO=3&transport=polling&j=0": plainhttp.NotPlain,
		"EIO=4&transport=polling&j=0": plainhttp.Plain,
	} {
		request := []byte("GET /engine.io/?" + query + " HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, verdict := parsePlain(parser, request, true); verdict != want {
			t.Errorf("%s: %v, want %v", query, verdict, want)
		}
		_, verdict := parsePlain(parser, request, false)
		if verdict == plainhttp.Plain && !strings.Contains(query, "EIO=4") {
			t.Errorf("%s is plain where old clients are refused", query)
		}
	}
}

// openPoll opens a polling session of revision 4.
func openPoll(h *host) *wsClient {
	a, err := h.request("GET", "transport=polling", "")
	if err != nil {
		h.t.Fatal(err)
	}
	return &wsClient{sid: parseGreeting(h.t, a.body).SID}
}

// TestRevision3Heartbeat has clients fall silent: while they poll, on a WebSocket, and behind an upgrade, where Node's
// server would wait for ever. One that pings stays.
func TestRevision3Heartbeat(t *testing.T) {
	h := start(t, setup{opts: Options{
		AllowEIO3: true, PingInterval: 200 * time.Millisecond, PingTimeout: 200 * time.Millisecond,
	}})
	began := time.Now()
	_, polling := h.open3()
	upgrade, upgraded := h.open3()
	probe := h.dial(strings.Replace(upgrade, "polling", "websocket", 1))
	probe.send("2probe")
	probe.want(ws.OpText, "3probe")
	probe.send("5")
	silent, talker := h.dial("transport=websocket"+eio3), h.dial("transport=websocket"+eio3)
	var sids []string
	for _, c := range []*wsClient{silent, talker} {
		_, b := c.read()
		sids = append(sids, parseGreeting(t, string(b)).SID)
	}
	for time.Since(began) < 1200*time.Millisecond {
		talker.send("2")
		talker.want(ws.OpText, "3")
		time.Sleep(50 * time.Millisecond)
	}
	for _, p := range []*peer{polling, upgraded, h.peer(sids[0])} {
		p.wantClose(t, ReasonPingTimeout)
	}
	if got := h.peer(sids[1]).closes(); len(got) > 0 {
		t.Errorf("the one that pings is closed: %v", got)
	}
}

// TestRevision3PingsAreBounded posts more pings than pongs may wait.
func TestRevision3PingsAreBounded(t *testing.T) {
	h := start(t, setup{opts: Options{AllowEIO3: true, MaxQueueBytes: 64 << 10}})
	params, p := h.open3()
	h.want("POST", params, strings.Repeat("1:2", 5000), http.StatusOK, "ok")
	p.wantClose(t, ReasonSlowClient)
}

// TestRevision3BodiesAreBounded posts too much, as a text and as bytes.
func TestRevision3BodiesAreBounded(t *testing.T) {
	h := start(t, setup{opts: Options{AllowEIO3: true, MaxHTTPBufferSize: 1000}})
	params, p := h.open3()
	for _, contentType := range []string{"text/plain", binaryContentType} {
		h.want("POST", params, strings.Repeat("1:2", 400), http.StatusRequestEntityTooLarge, "",
			"Content-Type", contentType)
	}
	ten := string(bytes.Repeat([]byte{1, 2, 255, 4, 7}, 10))
	h.want("POST", params, ten, http.StatusOK, "ok", "Content-Type", binaryContentType)
	if got := p.messages(); len(got) != 10 || got[9] != (received{"\x07", true}) {
		t.Errorf("%v", got)
	}
}

// TestRevision3Broadcast has one message go to clients in every form, and looks whether each was made once.
func TestRevision3Broadcast(t *testing.T) {
	h := start(t, setup{opts: Options{AllowEIO3: true}})
	m := NewTextMessage([]byte("51-é"), [][]byte{{1, 2}}, MessageOptions{})
	for range 2 {
		for query, want := range map[string]string{
			eio3: "\x00\x06\xff451-é\x01\x03\xff\x04\x01\x02", "&b64=1" + eio3: "5:451-é6:b4AQI=", "": "451-é\x1ebAQI=",
		} {
			a, err := h.request("GET", "transport=polling"+query, "")
			if err != nil {
				t.Fatal(err)
			}
			sid := parseGreeting(t, a.body[strings.Index(a.body, "0{"):]).SID
			h.peer(sid).Send(m)
			h.want("GET", "transport=polling&sid="+sid+query, "", 200, want)
		}
		for query, want := range map[string][2]string{
			eio3: {"451-é", "\x04\x01\x02"}, "&b64=1" + eio3: {"451-é", "b4AQI="}, "": {"451-é", "\x01\x02"},
			"&b64=1": {"451-é", "bAQI="},
		} {
			c := h.dial("transport=websocket" + query)
			_, b := c.read()
			h.peer(parseGreeting(t, string(b)).SID).Send(m)
			for _, frame := range want {
				if _, b := c.read(); string(b) != frame {
					t.Errorf("%q: %q, want %q", query, b, frame)
				}
			}
		}
	}
	forms := 0
	for p := m.framed.Load(); p != nil; p = p.next.Load() {
		forms++
	}
	if forms != 5 {
		t.Errorf("%d forms have been made, there are 5", forms)
	}
}
