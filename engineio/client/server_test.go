package client

// What a session does with a server that keeps to the protocol: the scenarios of engine.io-client's own tests, against
// Node.js' server and ours.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// ways are how a session may carry messages.
var ways = []struct {
	name string
	opts Options
}{
	{"polling", Options{Transports: []string{Polling}}},
	{"websocket", Options{Transports: []string{WebSocket}}},
	{"upgrade", Options{}},
	{"polling in base64", Options{Transports: []string{Polling}, ForceBase64: true}},
	{"websocket in base64", Options{Transports: []string{WebSocket}, ForceBase64: true}},
	{"websocket, compressed", Options{
		Transports: []string{WebSocket}, PerMessageDeflate: &PerMessageDeflate{Threshold: 1},
	}},
}

func TestMessagesComeBack(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, way := range ways {
			for _, d := range []*Dialer{nil, new(Dialer)} {
				t.Run(fmt.Sprintf("%s/shared=%v", way.name, d != nil), func(t *testing.T) {
					p, err := dialBy(t, d, url, way.opts)
					if err != nil {
						t.Fatal(err)
					}
					p.want("hi")
					p.text("hello", "", "cash money €€€", "\U0001f600 \ufeff", "give utf8", "give binary")
					p.want("hello", "", "cash money €€€", "\U0001f600 \ufeff",
						"пойду спать всем спокойной ночи", "<0001020304>")
				})
			}
		}
	})
}

func TestBinaryMessagesComeBackInOrder(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, way := range ways {
			t.Run(way.name, func(t *testing.T) {
				p := mustDial(t, url, way.opts)
				p.want("hi")
				for i := range byte(5) {
					if err := p.Send(Message{Data: []byte{i}, Binary: true}); err != nil {
						t.Fatal(err)
					}
					if err := p.Send(Message{Data: []byte("text"), Attachments: [][]byte{{i, i}, {}}}); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 5 {
					p.want(fmt.Sprintf("<%02x>", i), "text", fmt.Sprintf("<%02x%02x>", i, i), "<>")
				}
			})
		}
	})
}

func TestAnUpgradeLosesNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for range 10 {
			p := mustDial(t, url, Options{})
			p.want("hi")
			sent := 0
			for upgraded := false; !upgraded; sent++ {
				select {
				case err := <-p.upgraded:
					if err != nil {
						t.Fatal(err)
					}
					upgraded = true
				default:
				}
				p.text(fmt.Sprint(sent))
				if sent%16 == 15 {
					time.Sleep(time.Millisecond)
				}
			}
			for range 50 {
				p.text(fmt.Sprint(sent))
				sent++
			}
			if p.Transport() != WebSocket {
				t.Fatalf("the transport is %q", p.Transport())
			}
			for i := range sent {
				p.want(fmt.Sprint(i))
			}
			p.stop()
		}
	})
}

func TestTheHeartbeatKeepsASession(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, way := range ways[:3] {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				pings := make(chan struct{}, 100)
				opts := way.opts
				opts.OnPing = func(*Session) { pings <- struct{}{} }
				p := mustDial(t, url, opts)
				for range 3 {
					receive(t, "a ping", pings)
				}
				p.text("still here")
				p.want("hi", "still here")
			})
		}
	})
}

// TestPostsKeepToMaxPayload: the servers take 100 bytes at once.
func TestPostsKeepToMaxPayload(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		p := mustDial(t, url, Options{Transports: []string{Polling}})
		p.want("hi")
		p.text("first") // goes alone, and what follows meets a POST under way
		texts := []string{strings.Repeat("a", 50), strings.Repeat("b", 40), strings.Repeat("c", 60),
			strings.Repeat("d", 60)}
		p.text(texts...)
		if err := p.Send(Message{Data: bytes.Repeat([]byte{7}, 70), Binary: true}); err != nil { // 97 in base64
			t.Fatal(err)
		}
		p.want("first")
		p.want(texts...)
		if got := p.next(); len(got) != 142 {
			t.Errorf("the binary message comes back as %q", got)
		}
		p.text("give posts")
		if got := p.next(); got < "5" || got > "7" {
			t.Errorf("%s POSTs, want 5 to 7", got)
		}
	})
}

