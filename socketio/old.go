package socketio

// Clients of Socket.IO 2 and older (engineio.Options.AllowEIO3). Their packets are those of newer ones, but for a few
// things about connecting: they are in the main namespace without asking for it, know their sockets' ids beforehand,
// send a query in place of the auth payload, and get the error alone where they are refused. Their sessions are not
// resumed.

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// oldProtocol is the revision of Engine.IO that these clients speak.
const oldProtocol = 3

// oldID is a socket's id as its client makes it.
func oldID(namespace, session string) string {
	if namespace == parser.MainNamespace {
		return session
	}
	return namespace + "#" + session
}

// takeQuery takes the query off the namespace of a packet. It becomes the payload of a CONNECT packet, which has no
// other.
func takeQuery(p *parser.Packet) {
	name, query, _ := strings.Cut(p.Namespace, "?")
	p.Namespace = name
	if p.Type != parser.Connect {
		return
	}
	p.Payload = nil
	values, _ := url.ParseQuery(query) // what can be read of it
	if len(values) == 0 {
		return
	}
	auth := make(map[string]string, len(values))
	for key, list := range values {
		auth[key] = list[len(list)-1]
	}
	p.Payload, _ = json.Marshal(auth) // strings: cannot fail
}

// oldRefusal is the payload of the packet that refuses a client: the data of the error, or its text.
func oldRefusal(message string, data any) []byte {
	if payload, err := parser.Marshal(data); err == nil && isTruthy(payload.JSON()) {
		return payload.JSON()
	}
	payload, _ := parser.Marshal(message)
	return payload.JSON()
}

// isTruthy reports whether JSON text is true to JavaScript.
func isTruthy(text []byte) bool {
	switch string(text) {
	case "null", "false", "0", `""`:
		return false
	}
	return true
}
