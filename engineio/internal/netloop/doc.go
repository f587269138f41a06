// Package netloop reads and writes many connections with few goroutines. It knows bytes and nothing of what they mean.
//
// A [Conn] is one connection. There are two implementations: on Linux a plain socket is a [Socket], read by a [Loop],
// which is an epoll instance with one goroutine; everything else, such as TLS or another system, is read and written by
// goroutines of its own.
package netloop
