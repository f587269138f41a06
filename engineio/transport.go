package engineio

// The seam between sessions and transports. A transport of another package is a Framing (framing.go); ARCHITECTURE.md
// says how to add one.

const (
	transportPolling   = "polling"
	transportWebSocket = "websocket"
)

// A transport carries a session's packets between it and its client. There are two: polling (polling.go) and stream
// (stream.go), a connection that takes messages at any time: WebSocket (websocket.go), or what a Framing makes of a
// connection (framing.go). A session asks its transport, and never which one it is.
//
// All methods are called with the session's mu held, and none waits. What a client sends, its transport hands to
// Session.receive, and what it does to Session.end.
type transport interface {
	// name is what requests and Session.Transport call it.
	name() string
	// wake is called when something has been queued. It has the session's queue written as soon as the client can
	// take it.
	wake()
	// congested reports whether what is queued now would have to wait for the client.
	congested() bool
	// resumeReading looks again at what Session.shouldPause has held back.
	resumeReading()
	// goodbye puts the end of the transport behind what is queued. It reports false where the client has to come for it
	// first; the transport then calls Session.sayGoodbye when it has.
	goodbye(last lastWords) bool
	// reads reports whether a goodbye would reach the client without delay.
	reads() bool
	// answersGoodbye reports whether the client answers a goodbye.
	answersGoodbye() bool
	// cut ends at once whatever is under way.
	cut()
}

// lastWords are what a transport says at the end in place of its usual goodbye.
type lastWords struct {
	message *Message // nil: the usual one
	hangUp  bool     // nothing is due from the client after it
}