func TestATooLongMessageEndsTheSession(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for name, want := range map[string]Reason{Polling: ReasonTransportError, WebSocket: ReasonTransportClose} {
			t.Run(name, func(t *testing.T) {
				p := mustDial(t, url, Options{Transports: []string{name}})
				p.want("hi")
				p.text(strings.Repeat("x", 200))
				err := p.wantEnd(want)
				var refused *ServerError
				if name == Polling && (!errors.As(err, &refused) ||
					refused.Status != http.StatusRequestEntityTooLarge) {
					t.Errorf("the error is %v, want status 413", err)
				}
			})
		}
	})
}

func TestAnUnknownSessionIsRefused(t *testing.T) {
	eachServer(t, func(t *testing.T, at string) {
		for _, name := range []string{Polling, WebSocket} {
			_, err := tryDial(t, at, Options{Transports: []string{name}, Query: url.Values{"sid": {"none"}}})
			var refused *ServerError
			if !errors.As(err, &refused) || refused.Status != 400 || name == Polling && refused.Code != 1 ||
				refused.Message != "Session ID unknown" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestARefusalIsAnError(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for name, want := range map[string]ServerError{
			Polling: {Status: 403, Code: 4, Message: "Forbidden"}, WebSocket: {Status: 400, Code: -1,
				Message: "Forbidden"},
		} {
			_, err := tryDial(t, url+"/?deny=1", Options{Transports: []string{name}})
			var refused *ServerError
			if !errors.As(err, &refused) || *refused != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAServerThatClosesIsTransportClose(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, way := range ways[:3] {
			t.Run(way.name, func(t *testing.T) {
				p := mustDial(t, url, way.opts)
				p.want("hi")
				if len(way.opts.Transports) == 0 {
					receive(t, "the upgrade", p.upgraded)
				}
				p.text("close")
				p.wantEnd(ReasonTransportClose)
				if err := p.Send(Message{Data: []byte("late")}); !errors.Is(err, ErrClosed) {
					t.Errorf("sending behind the end: %v", err)
				}
			})
		}
	})
}

// TestCloseSendsWhatIsQueued: also while the session is upgrading, which Close waits for.
func TestCloseSendsWhatIsQueued(t *testing.T) {
	for _, way := range ways[:3] {
		t.Run(way.name, func(t *testing.T) {
			got := newCollector(t)
			for i := range 20 {
				p := mustDial(t, got.url, way.opts)
				time.Sleep(time.Duration(i) * 200 * time.Microsecond) // somewhere in the upgrade
				p.text("one", "two")
				p.Close()
				if err := p.Send(Message{Data: []byte("three")}); !errors.Is(err, ErrClosed) {
					t.Errorf("sending behind Close: %v", err)
				}
				p.wantEnd(ReasonForcedClose)
				if said := receive(t, "the server has heard of the end", got.said); !slices.Equal(said,
					[]string{"one", "two"}) {
					t.Fatalf("round %d: the server has got %q", i, said)
				}
			}
		})
	}
}

func TestTransportsAreTriedInTurn(t *testing.T) {
	closed := refusing(t, "/polling-only/")
	for _, tc := range []struct {
		name       string
		transports []string
		all        bool
		want       string
	}{
		{"the first works", []string{Polling, WebSocket}, true, Polling},
		{"the second works", []string{WebSocket, Polling}, true, Polling},
		{"only the first is tried", []string{WebSocket, Polling}, false, ""},
	} {
		p, err := tryDial(t, closed, Options{Transports: tc.transports, TryAllTransports: tc.all})
		if err != nil != (tc.want == "") || err == nil && p.Transport() != tc.want {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := tryDial(t, closed, Options{Transports: []string{"pigeon"}}); err == nil {
		t.Error("a transport that does not exist is no error")
	}
}

func TestTheOptionsAreNotChanged(t *testing.T) {
	transports := []string{WebSocket, Polling}
	query := url.Values{"a": {"b"}}
	header := http.Header{"X-Agent": {"one"}}
	p := mustDial(t, ourServer(t), Options{Transports: transports, Query: query, Header: header})
	p.want("hi")
	if !slices.Equal(transports, []string{WebSocket, Polling}) || len(query) != 1 || len(header) != 1 {
		t.Errorf("they are %v, %v and %v", transports, query, header)
	}
}

func TestHeaderAndQueryGoWithRequests(t *testing.T) {
	eachServer(t, func(t *testing.T, at string) {
		for _, way := range ways[:2] {
			opts := way.opts
			opts.Header = http.Header{"X-Agent": {"Umbrella"}}
			opts.Query = url.Values{"say": {"a b&c=d"}}
			p := mustDial(t, at+"?more=1", opts)
			p.want("hi")
			p.text("give headers")
			if got := strings.ToLower(p.next()); !strings.Contains(got, `"x-agent":"umbrella"`) {
				t.Errorf("%s: the header is %s", way.name, got)
			}
			p.text("give query")
			got, err := url.Parse(p.next())
			if err != nil || got.Query().Get("say") != "a b&c=d" || got.Query().Get("more") != "1" ||
				got.Query().Get("EIO") != "4" || got.Query().Get("transport") != way.name {
				t.Errorf("%s: the URL is %v (%v)", way.name, got, err)
			}
		}
	})
}

func TestAJarKeepsCookies(t *testing.T) {
	eachServer(t, func(t *testing.T, at string) {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, way := range ways[:2] {
			opts := way.opts
			opts.Jar = jar
			mustDial(t, at, opts).want("hi")
			u, _ := url.Parse(at + "/engine.io/")
			var names []string
			for _, c := range jar.Cookies(u) {
				names = append(names, c.Name+"="+c.Value)
			}
			slices.Sort(names)
			if !slices.Equal(names, []string{"a=1", "b=2"}) && way.name == Polling { // Node.js sets one on WebSocket
				t.Errorf("%s: the jar has %v", way.name, names)
			}
		}
		for _, way := range ways[:2] {
			opts := way.opts
			opts.Jar = jar
			p := mustDial(t, at, opts)
			p.want("hi")
			p.text("give headers")
			if got := p.next(); !strings.Contains(got, "b=2") {
				t.Errorf("%s: the cookies do not go back: %s", way.name, got)
			}
			p = mustDial(t, at, way.opts)
			p.want("hi")
			p.text("give headers")
			if got := strings.ToLower(p.next()); strings.Contains(got, "cookie") {
				t.Errorf("%s: without a jar cookies go back: %s", way.name, got)
			}
		}
	})
}

func TestFlushWaitsUntilAllIsWritten(t *testing.T) {
	for _, way := range ways[:2] {
		p := mustDial(t, ourServer(t), way.opts)
		for i := range 50 {
			p.text(fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Flush(ctx); err != nil || !p.Writable() {
			t.Errorf("%s: %v, writable: %v", way.name, err, p.Writable())
		}
	}
}

func TestPauseIsFeltAndTheHeartbeatGoesOn(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, way := range ways[:2] {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				p, err := dialBy(t, new(Dialer), url, way.opts)
				if err != nil {
					t.Fatal(err)
				}
				p.want("hi")
				p.Pause()
				p.text("while paused")
				time.Sleep(1500 * time.Millisecond) // five intervals of the server's pings
				select {
				case got := <-p.messages:
					if way.name == WebSocket { // a poll under way still brings what comes
						t.Errorf("%q comes while paused", got)
					}
					p.messages <- got
				case e := <-p.ended:
					t.Fatalf("ended: %v", e)
				default:
				}
				p.Resume()
				p.want("while paused")
				p.text("and on")
				p.want("and on")
			})
		}
	})
}
