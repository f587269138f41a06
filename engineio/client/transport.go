package client

// The seam between a session and its transports.

// A transport carries a session's packets between it and the server: polling (polling.go) or webSocket (websocket.go).
// All methods are called with the session's mu held, and none waits.
type transport interface {
	name() string
	// flush writes what is queued as soon as the server takes it, and calls Session.written when that is done.
	flush()
	// busy reports whether what is queued now would have to wait.
	busy() bool
	// resume looks again at Session.paused.
	resume()
	// goodbye tells the server that the session is over, and then ends the transport.
	goodbye()
	// cut ends the transport at once.
	cut()
}
