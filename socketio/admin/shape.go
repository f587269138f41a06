package admin

// What goes over the wire, in the shapes of @socket.io/admin-ui.

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A shownSocket is a socket in all_sockets and socket_connected.
type shownSocket struct {
	ID        string          `json:"id"`
	ClientID  string          `json:"clientId"`
	Transport string          `json:"transport"`
	Namespace string          `json:"nsp"`
	Data      json.RawMessage `json:"data"`
	Handshake shownHandshake  `json:"handshake"`
	Rooms     []string        `json:"rooms"`
}

type shownHandshake struct {
	Address string            `json:"address"`
	Headers map[string]string `json:"headers"`
	Query   map[string]any    `json:"query"`
	Issued  int64             `json:"issued"` // ms since 1970
	Secure  bool              `json:"secure"`
	Time    string            `json:"time"`
	URL     string            `json:"url"`
	XDomain bool              `json:"xdomain"`
}

// The two forms of socket_updated.
type (
	updatedTransport struct {
		ID        string `json:"id"`
		Namespace string `json:"nsp"`
		Transport string `json:"transport"`
	}
	updatedData struct {
		ID        string          `json:"id"`
		Namespace string          `json:"nsp"`
		Data      json.RawMessage `json:"data"`
	}
)

// The bounds of what one socket may take. A stranger chooses most of it.
const (
	maxShownText  = 1 << 10 // of a header, a part of a query, a URL, a name
	maxShownData  = 16 << 10
	maxShownRooms = 1000
)

// hidden stands for what proves who a user is: an admin is to see that it is there, and not to be able to use it.
const hidden = "(hidden)"

// secretHeaders and secretQuery are what is hidden.
var (
	secretHeaders = map[string]bool{
		"Authorization": true, "Cookie": true, "Proxy-Authorization": true, "X-Api-Key": true,
	}
	secretQuery = map[string]bool{
		"token": true, "access_token": true, "auth": true, "jwt": true, "key": true, "password": true, "secret": true,
	}
)

// serialize shows a socket of this server.
func serialize(s *socketio.Socket) shownSocket {
	return shownSocket{
		ID: s.ID(), ClientID: clientID(s.SessionID()), Transport: s.Transport(), Namespace: s.Namespace().Name(),
		Data: shownData(s.Data()), Handshake: serializeHandshake(s.Handshake()), Rooms: shownRooms(s.Rooms()),
	}
}

// clientID tells clients apart, without giving their sessions' ids away. Node.js takes the id's first 12 characters;
// here those may be the same for all clients of a server (Options.NewID).
func clientID(session string) string {
	sum := sha256.Sum256([]byte(session))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// nodesData is what @socket.io/admin-ui keeps in the data of a socket on Node.js.
type nodesData struct {
	ClientID  string `json:"clientId"`
	Transport string `json:"transport"`
}

// serializeRemote shows a socket of a server on Node.js; ok is false where it is none that is shown to admins.
func serializeRemote(s *socketio.RemoteSocket, ns string) (shown shownSocket, ok bool) {
	fields, _ := s.Data().Fields()
	own, ok := fields["_admin"]
	if !ok {
		return shown, false
	}
	var of nodesData
	if own.Bind(&of) != nil {
		return shown, false
	}
	delete(fields, "_admin")
	data, err := json.Marshal(inline(fields))
	if err != nil {
		return shown, false
	}
	return shownSocket{
		ID: s.ID(), ClientID: of.ClientID, Transport: of.Transport, Namespace: ns, Data: boundData(data),
		Handshake: serializeHandshake(s.Handshake()), Rooms: shownRooms(s.Rooms()),
	}, true
}

func inline(fields map[string]socketio.Raw) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage, len(fields))
	for name, raw := range fields {
		m[name] = raw.Inline()
	}
	return m
}

// dateString is the format of JavaScript's Date.prototype.toString.
const dateString = "Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"

func serializeHandshake(h *socketio.Handshake) shownHandshake {
	shown := shownHandshake{
		Address: h.Address, Headers: make(map[string]string, len(h.Headers)+1),
		Query:  make(map[string]any, len(h.Query)),
		Issued: h.Time.UnixMilli(), Secure: h.Secure, Time: h.Time.Format(dateString), URL: shownURL(h.URL),
		XDomain: h.XDomain,
	}
	for name, values := range h.Headers {
		value := shortened(strings.Join(values, ", "))
		if secretHeaders[http.CanonicalHeaderKey(name)] {
			value = hidden
		}
		shown.Headers[strings.ToLower(name)] = value
	}
	if h.Host != "" {
		shown.Headers["host"] = shortened(h.Host)
	}
	for name, values := range h.Query {
		switch {
		case secretQuery[strings.ToLower(name)]:
			shown.Query[shortened(name)] = hidden
		case len(values) == 1:
			shown.Query[shortened(name)] = shortened(values[0])
		default:
			shown.Query[shortened(name)] = shortened(strings.Join(values, ", "))
		}
	}
	return shown
}

// shownURL is a URL without the secrets in its query.
func shownURL(url string) string {
	path, query, found := strings.Cut(url, "?")
	if !found {
		return shortened(url)
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, _, _ := strings.Cut(part, "="); secretQuery[strings.ToLower(name)] {
			parts[i] = name + "=" + hidden
		}
	}
	return shortened(path + "?" + strings.Join(parts, "&"))
}

func shownData(data socketio.Raw) json.RawMessage { return boundData(data.Inline()) }

func boundData(data json.RawMessage) json.RawMessage {
	if len(data) > maxShownData {
		return json.RawMessage(`{"(not shown)":"too large"}`)
	}
	return data
}

func shownRooms(rooms []string) []string {
	rooms = rooms[:min(len(rooms), maxShownRooms)]
	if rooms == nil {
		return []string{} // null would be the UI's undoing
	}
	return rooms
}

// shortened is the beginning of a text that may be long.
func shortened(text string) string {
	if len(text) <= maxShownText {
		return text
	}
	return strings.ToValidUTF8(text[:maxShownText], "") + "…"
}

// stamp is a time as JavaScript's JSON has it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func newID() string {
	id := make([]byte, 8)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}
