package test

// Plays one parity case against one service and records what it answered.

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

const (
	patience    = 10 * time.Second       // for an answer that must come
	pendingFor  = 500 * time.Millisecond // until a poll counts as pending
	settleFor   = 300 * time.Millisecond // of silence, until nothing more is expected
	abortSeenIn = 500 * time.Millisecond // for a server to notice a closed connection
)

// slowly is how many times as long everything is waited for where a machine that is busy may have been too late.
const slowly = 4

// pending is what a poll counts as that is not answered.
const pending = "pending"

// A player holds the state of one conversation.
type player struct {
	addr    string
	pace    time.Duration // how many times as long as usual everything is waited for
	sid     string
	poll    *wire.Conn               // the pending poll, or nil
	sockets map[string]*scriptSocket // by name
	held    []*wire.Conn
}

// play plays the case's steps and returns the conversation as it went.
func play(addr string, c parityCase) (parityCase, error) { return playAt(1, addr, c) }

// playAt is play with all times so many times as long.
func playAt(pace time.Duration, addr string, c parityCase) (parityCase, error) {
	p := &player{addr: addr, pace: pace, sockets: map[string]*scriptSocket{}}
	defer p.close()
	got := parityCase{file: c.file, name: c.name}
	for _, step := range c.steps {
		answers, err := p.step(step.do, step.want)
		if err != nil {
			return got, fmt.Errorf("%s: step %q: %w", c.name, step.do, err)
		}
		got.steps = append(got.steps, parityStep{do: step.do, want: answers})
	}
	return got, nil
}

func (p *player) close() {
	for _, s := range p.sockets {
		s.close()
	}
	if p.poll != nil {
		p.poll.Close()
	}
	for _, c := range p.held {
		c.Close()
	}
}

// step plays one step. want are the answers that the case lists for it.
func (p *player) step(do string, want []string) ([]string, error) {
	verb, rest, _ := strings.Cut(do, " ")
	verb, name, _ := strings.Cut(verb, "@")
	rest = strings.ReplaceAll(rest, "${sid}", p.sid)
	switch verb {
	case "session":
		return nil, p.openSession()
	case "poll":
		if err := p.beginPoll(); err != nil {
			return nil, err
		}
		return p.endPoll(want)
	case "begin":
		err := p.beginPoll()
		time.Sleep(p.pace * settleFor)
		return nil, err
	case "end":
		return p.endPoll(want)
	case "abort":
		p.poll.Close()
		p.poll = nil
		time.Sleep(p.pace * abortSeenIn)
		return nil, nil
	case "wait":
		time.Sleep(p.pace * settleFor)
		return nil, nil
	case "hold":
		return nil, p.hold(rest)
	case "handshake", "websocket", "connected":
		return p.open(verb, name, rest, len(want))
	case "send", "binary", "frame", "ping", "close":
		s := p.sockets[name]
		if s == nil {
			return nil, errors.New("no such WebSocket")
		}
		frame, err := parseFrame(verb, rest)
		if err != nil {
			return nil, err
		}
		// The service may have closed the connection. Then its answer counts, not the failed write.
		_ = s.ws.Send(frame)
		return s.collect(len(want)), nil
	case "settle":
		s := p.sockets[name]
		if s == nil {
			return nil, errors.New("no such WebSocket")
		}
		return s.settle(p.pace * settleFor), nil
	}
	if verb == strings.ToUpper(verb) {
		return p.request(verb + " " + rest)
	}
	return nil, fmt.Errorf("unknown verb %q", verb)
}

func (p *player) openSession() (err error) {
	p.sid, err = wire.OpenSession(p.addr, patience)
	return err
}

func (p *player) beginPoll() error {
	if p.poll != nil {
		return errors.New("a poll is pending")
	}
	c, err := wire.Dial(p.addr)
	if err != nil {
		return err
	}
	p.poll = c
	_, err = c.Write(wire.Request{Method: "GET", Target: wire.NewPolling + "&sid=" + p.sid}.Bytes())
	return err
}

// endPoll waits for the answer to the poll: long where want has one.
func (p *player) endPoll(want []string) ([]string, error) {
	wait := p.pace * pendingFor
	if len(want) > 0 && want[0] != pending {
		wait = patience
	}
	p.poll.SetReadDeadline(time.Now().Add(wait))
	response, err := p.poll.ReadResponse("GET")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return []string{pending}, nil
	}
	p.poll.Close()
	p.poll = nil
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("%d %s", response.Code, showText(string(response.Body)))}, nil
}

func (p *player) hold(rest string) error {
	r, err := parseRequest(rest)
	if err != nil {
		return err
	}
	c, err := wire.Dial(p.addr)
	if err != nil {
		return err
	}
	p.held = append(p.held, c)
	_, err = c.Write(r.Bytes())
	time.Sleep(p.pace * settleFor)
	return err
}

func (p *player) request(rest string) ([]string, error) {
	r, err := parseRequest(rest)
	if err != nil {
		return nil, err
	}
	response, err := wire.Do(p.addr, r, patience)
	if errors.Is(err, wire.ErrNoAnswer) {
		return []string{"no answer"}, nil
	}
	if err != nil {
		return nil, err
	}
	return showResponse(response), nil
}

