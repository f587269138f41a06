package test

// A bare client for the differential sessions. It says what it is told, on any transport, and writes down all that
// comes back.

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

const (
	sessionPatience = 30 * time.Second
	recordSeparator = "\x1e"
)

// A rawSession is an Engine.IO session. Packets are text; a binary one is "b" and base64, as in polling.
type rawSession struct {
	addr, sid string
	ws        *wire.WebSocket // nil while it polls
	waiting   []string        // packets that have come with others
	heard     []string        // all that came, but for pings
}

// openRaw opens a session on a transport.
func openRaw(addr, transport string) (*rawSession, error) {
	s := &rawSession{addr: addr}
	if transport == "websocket" {
		ws, err := wire.DialWebSocket(addr, wire.NewSocket)
		if err != nil {
			return nil, err
		}
		s.ws = ws
	}
	open, err := s.next()
	if err != nil {
		return nil, err
	}
	var greeting struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(open, "0")), &greeting); err != nil || greeting.SID == "" {
		return nil, fmt.Errorf("no open packet: %q", open)
	}
	s.sid = greeting.SID
	return s, nil
}

func (s *rawSession) target() string {
	if s.sid == "" {
		return wire.NewPolling
	}
	return wire.NewPolling + "&sid=" + s.sid
}

// send sends packets together: in one POST, or each in a frame.
func (s *rawSession) send(packets ...string) error {
	if s.ws == nil {
		r, err := wire.Post(s.addr, s.target(), strings.Join(packets, recordSeparator), sessionPatience)
		if err == nil && (r.Code != 200 || string(r.Body) != "ok") {
			err = fmt.Errorf("POST: %s %s", r.Status, r.Body)
		}
		return err
	}
	for _, p := range packets {
		frame := wire.Frame{Opcode: wire.Text, Payload: []byte(p)}
		if data, isBinary := strings.CutPrefix(p, "b"); isBinary {
			bytes, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				return err
			}
			frame = wire.Frame{Opcode: wire.Binary, Payload: bytes}
		}
		if err := s.ws.Send(frame); err != nil {
			return err
		}
	}
	return nil
}

// next returns the next packet that is no ping. An error is the end, which is noted too.
func (s *rawSession) next() (string, error) {
	for {
		for len(s.waiting) == 0 {
			if err := s.read(); err != nil {
				return "", err
			}
		}
		p := s.waiting[0]
		s.waiting = s.waiting[1:]
		if p == "2" {
			if err := s.send("3"); err != nil {
				return "", err
			}
			continue
		}
		s.heard = append(s.heard, normal(p))
		return p, nil
	}
}

// read waits for what comes.
func (s *rawSession) read() error {
	if s.ws == nil {
		r, err := wire.Get(s.addr, s.target(), sessionPatience)
		if err == nil && r.Code != 200 {
			err = fmt.Errorf("GET: %s %s", r.Status, r.Body)
		}
		if err != nil {
			s.heard = append(s.heard, "end")
			return err
		}
		s.waiting = strings.Split(string(r.Body), recordSeparator)
		return nil
	}
	s.ws.SetReadDeadline(time.Now().Add(sessionPatience))
	frame, err := s.ws.ReadFrame()
	switch {
	case err != nil:
	case frame.Opcode == wire.Text:
		s.waiting = []string{string(frame.Payload)}
		return nil
	case frame.Opcode == wire.Binary:
		s.waiting = []string{"b" + base64.StdEncoding.EncodeToString(frame.Payload)}
		return nil
	default:
		err = fmt.Errorf("frame of type %d: %q", frame.Opcode, frame.Payload)
	}
	s.heard = append(s.heard, "end")
	return err
}

// until reads up to a packet that begins with a prefix.
func (s *rawSession) until(prefix string) (string, error) {
	for {
		p, err := s.next()
		if err != nil {
			return "", fmt.Errorf("waiting for %q: %w", prefix, err)
		}
		if strings.HasPrefix(p, prefix) {
			return p, nil
		}
	}
}

// upgrade moves a session that polls to WebSocket, as engine.io-client does. A poll waits meanwhile, and is answered
// with a NOOP packet or with what was on its way.
func (s *rawSession) upgrade() error {
	ws, err := wire.DialWebSocket(s.addr, wire.NewSocket+"&sid="+s.sid)
	if err != nil {
		return err
	}
	probe := &rawSession{addr: s.addr, ws: ws}
	if err := probe.send("2probe"); err != nil {
		return err
	}
	if _, err := probe.until("3probe"); err != nil {
		return err
	}
	// Whatever the last poll brings comes before what WebSocket does. A NOOP is no packet of the session's.
	r, err := wire.Get(s.addr, s.target(), sessionPatience)
	if err != nil || r.Code != 200 {
		return fmt.Errorf("the last poll: %v, %v", r, err)
	}
	for _, p := range strings.Split(string(r.Body), recordSeparator) {
		if p != "6" {
			s.waiting = append(s.waiting, p)
		}
	}
	s.ws = ws
	return s.send("5")
}

func (s *rawSession) close() {
	if s.ws != nil {
		s.ws.Close()
	}
}

// What differs from one run to the next: the ids of sessions, and of acknowledgements that a server asks for, which
// Node.js counts for all clients together.
var (
	sessionIDs = regexp.MustCompile(`"(sid|pid)":"[^"]*"`)
	askedIDs   = regexp.MustCompile(`^4([25](?:\d+-)?)(/[^,]*,)?\d+\[`)
)

func normal(packet string) string {
	packet = sessionIDs.ReplaceAllString(packet, `"$1":"*"`)
	return askedIDs.ReplaceAllString(packet, "4$1$2*[")
}
