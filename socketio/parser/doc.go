// Package parser turns Socket.IO packets into messages of a transport and back: Node's option "parser". It knows no
// sockets, servers or transports.
//
// # The parsers
//
// [Default] is Node's socket.io-parser, protocol revision 5: a packet is a text, followed by one binary message for
// each attachment. Another wire format is another type that implements [Parser], given to the server as its option
// Parser; clients must be told to use the same format. Parsers translate between bytes and a [Packet], whose payload is
// JSON text with attachments beside it, whatever the wire format is.
//
// # Values
//
// Payloads stay text until somebody asks for values. [Raw] is one JSON value with its attachments, and [Args] are the
// arguments of an event or of an acknowledgement; their Bind methods work as json.Unmarshal does, with attachments for
// byte slices. [Marshal], [MarshalEvent] and [MarshalArgs] go the other way: they encode as json.Marshal does, but
// without its escapes for HTML, make attachments of byte slices ([]byte, [Binary]), and write a Raw as it is.
//
// # Placeholders
//
// In a payload, the object {"_placeholder":true,"num":n} stands for attachment n, counted from 0. Members may come in
// any order. Where a packet has no attachments, such an object is one like any other.
package parser
