package peerwire

// Sockets in the answer to fetchSockets.

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Socket is a socket in the answer to fetchSockets.
type Socket struct {
	ID        string          `json:"id"`
	Handshake handshake       `json:"handshake"`
	Rooms     []wire.Room     `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

type handshake struct {
	Headers map[string]json.RawMessage `json:"headers"`
	Time    string                     `json:"time"`
	Address string                     `json:"address"`
	XDomain bool                       `json:"xdomain"`
	Secure  bool                       `json:"secure"`
	Issued  float64                    `json:"issued"` // ms since 1970
	URL     string                     `json:"url"`
	Query   map[string]json.RawMessage `json:"query"`
	Auth    json.RawMessage            `json:"auth,omitempty"`
}

// dateString is the format of JavaScript's Date.prototype.toString.
const dateString = "Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"

// NewSocket turns s into a Socket. Its data is plain JSON, with byte slices in base64.
func NewSocket(s *socketio.RemoteSocket) Socket {
	w := Socket{ID: s.ID(), Rooms: wire.ToRooms(s.Rooms())}
	w.Data = s.Data().Inline()
	if h := s.Handshake(); h != nil {
		w.Handshake = handshake{
			Headers: handshakeHeaders(h), Query: handshakeValues(h.Query, false),
			Time: h.Time.Format(dateString), Issued: float64(h.Time.UnixMilli()),
			Address: h.Address, XDomain: h.XDomain, Secure: h.Secure, URL: h.URL, Auth: h.Auth.JSON(),
		}
	}
	return w
}

// handshakeHeaders are the headers, among them Host, which Go keeps apart.
func handshakeHeaders(h *socketio.Handshake) map[string]json.RawMessage {
	m := handshakeValues(h.Headers, true)
	if h.Host != "" {
		m["host"], _ = json.Marshal(h.Host) // a string
	}
	return m
}

// handshakeValues are headers or a query as Node.js has them: a string for each name, in a query an array where there
// are several.
func handshakeValues(values map[string][]string, lower bool) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage, len(values))
	for name, list := range values {
		if lower {
			name = strings.ToLower(name)
		}
		var v any = list
		switch {
		case len(list) == 1:
			v = list[0]
		case lower:
			v = strings.Join(list, ", ")
		}
		m[name], _ = json.Marshal(v) // strings
	}
	return m
}

// eachValue calls set with every header, or every value of a query.
func eachValue(m map[string]json.RawMessage, set func(name, value string)) {
	for name, raw := range m {
		var one string
		var many []string
		if json.Unmarshal(raw, &one) == nil {
			set(name, one)
		} else if json.Unmarshal(raw, &many) == nil {
			for _, v := range many {
				set(name, v)
			}
		}
	}
}

// Remote turns a Socket into a RemoteSocket. Placeholders in its data refer to attachments.
func (w Socket) Remote(ns *socketio.Namespace, attachments ...[]byte) (*socketio.RemoteSocket, error) {
	h := &socketio.Handshake{
		Headers: make(http.Header), Query: make(url.Values), Address: w.Handshake.Address, URL: w.Handshake.URL,
		XDomain: w.Handshake.XDomain, Secure: w.Handshake.Secure, Time: time.UnixMilli(int64(w.Handshake.Issued)),
	}
	eachValue(w.Handshake.Headers, h.Headers.Add)
	eachValue(w.Handshake.Query, h.Query.Add)
	h.Host = h.Headers.Get("Host")
	h.Headers.Del("Host")
	if len(w.Handshake.Auth) > 0 {
		h.Auth, _ = socketio.NewRaw(w.Handshake.Auth)
	}
	var data socketio.Raw
	if len(w.Data) > 0 {
		data, _ = socketio.NewRaw(w.Data, attachments...)
	}
	return ns.NewRemoteSocket(w.ID, h, wire.FromRooms(w.Rooms), data)
}

// EncodeValue returns v as JSON, and the attachments that placeholders in it refer to.
func EncodeValue(ns *socketio.Namespace, v any) (json.RawMessage, [][]byte, error) {
	payload, attachments, err := ns.NewPacket("", v).Payload()
	if err != nil {
		return nil, nil, err
	}
	return payload[len(`["",`) : len(payload)-1], attachments, nil
}
