package engineio_test

// A third transport, plugged in from outside: packets as lines of base64 on TCP. It is what the seam promises, and
// nothing of it is in the package.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// lines is the framing: "t" or "b" for text or binary, base64, a line feed.
type lines struct{}

func (lines) Name() string { return "lines" }

func (lines) AppendPacket(b, packet []byte, binary bool) []byte {
	kind := byte('t')
	if binary {
		kind = 'b'
	}
	return append(base64.StdEncoding.AppendEncode(append(b, kind), packet), '\n')
}

func (lines) NewDecoder(limit int) engineio.Decoder { return &lineDecoder{limit: limit} }

type lineDecoder struct {
	limit int
	line  []byte // the beginning of one
}

func (d *lineDecoder) Decode(b []byte, packet func(data []byte, binary bool) error) error {
	for {
		line, rest, found := bytes.Cut(b, []byte("\n"))
		d.line = append(d.line, line...)
		switch {
		case len(d.line) > 1+base64.StdEncoding.EncodedLen(d.limit):
			return errors.New("line is too long")
		case !found:
			return nil
		case len(d.line) == 0:
			return errors.New("empty line")
		}
		data, err := base64.StdEncoding.AppendDecode(nil, d.line[1:])
		if err == nil {
			err = packet(data, d.line[0] == 'b')
		}
		if err != nil {
			return err
		}
		b, d.line = rest, d.line[:0]
	}
}

// A lineServer is an Engine.IO server that takes lines on one port and HTTP on another.
type lineServer struct {
	*engineio.Server
	t        *testing.T
	http     *httptest.Server
	listener net.Listener
	refused  chan error // of ServeStream

	mu      sync.Mutex
	opened  map[string]*engineio.Session
	reasons chan engineio.Reason
}

func startLines(t *testing.T, opts engineio.Options) *lineServer {
	t.Helper()
	opts.Transports = []string{"polling", "websocket", "lines"}
	s := &lineServer{
		t: t, refused: make(chan error, 16), reasons: make(chan engineio.Reason, 16),
		opened: make(map[string]*engineio.Session),
	}
	s.Server = engineio.NewServer(opts, func(session *engineio.Session) engineio.Handler {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened[session.ID()] = session
		return recordingEcho{echo{session}, s.reasons}
	})
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				r := httptest.NewRequest(http.MethodGet, "/engine.io/?from=test", nil)
				if err := s.ServeStream(conn, lines{}, r); err != nil {
					s.refused <- err
				}
			})
		}
	})
	s.http = httptest.NewServer(s.Server)
	t.Cleanup(func() {
		_ = s.listener.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		serving.Wait()
		s.http.Close()
	})
	return s
}

// session is the one with that id. A client may have its greeting before the program has its session.
func (s *lineServer) session(sid string) (session *engineio.Session) {
	s.t.Helper()
	s.await("session "+sid, func() bool { session = s.opened[sid]; return session != nil })
	return session
}

// await waits until something is so, which is asked with mu held.
func (s *lineServer) await(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		done := is()
		s.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no %s", what)
		}
	}
}

// recordingEcho is echo that tells why its session ended.
type recordingEcho struct {
	echo
	reasons chan<- engineio.Reason
}

func (e recordingEcho) OnClose(reason engineio.Reason) { e.reasons <- reason }

// A lineClient is a client that speaks lines.
type lineClient struct {
	net.Conn
	t    *testing.T
	read *bufio.Reader
}

func (s *lineServer) dial() *lineClient {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &lineClient{conn, s.t, bufio.NewReader(conn)}
}

