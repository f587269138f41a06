// Package load is a load generator for WebSocket and Socket.IO servers that costs little beside the server it measures:
// thousands of clients in one process, on non-blocking sockets and one epoll loop, with no goroutine per client and no
// parsing beyond what counting takes.
//
// A [Loop] owns the sockets. A [Client] is one connected user; it counts what it receives, so that what a server lost is
// known exactly. A [Group] is the clients that are owed the same messages, and knows how many of them are in flight.
// Everything runs on the goroutine that calls [Loop.Run]; nothing here may be used from two at once.
//
// It needs Linux: epoll, timerfd, and MSG_TRUNC on TCP.
package load
