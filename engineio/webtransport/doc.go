// Package webtransport is the third transport of Engine.IO: one bidirectional stream of a WebTransport session, which
// runs over HTTP/3 and so over QUIC. A client's connection survives a change of its network address, and a lost packet
// delays nothing but what comes behind it.
//
// It is a package of its own so that only who imports it has QUIC in the program:
//
//	io := socketio.NewServer(socketio.Options{Transports: []string{"polling", "websocket", "webtransport"}})
//	quic, err := webtransport.Listen("udp", ":443", io, webtransport.Options{TLSConfig: tlsConfig})
//	if err != nil {
//		return err
//	}
//	defer quic.Close()
//
// Beside it the HTTP server listens as ever, on TCP and the same port: browsers begin by polling there and upgrade.
// Browsers use WebTransport with TLS only. Without a public certificate (on a machine of one's own) the client has to
// be told the hash of the server's: transportOptions.webtransport.serverCertificateHashes in socket.io-client, which
// takes certificates on elliptic curves that are valid for 14 days at most.
//
// # What it costs
//
// QUIC runs in the program and not in the kernel: each connection has goroutines of its own, and takes about 140 KB of
// resident memory (measured with 1,000 idle ones), where a WebSocket takes 3. Options bound how many there may be.
// Clients come past any HTTP balancer, so the nodes of a cluster need UDP routed by connection, and a session is
// upgraded only on the node that has it.
package webtransport
