package webtransport

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestASessionOnWebTransport(t *testing.T) {
	n := start(t, engineio.Options{}, Options{})
	c, session := n.open()
	if name := session.Transport(); name != Name {
		t.Errorf("transport %q", name)
	}
	h := session.Handshake()
	if h.URL.Query().Get("from") != "test" || !strings.HasPrefix(h.RemoteAddr, "127.0.0.1:") {
		t.Errorf("handshake from %s, %s", h.URL, h.RemoteAddr)
	}
	c.send("4hello", false)
	c.want("4hello")
	c.send("\x00\x01", true)
	c.want("b\x00\x01")
	session.Send(engineio.NewTextMessage([]byte("two"), [][]byte{[]byte("A"), []byte("B")}, engineio.MessageOptions{}))
	c.want("4two", "bA", "bB")
	_ = c.session.CloseWithError(0, "")
	n.wantReason(engineio.ReasonTransportClose)
}

func TestLargeMessages(t *testing.T) {
	n := start(t, engineio.Options{}, Options{})
	c, _ := n.open()
	big := strings.Repeat("x", 900_000)
	for range 3 {
		c.send("4"+big, false)
		c.want("4" + big)
		c.send(big, true)
		c.want("b" + big)
	}
	c.send(strings.Repeat("x", 1_000_001), true)
	c.wantEnd()
	n.wantReason(engineio.ReasonTransportError)
}

func TestAnUpgradeToWebTransport(t *testing.T) {
	n := start(t, engineio.Options{}, Options{})
	greeting := n.poll("")
	if !strings.Contains(greeting, `"upgrades":["websocket","webtransport"]`) {
		t.Errorf("greeting %q", greeting)
	}
	sid, session := sidOf(t, greeting), <-n.opened
	session.Send(engineio.NewTextMessage([]byte("early"), nil, engineio.MessageOptions{}))
	if got := n.poll(sid); got != "4early" {
		t.Errorf("polled %q", got)
	}
	c := n.connect()
	c.send(`0{"sid":"`+sid+`"}`, false)
	c.send("2probe", false)
	c.want("3probe")
	c.send("5", false)
	c.send("4moved", false)
	c.want("4moved")
	if name := session.Transport(); name != Name {
		t.Errorf("transport %q", name)
	}
}

func TestTheHeartbeat(t *testing.T) {
	n := start(t, engineio.Options{PingInterval: 50 * time.Millisecond, PingTimeout: 500 * time.Millisecond}, Options{})
	c, _ := n.open()
	for range 3 {
		c.want("2")
		c.send("3", false)
	}
	n.wantReason(engineio.ReasonPingTimeout)
	c.wantEnd()
}

