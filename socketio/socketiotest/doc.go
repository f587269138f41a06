// Package socketiotest tests programs on package socketio: a server in memory, and clients in a line.
//
//	func TestChat(t *testing.T) {
//		srv := socketiotest.New(t, socketio.Options{})
//		chat(srv.Server) // the program's handlers
//		alice, bob := srv.Connect(t), srv.Connect(t)
//		alice.Emit("say", "hello")
//		var text string
//		bob.Expect("said", time.Second, &text)
//		alice.ExpectNone("said")
//	}
//
// Server and clients talk over connections in memory, with the real protocol and over WebSocket, or as the client's
// options say. Everything ends with the test, and leaves no goroutine behind.
//
// # No sleeps
//
// [Client.Expect] returns as soon as the event has come. [Client.ExpectNone] does not wait for a time to pass: it has
// every client's earlier events handled, and what the handlers emitted delivered ([Server.Settle]), and then looks. For
// that each namespace gets a handler for the event [SettleEvent]. What a handler leaves to another goroutine is not
// waited for.
//
// # A fake clock
//
// As nothing goes through the network, a test may run in a bubble of testing/synctest: time-outs, heartbeats and
// reconnections then take no real time.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := socketiotest.New(t, socketio.Options{})
//		c := srv.Connect(t)
//		time.Sleep(24 * time.Hour) // of heartbeats, in a moment
//		c.EmitWithAck("still there?")
//	})
//
// [Network] breaks connections, and makes them stand still, to see what the program does then.
package socketiotest
