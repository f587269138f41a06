// Package mux carries many streams of bytes on one connection, such as those of all clients of one server that another
// server has the sessions of. A stream costs neither a descriptor nor a goroutine at either end, and what is written on
// many at a time goes out with one system call. It knows bytes only.
//
// One end opens streams ([Client]), the other accepts them ([Server], [Session.Listener]). At first a [Stream] is a
// net.Conn, for a handshake. Then either package engineio takes it over, as it does a socket, or a [Loop] joins it with
// another connection ([Loop.Join]).
//
// # The protocol
//
// A frame is a head of 8 bytes, big-endian, and a payload: its length (3 bytes), the type (1), the stream (4).
//
//	type    from        payload             meaning
//	OPEN    the client  none                begins a stream; numbers only grow, from 1
//	DATA    both        1 to 16,384 bytes   bytes of the stream
//	WINDOW  both        4 bytes             so many bytes more may be sent; it begins with 65,536
//	END     both        none                no DATA follows; the other direction goes on
//	RESET   both        1 byte              the stream is over in both directions: 0 closed, 1 what is behind the far
//	                                        end takes nothing, 2 refused, nothing has been done with it
//	PING    both        none, stream 0      is answered by PONG
//	PONG    both        none, stream 0
//
// Frames of a stream that is over are passed over, as they may have been on their way. Any other breach ends the
// connection, and with it all streams: a stream that has not been opened, bytes that the window does not allow or that
// follow END, a length or type that there is not.
package mux
