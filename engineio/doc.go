// Package engineio implements the server side of the Engine.IO protocol, revision 4
// (https://socket.io/docs/v4/engine-io-protocol/), and with [Options].AllowEIO3 revision 3 beside it: sessions with
// clients over HTTP long-polling and WebSocket, for programs where one message often goes to many of them. What the
// protocol leaves open follows Node.js's engine.io.
//
// # Sessions
//
// A [Server] is an [http.Handler]. It opens a [Session] for each client and calls the function given to [NewServer],
// which returns the session's [Handler]. A session outlives its transport: a client usually begins by polling and
// upgrades to WebSocket, and its session keeps its id, its queue and the order of its messages. When the session ends,
// [Handler].OnClose gets the [Reason].
//
// [Session.Send] puts a [Message] in the session's queue and never waits for the client. A Message is encoded once:
// send the same one to everybody who is to get it. A queue is bounded by [Options].MaxQueueBytes; past that volatile
// messages are dropped, then the session is closed as a slow client. So is that of a client that takes nothing for
// WriteTimeout, and where more waits for all clients than MaxTotalQueueBytes those for whom the most waits.
//
// # Goroutines
//
// On Linux a plain TCP connection has no goroutine of its own: one for each core reads all of them and calls OnMessage
// directly, so a handler that blocks keeps other clients waiting. (Under TLS, on other systems, and while net/http
// reads a request, each connection has its own.) A handler hands slow work to another goroutine. When that has enough
// to do, call [Session.Pause]: nothing more is read from the client, which feels the back-pressure, until
// [Session.Resume].
//
// A session's messages reach OnMessage in order, one at a time. OnClose comes once. It does not wait for OnMessage, so
// it may overlap the last call. All methods of Session and Server may be called from any goroutine, and those of
// Session from within a handler, too.
//
// # Listening
//
// A Server works behind any http.Server. [Server.Listener] makes it faster: on Linux it wraps the http.Server's
// listener and answers the protocol's common requests without net/http. Everything else goes on to the http.Server.
//
// # Ending
//
// [Server.Drain] lets clients go one after the other, so that they do not all connect elsewhere at one moment.
// [Server.Shutdown] closes all sessions at once, and cuts those that have not left when its context is done. Call them
// before http.Server.Shutdown, which knows nothing of WebSocket connections and stops polling clients from fetching
// what is left for them.
//
// # Other transports
//
// A package adds a transport by accepting connections and passing each to [Server.ServeStream] with a [Framing], which
// says how packets stand in its bytes. Upgrades, queues, heartbeats and ends work as on WebSocket.
package engineio
