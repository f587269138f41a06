package socketio

// The lock order of this package. "A -> B" means that B may be taken while A is held; what is not listed is never
// nested. No callback of the program (handler, middleware, hook) and no method of an Adapter runs under any of them,
// but for Adapter methods and hooks documented as such.
//
//	RecoveryAdapter.mu -> recoveryLog.mu         an event is kept, or what a client has missed is looked up
//	recoveryLog.mu -> nothing                    what all RecoveryAdapters of a server keep
//	RecoveryAdapter.mu -> room.mu                a broadcast is logged and delivered in one order
//	RecoveryAdapter.mu -> Socket.mu -> conn.mu   a restored socket goes live between two broadcasts
//	Socket.mu -> room.mu                         join and leave
//	Socket.mu -> room.mu -> roomEvents.mu        the same, while somebody listens to room events
//	Socket.mu -> conn.mu                         a socket goes live, or too much waits for it
//	room.mu (read) -> room.mu (read)             a broadcast to several rooms; in the order of room.seq, lowest first,
//	                                             because a writer that waits between two readers would close a cycle
//	room.mu (read) -> conn.mu                    a broadcast finds a socket that is going live, and waits until it has
//	Server.mu -> nothing                         the table of namespaces
//	Namespace.handlersMu -> nothing              the handlers of a namespace, while they are being changed
//	unread.mu -> conn.mu                         too much waits, long messages among it
//	conn.mu -> timeouts.Set.mu                   the sockets of one connection; the time to have one ends
//	socketTable shard -> nothing
//	ackCollector.mu -> nothing                   the answers to one broadcast
//	clientBundle.mu -> nothing                   the compressed bundles
//	RecoveryAdapter.mu -> workers.mu             a socket is to hear of what it was sent
//	workers.mu -> nothing                        the queue of sockets with something to do
//
// Session.Send of package engineio is called under room.mu, Socket.mu and conn.mu, Session.Pause and Resume under
// conn.mu: they never block, and they never call back.
