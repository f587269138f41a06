// Package client is the client half of the Engine.IO protocol, revision 4
// (https://socket.io/docs/v4/engine-io-protocol/): sessions with a server over HTTP long-polling and WebSocket. What
// the protocol leaves open follows Node.js' engine.io-client.
//
// # Sessions
//
// [Dial] opens a [Session] and returns when the server has answered the handshake. A session usually begins by polling
// and upgrades to WebSocket when that works; it keeps its id and the order of its messages, and loses none.
// [Session.Send] never waits: it queues, up to [Options].MaxQueueBytes; [Session.Flush] waits until all of that is
// written. When the session ends, [Handler].OnClose gets the [Reason].
//
// A session does not connect again after its end; package socketio/client does.
//
// # Many sessions
//
// A session that [Dial] opens has a goroutine that reads its connection. Sessions that one [Dialer] opens have none
// where the system allows it (plain TCP on Linux): a goroutine for each core reads all of them. Their handlers must
// not block, as other sessions wait.
//
// All methods of Session and Dialer may be called from any goroutine.
package client