// open opens a WebSocket.
func (p *player) open(verb, name, rest string, want int) ([]string, error) {
	if rest == "" {
		rest = wire.NewSocket
	}
	r, err := parseRequest("GET " + rest)
	if err != nil {
		return nil, err
	}
	ws, err := wire.DialWebSocket(p.addr, r.Target, r.Headers...)
	if errors.Is(err, wire.ErrRefused) && verb == "handshake" {
		return showResponse(ws.Answer), nil
	}
	if err != nil {
		return nil, err
	}
	s := newScriptSocket(name, ws)
	p.sockets[name] = s
	switch verb {
	case "handshake":
		shown := showResponse(ws.Answer)
		return append(shown, s.collect(want-len(shown))...), nil
	case "connected":
		if err := ws.SendText("40"); err != nil {
			return nil, err
		}
		got := s.collect(2)
		if len(got) != 2 || !strings.HasPrefix(got[0], "0{") || got[1] != `40{"sid":"<SID>"}` {
			return nil, fmt.Errorf("not connected: %q", got)
		}
		return nil, nil
	}
	return s.collect(want), nil
}

var bodyPattern = regexp.MustCompile(`^(\S+) (\S+)(?: (\{.*?\}))?(?: body=(".*"))?$`)

// parseRequest reads `METHOD /path {"Header": "value"} body="text"`.
func parseRequest(text string) (wire.Request, error) {
	m := bodyPattern.FindStringSubmatch(text)
	if m == nil {
		return wire.Request{}, fmt.Errorf("not a request: %q", text)
	}
	r := wire.Request{Method: m[1], Target: m[2]}
	headers := map[string]string{}
	if m[3] != "" {
		if err := json.Unmarshal([]byte(m[3]), &headers); err != nil {
			return r, err
		}
	}
	for name, value := range headers {
		r.Headers = append(r.Headers, wire.Header{Name: name, Value: value})
	}
	if m[4] != "" {
		if err := json.Unmarshal([]byte(m[4]), &r.Body); err != nil {
			return r, err
		}
		r.Body = repeats(r.Body)
		r.HasBody = true
	}
	return r, nil
}

func parseFrame(verb, rest string) (wire.Frame, error) {
	switch verb {
	case "send":
		return wire.Frame{Opcode: wire.Text, Payload: []byte(repeats(rest))}, nil
	case "binary":
		payload, err := hex.DecodeString(rest)
		return wire.Frame{Opcode: wire.Binary, Payload: payload}, err
	case "ping":
		return wire.Frame{Opcode: wire.Ping, Payload: []byte(rest)}, nil
	case "close":
		number, reason, _ := strings.Cut(rest, " ")
		code, err := strconv.ParseUint(number, 10, 16)
		return wire.CloseFrame(uint16(code), reason), err
	}
	var f struct {
		Opcode   wire.Opcode
		Hex      string
		Unmasked bool
		NotFinal bool
		RSV      byte
	}
	if err := json.Unmarshal([]byte(rest), &f); err != nil {
		return wire.Frame{}, err
	}
	payload, err := hex.DecodeString(f.Hex)
	return wire.Frame{Opcode: f.Opcode, Payload: payload, Unmasked: f.Unmasked, NotFinal: f.NotFinal, RSV: f.RSV}, err
}

var (
	repeatPattern = regexp.MustCompile(`\{x\*(\d+)\}`)
	longPattern   = regexp.MustCompile(`x{1000,}`)
	// An id of Node.js has 20 characters; one of the gateway has 30, which name the node too.
	sidPattern = regexp.MustCompile(`"sid":"[A-Za-z0-9_-]{20}(?:[A-Za-z0-9_-]{10})?"`)
)

// repeats writes out {x*N}.
func repeats(text string) string {
	return repeatPattern.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(repeatPattern.FindStringSubmatch(s)[1])
		return strings.Repeat("x", n)
	})
}

// show replaces what differs between two runs by the placeholders of the case files.
func show(text string) string {
	text = longPattern.ReplaceAllStringFunc(text, func(s string) string { return fmt.Sprintf("{x*%d}", len(s)) })
	text = sidPattern.ReplaceAllString(text, `"sid":"<SID>"`)
	if host, err := os.Hostname(); err == nil {
		text = strings.ReplaceAll(text, `"server":"`+host+`"`, `"server":"<HOSTNAME>"`)
	}
	return text
}

// showText returns the text in quotes, as JSON.
func showText(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(show(text))
	return strings.TrimSpace(b.String())
}

// unimportant headers are not compared: the two servers' HTTP libraries differ there, and no client cares.
var unimportant = []string{
	"Date", "Keep-Alive", "X-Powered-By", "Transfer-Encoding", "Content-Length", "Sec-Websocket-Accept",
}

// showResponse returns the status, the sorted headers and the body, without what is not compared.
func showResponse(r *wire.Response) []string {
	shown := []string{r.Status}
	for _, h := range r.Headers {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		if slices.Contains(unimportant, name) || name == "Connection" && strings.EqualFold(h.Value, "keep-alive") {
			continue
		}
		shown = append(shown, name+": "+h.Value)
	}
	slices.Sort(shown[1:])
	body, kind := r.Body, ""
	if r.Get("Content-Encoding") == "gzip" {
		kind = "gzip of "
		if z, err := gzip.NewReader(bytes.NewReader(body)); err != nil {
			kind = "bad gzip: "
		} else if body, err = io.ReadAll(z); err != nil {
			kind = "bad gzip: "
		}
	}
	switch {
	case len(body) > 10000:
		shown = append(shown, fmt.Sprintf("body %s%d bytes, sha256 %x", kind, len(body), sha256.Sum256(body)))
	case len(body) > 0:
		shown = append(shown, "body "+kind+showText(string(body)))
	}
	return shown
}
