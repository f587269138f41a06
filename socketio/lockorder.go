package socketio

// The lock order of this package. "A -> B" means that B may be taken while A is held; what is not listed is never
// nested. No callback of the program (handler, middleware, hook) and no method of an Adapter runs under any of them,
// but for Adapter methods documented as such.
//
//	recoveryAdapter.mu -> room.mu             a broadcast is logged and delivered in one order
//	recoveryAdapter.mu -> Socket.mu -> room.mu   a restored socket goes live between two broadcasts
//	Socket.mu -> room.mu                      join and leave
//	room.mu (read) -> room.mu (read)          a broadcast to several rooms; in the order of room.seq, lowest first,
//	                                          because a writer that waits between two readers would close a cycle
//	Server.mu -> nothing                      the table of namespaces
//	conn.mu -> nothing                        the sockets of one connection
//	socketTable shard -> nothing
//	workers.mu -> nothing                     the queue of sockets with something to do
//
// Session.Send of package engineio is called under room.mu and Socket.mu, Session.Pause and Resume under Socket.mu: they
// never block, and they never call back.
// Session.SendAnd calls back under the session's lock, which is taken after all of these: what it is given there only
// sets Socket.state.