func (c *lineClient) send(packet string, binary bool) {
	c.t.Helper()
	if _, err := c.Write(lines{}.AppendPacket(nil, []byte(packet), binary)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next packet, with "b" before a binary one.
func (c *lineClient) next() string {
	c.t.Helper()
	line, err := c.read.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(line[1 : len(line)-1])
	if err != nil {
		c.t.Fatal(err)
	}
	if line[0] == 'b' {
		return "b" + string(data)
	}
	return string(data)
}

func (c *lineClient) want(packets ...string) {
	c.t.Helper()
	for _, want := range packets {
		if got := c.next(); got != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (c *lineClient) wantEnd() {
	c.t.Helper()
	if line, err := c.read.ReadString('\n'); err != io.EOF {
		c.t.Fatalf("got %q, %v, want the end", line, err)
	}
}

// open opens a session and returns its id.
func (c *lineClient) open() string {
	c.t.Helper()
	c.send("0", false)
	return sidOf(c.t, c.next())
}

func sidOf(t *testing.T, packet string) string {
	t.Helper()
	var greeting struct {
		SID      string
		Upgrades []string
	}
	body, isOpen := strings.CutPrefix(packet, "0")
	if err := json.Unmarshal([]byte(body), &greeting); err != nil || !isOpen {
		t.Fatalf("no open packet: %q", packet)
	}
	return greeting.SID
}

func (s *lineServer) wantReason(want engineio.Reason) {
	s.t.Helper()
	select {
	case got := <-s.reasons:
		if got != want {
			s.t.Errorf("ended with %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		s.t.Errorf("not ended, want %q", want)
	}
}

func TestAFramingIsATransport(t *testing.T) {
	s := startLines(t, engineio.Options{PingInterval: 200 * time.Millisecond})
	c := s.dial()
	sid := c.open()
	session := s.session(sid)
	if name := session.Transport(); name != "lines" {
		t.Errorf("transport %q", name)
	}
	if from := session.Handshake().URL.Query().Get("from"); from != "test" {
		t.Errorf("handshake from %q", from)
	}
	c.send("4hello", false)
	c.want("4hello")
	c.send("\x00\x01", true)
	c.want("b\x00\x01")
	// A message with attachments stays together.
	session.Send(engineio.NewTextMessage([]byte("two"), [][]byte{[]byte("A"), []byte("B")}, engineio.MessageOptions{}))
	c.want("4two", "bA", "bB")
	c.want("2") // the heartbeat
	c.send("3", false)
	c.want("2")
	session.Close(engineio.ReasonForcedClose)
	c.wantEnd()
	s.wantReason(engineio.ReasonForcedClose)
}

// One message goes to clients of all transports, each in its form.
func TestAFramingSharesMessages(t *testing.T) {
	s := startLines(t, engineio.Options{})
	a, b := s.dial(), s.dial()
	a.open()
	b.open()
	polling := s.poll("")
	s.await("three sessions", func() bool { return len(s.opened) == 3 })
	m := engineio.NewTextMessage([]byte("to all"), [][]byte{[]byte("X")}, engineio.MessageOptions{})
	s.mu.Lock()
	for _, session := range s.opened {
		session.Send(m)
	}
	s.mu.Unlock()
	a.want("4to all", "bX")
	b.want("4to all", "bX")
	if got := s.poll(sidOf(t, polling)); got != "4to all\x1ebWA==" {
		t.Errorf("polled %q", got)
	}
}

func TestAFramingIsUpgradedTo(t *testing.T) {
	s := startLines(t, engineio.Options{})
	greeting := s.poll("")
	if !strings.Contains(greeting, `"upgrades":["websocket","lines"]`) {
		t.Errorf("greeting %q", greeting)
	}
	sid := sidOf(t, greeting)
	c := s.dial()
	c.send(fmt.Sprintf(`0{"sid":%q}`, sid), false)
	c.send("2probe", false)
	c.want("3probe")
	c.send("5", false)
	c.send("4moved", false)
	c.want("4moved")
	if name := s.session(sid).Transport(); name != "lines" {
		t.Errorf("transport %q", name)
	}
	_ = c.Close()
	s.wantReason(engineio.ReasonTransportClose)
}

func TestAFramingRefuses(t *testing.T) {
	allow := func(*http.Request) error { return nil }
	refuse := func(*http.Request) error { return errors.New("go away") }
	for name, c := range map[string]struct {
		allow  func(*http.Request) error
		first  string
		binary bool
		want   string
	}{
		"a first packet that is none":    {allow, "4hello", false, "first packet"},
		"a binary one":                   {allow, "0", true, "first packet"},
		"an upgrade of no session":       {allow, `0{"sid":"none"}`, false, "Session ID unknown"},
		"an upgrade that is no JSON":     {allow, `0{`, false, "first packet"},
		"what the program does not want": {refuse, "0", false, "go away"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startLines(t, engineio.Options{AllowRequest: c.allow})
			client := s.dial()
			client.send(c.first, c.binary)
			if err := <-s.refused; !strings.Contains(err.Error(), c.want) {
				t.Errorf("refused with %v", err)
			}
			_, err := client.read.ReadByte()
			if err == nil {
				t.Error("the connection is still there")
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		s := startLines(t, engineio.Options{UpgradeTimeout: 20 * time.Millisecond})
		client := s.dial()
		<-s.refused
		client.wantEnd()
	})
	t.Run("a transport that is not allowed", func(t *testing.T) {
		srv := engineio.NewServer(engineio.Options{}, nil)
		here, there := net.Pipe()
		defer there.Close()
		if err := srv.ServeStream(here, lines{}, httptest.NewRequest("GET", "/", nil)); err == nil {
			t.Error("served")
		}
	})
	t.Run("its name in a URL", func(t *testing.T) {
		s := startLines(t, engineio.Options{})
		response, err := http.Get(s.http.URL + "/engine.io/?EIO=4&transport=lines")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != 400 || !strings.Contains(string(body), `"code":0`) {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	})
}

func TestAFramingsErrorsEndTheSession(t *testing.T) {
	s := startLines(t, engineio.Options{MaxHTTPBufferSize: 100})
	c := s.dial()
	c.open()
	c.send("4"+strings.Repeat("x", 200), false)
	c.wantEnd()
	s.wantReason(engineio.ReasonTransportError)
}

// What comes in one piece with the first packet counts, for better or worse.
func TestAFramingsFirstPiece(t *testing.T) {
	s := startLines(t, engineio.Options{})
	c := s.dial()
	first := lines{}.AppendPacket(nil, []byte("0"), false)
	if _, err := c.Write(append(lines{}.AppendPacket(first, []byte("4early"), false), '\n')); err != nil {
		t.Fatal(err)
	}
	sidOf(t, c.next())
	c.want("4early")
	c.wantEnd() // over the empty line
	s.wantReason(engineio.ReasonTransportError)
}

func TestAFramingIsDrained(t *testing.T) {
	s := startLines(t, engineio.Options{})
	c := s.dial()
	sid := c.open()
	s.session(sid).Send(engineio.NewTextMessage([]byte("last"), nil, engineio.MessageOptions{}))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(ctx, 0) }()
	c.want("4last")
	c.wantEnd()
	_ = c.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	s.wantReason(engineio.ReasonShutdown)
}

// poll sends a GET, to open a session where sid is empty, and returns the answer.
func (s *lineServer) poll(sid string) string {
	s.t.Helper()
	url := s.http.URL + "/engine.io/?EIO=4&transport=polling"
	if sid != "" {
		url += "&sid=" + sid
	}
	response, err := s.http.Client().Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}
