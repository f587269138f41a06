package backend

// What the backend is told: the attributes and the data of a CloudEvent.

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// maxEventBytes is how long an event's name may be, because it is a header.
const maxEventBytes = 256

// A kind is what a message tells of.
type kind uint8

const (
	kindConnect kind = iota
	kindEvent
	kindDisconnect
)

var kinds = [...]string{kindConnect: "connect", kindEvent: "event", kindDisconnect: "disconnect"}

const (
	typeJSON   = "application/json"
	typeBinary = "application/octet-stream"
)

// A message is one event for the backend. It is not changed once it has been sent, and is the same when it is sent
// again.
type message struct {
	kind        kind
	contentType string
	body        []byte

	// The attributes, as headers have them.
	id, node, namespace, socketID, source, time, user string
	// name and ack are of events only.
	name, ack string

	further [][2]string // headers that are no attributes, such as traceparent
}

// message begins a message about a socket.
func (c *caller) message(k kind, sock *socketio.Socket, user string, body []byte) *message {
	return c.messageOf(k, sock.Namespace().Name(), sock.ID(), user, body)
}

func (c *caller) messageOf(k kind, namespace, socketID, user string, body []byte) *message {
	m := &message{
		kind: k, contentType: typeJSON, body: body,
		id: c.idPrefix + strconv.FormatUint(c.messages.Add(1), 36), node: c.node, namespace: "/", socketID: socketID,
		source: "/socket.io/", time: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if namespace != "/" {
		m.namespace = headerText(namespace)
		m.source = headerText((&url.URL{Path: "/socket.io" + namespace}).EscapedPath())
	}
	if user != "" {
		m.user = headerText(user)
	}
	return m
}

// event makes it one about an event.
func (m *message) event(e *socketio.Event) {
	m.name, m.ack = headerText(e.Name()), strconv.FormatBool(e.WantsAck())
	if data, ok := onlyBinary(e); ok {
		m.contentType, m.body = typeBinary, data
	}
}

// attributes calls f with each of the attributes, in the order of their headers' names.
func (m *message) attributes(f func(name, value string)) {
	if m.kind == kindEvent {
		f("ce-ack", m.ack)
		f("ce-event", m.name)
	}
	f("ce-id", m.id)
	f("ce-namespace", m.namespace)
	f("ce-node", m.node)
	f("ce-socketid", m.socketID)
	f("ce-source", m.source)
	f("ce-specversion", "1.0")
	f("ce-time", m.time)
	f("ce-type", types[m.kind])
	if m.user != "" {
		f("ce-user", m.user)
	}
}

// types are the values of ce-type.
var types = [...]string{
	kindConnect: "socketio.connect", kindEvent: "socketio.event", kindDisconnect: "socketio.disconnect",
}

// headerText is text as a header has it (CloudEvents HTTP protocol binding 1.0.2, section 3.1.3.2).
func headerText(text string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c < 0x7F && c != '"' && c != '%' }
	if strings.IndexFunc(text, func(r rune) bool { return r > 0x7F || !plain(byte(r)) }) < 0 {
		return text
	}
	out := make([]byte, 0, 3*len(text))
	for i := range len(text) {
		if c := text[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

// connectData is the data of a connect.
type connectData struct {
	Auth    json.RawMessage   `json:"auth"`
	Headers map[string]string `json:"headers"`
	Query   map[string]any    `json:"query"` // a string, or an array of them where the name stands more than once
	URL     string            `json:"url"`
	Address string            `json:"address"`
	Secure  bool              `json:"secure"`
	Data    json.RawMessage   `json:"data"`
	Claims  json.RawMessage   `json:"claims,omitempty"`
}

func connectBody(sock *socketio.Socket) ([]byte, error) {
	h := sock.Handshake()
	d := connectData{
		Auth:    h.Auth.JSON(),
		Headers: make(map[string]string, len(h.Headers)), Query: make(map[string]any, len(h.Query)),
		URL: h.URL, Address: h.Address, Secure: h.Secure, Data: sock.Data().Inline(), Claims: claimsOf(sock),
	}
	for name, values := range h.Headers {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		d.Headers[strings.ToLower(name)] = strings.Join(values, separator)
	}
	if h.Host != "" {
		d.Headers["host"] = h.Host
	}
	for name, values := range h.Query {
		if len(values) == 1 {
			d.Query[name] = values[0]
		} else {
			d.Query[name] = values
		}
	}
	return json.Marshal(d)
}

// eventBody is the data of an event: {"args": [...], "ack": true, "data": {...}, "binary": [...]}.
func eventBody(e *socketio.Event) ([]byte, error) {
	var few [4]socketio.Raw
	args := few[:0]
	for i := range e.Len() {
		args = append(args, e.Raw(i))
	}
	data := e.Socket().Data().Inline()
	body := make([]byte, 0, e.Size()+len(data)+64)
	body, binary, err := emission.Append(append(body, `{"args":`...), args)
	if err != nil {
		return nil, err
	}
	body = append(body, `,"ack":`...)
	body = strconv.AppendBool(body, e.WantsAck())
	body = append(append(body, `,"data":`...), data...)
	if len(binary) > 0 {
		list, err := json.Marshal(binary)
		if err != nil {
			return nil, err
		}
		body = append(append(body, `,"binary":`...), list...)
	}
	return append(body, '}'), nil
}

// onlyBinary returns the argument of an event that has but one, and that a binary one.
func onlyBinary(e *socketio.Event) (data []byte, ok bool) {
	if e.Len() != 1 {
		return nil, false
	}
	arg := e.Raw(0)
	const longest = 64 // of a placeholder, as clients write it
	if len(arg.Attachments()) == 0 || len(arg.JSON()) > longest {
		return nil, false
	}
	_, binary, err := emission.Encode([]socketio.Raw{arg})
	if err != nil || len(binary) != 1 || binary[0] != "/0" {
		return nil, false
	}
	return bytesIn(arg)
}

// bytesIn is what an argument that is one attachment has.
func bytesIn(arg socketio.Raw) (data []byte, ok bool) {
	err := arg.Bind(&data)
	return data, err == nil
}

// disconnectData is the data of a disconnect.
type disconnectData struct {
	Reason string          `json:"reason"`
	Rooms  []string        `json:"rooms"`
	Data   json.RawMessage `json:"data"`
}
