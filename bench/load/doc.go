// Package load generates load for WebSocket and Socket.IO servers at little cost beside that of the server: thousands
// of clients in one process, on non-blocking sockets and one epoll loop. There is no goroutine per client, and no more
// is parsed than counting needs.
//
// A [Loop] owns the sockets. A [Client] is one connected user; it counts what it receives, so that losses are known
// exactly. A [Group] is the clients that are owed the same messages; it knows how many are in flight. Everything runs
// on the goroutine that calls [Loop.Run]; nothing here is safe for concurrent use.
//
// The package needs Linux: epoll, timerfd, and MSG_TRUNC on TCP.
package load