// What was sent before the end arrives, and then the session is closed: the end of a stream says nothing to Node.js'
// client.
func TestTheServerEndsIt(t *testing.T) {
	for name, end := range map[string]func(*node, *engineio.Session) error{
		"Close": func(_ *node, s *engineio.Session) error { s.Close(engineio.ReasonForcedClose); return nil },
		"Drain": func(n *node, _ *engineio.Session) error { return n.Drain(n.t.Context(), 0) },
		"Shutdown": func(n *node, _ *engineio.Session) error {
			return n.Shutdown(n.t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, engineio.Options{}, Options{})
			c, session := n.open()
			last := strings.Repeat("z", 200_000)
			session.Send(engineio.NewTextMessage([]byte(last), nil, engineio.MessageOptions{}))
			ended := make(chan error, 1)
			go func() { ended <- end(n, session) }()
			c.want("4" + last)
			c.wantEnd()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestClientsThatAreRefused(t *testing.T) {
	say := func(packet string, binary bool) func(*client) {
		return func(c *client) { c.send(packet, binary) }
	}
	for name, c := range map[string]struct {
		opts engineio.Options
		do   func(*client)
	}{
		"a first packet that is none": {do: say("4hello", false)},
		"a binary one":                {do: say("0", true)},
		"an empty one":                {do: say("", false)},
		"noise":                       {do: func(c *client) { _, _ = c.stream.Write([]byte{1, 2, 3}) }},
		"an upgrade of no session":    {do: say(`0{"sid":"11111111111111111111"}`, false)},
		"an upgrade of __proto__":     {do: say(`0{"sid":"__proto__"}`, false)},
		"silence":                     {opts: engineio.Options{UpgradeTimeout: 50 * time.Millisecond}},
		"what the program refuses": {
			opts: engineio.Options{AllowRequest: func(*http.Request) error { return errors.New("go away") }},
		},
		"a transport that is not allowed": {opts: engineio.Options{Transports: []string{"polling"}}},
		"too many sessions":               {opts: engineio.Options{MaxSessions: 1}, do: say("0", false)},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, c.opts, Options{})
			if c.opts.MaxSessions == 1 {
				n.poll("")
				<-n.opened
			}
			client := n.connect()
			if c.do != nil {
				c.do(client)
			}
			client.wantEnd()
			select {
			case <-n.opened:
				t.Error("a session was opened")
			default:
			}
		})
	}
	t.Run("a page of another origin", func(t *testing.T) {
		n := start(t, engineio.Options{CORS: &engineio.CORS{Origins: []string{"https://ours.example"}}}, Options{})
		c, _, err := n.dial("/engine.io/", http.Header{"Origin": {"https://theirs.example"}})
		if err == nil {
			c.wantEnd()
		}
	})
	t.Run("another path", func(t *testing.T) {
		n := start(t, engineio.Options{}, Options{})
		_, response, err := n.dial("/elsewhere/", nil)
		if err == nil || response.StatusCode != http.StatusNotFound {
			t.Errorf("%v, %v", response, err)
		}
	})
}

// "A client MUST NOT open more than one WebTransport stream per session. Should it happen, the server MUST close the
// WebTransport session" (Engine.IO protocol, "Transports").
func TestASecondStreamEndsTheSession(t *testing.T) {
	n := start(t, engineio.Options{}, Options{})
	c, _ := n.open()
	second, err := c.session.OpenStreamSync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Write([]byte("\x010")); err != nil {
		t.Fatal(err)
	}
	c.wantEnd()
	n.wantReason(engineio.ReasonTransportClose)
}

func TestASilentReaderIsCut(t *testing.T) {
	n := start(t, engineio.Options{WriteTimeout: 300 * time.Millisecond}, Options{})
	c, session := n.open()
	for range 20 {
		session.Send(engineio.NewBinaryMessage(bytes.Repeat([]byte("x"), 100_000), engineio.MessageOptions{}))
	}
	n.wantReason(engineio.ReasonSlowClient)
	c.wantEnd()
}

func TestConnectionsAreBounded(t *testing.T) {
	n := start(t, engineio.Options{}, Options{MaxConnections: 2, MaxConnectionsPerAddress: 2})
	first, _ := n.open()
	n.open()
	// Before the handshake is over only QUIC's own codes can be said (RFC 9000, section 10.2.3).
	var refused *quic.TransportError
	if _, _, err := n.dial("/engine.io/", nil); !errors.As(err, &refused) || !refused.Remote {
		t.Errorf("a third connection: %v", err)
	}
	// One ends its session, and keeps its connection. Another takes its place.
	_ = first.session.CloseWithError(0, "")
	n.wantReason(engineio.ReasonTransportClose)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if _, _, err := n.dial("/engine.io/", nil); err == nil {
			return
		}
	}
	t.Error("the place of the one that left is not given to another")
}

// Every connection shows that its address is its own where none is taken on trust.
func TestAddressesAreVerified(t *testing.T) {
	n := start(t, engineio.Options{}, Options{HandshakeRate: -1})
	c, _ := n.open()
	c.send("4hello", false)
	c.want("4hello")
}
