package socketio

// Why sockets end, in the words of Node's server.

// A Reason says why a socket was disconnected.
type Reason string

const (
	// ReasonTransportError: the connection failed.
	ReasonTransportError Reason = "transport error"
	// ReasonTransportClose: the client closed the connection, or lost it.
	ReasonTransportClose Reason = "transport close"
	// ReasonPingTimeout: the client did not answer a ping in time.
	ReasonPingTimeout Reason = "ping timeout"
	// ReasonParseError: the client sent something that is no Engine.IO packet.
	ReasonParseError Reason = "parse error"
	// ReasonForcedClose: this side closed the Engine.IO session, also over a packet that makes no sense or comes out of
	// turn.
	ReasonForcedClose Reason = "forced close"
	// ReasonForcedServerClose is what Node.js's server says in place of ReasonForcedClose of a client that sends a
	// packet out of turn while it is between two polls. This one does not.
	ReasonForcedServerClose Reason = "forced server close"
	// ReasonServerDisconnect: Socket.Disconnect was called.
	ReasonServerDisconnect Reason = "server namespace disconnect"
	// ReasonClientDisconnect: the client left the namespace.
	ReasonClientDisconnect Reason = "client namespace disconnect"
	// ReasonServerShutdown: Server.Shutdown or Server.Drain was called.
	ReasonServerShutdown Reason = "server shutting down"
	// ReasonSlowClient: more waited for the client than engineio.Options.MaxQueueBytes. Node's server has no such
	// bound.
	ReasonSlowClient Reason = "slow client"
)

// reasons are all of these.
var reasons = [...]Reason{
	ReasonTransportError, ReasonTransportClose, ReasonPingTimeout, ReasonParseError, ReasonForcedClose,
	ReasonForcedServerClose, ReasonServerDisconnect, ReasonClientDisconnect, ReasonServerShutdown, ReasonSlowClient,
}

// recoverable reports whether a client that went for this reason may resume its session (connection state recovery).
func (r Reason) recoverable() bool {
	switch r {
	case ReasonTransportError, ReasonTransportClose, ReasonForcedClose, ReasonPingTimeout, ReasonServerShutdown,
		ReasonForcedServerClose, ReasonSlowClient:
		return true
	}
	return false
}
