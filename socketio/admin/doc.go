// Package admin shows a server to the Socket.IO Admin UI (npm: @socket.io/admin-ui), and lets who has logged in there
// act on it: what instrument() of that package does on Node.js, with the same packets. One admin sees the servers of a
// whole cluster, those on Node.js among them.
//
//	io := socketio.NewServer(socketio.Options{})
//	a, err := admin.Instrument(io, admin.Options{
//		Basic: &admin.Basic{User: "ana", PasswordHash: os.Getenv("ADMIN_PASSWORD_HASH")},
//	})
//	if err != nil {
//		return err
//	}
//	defer a.Close()
//
// # What it costs
//
// Nothing while nobody looks: the handlers by which it sees sockets, rooms and events are there only while an admin is
// connected, to this server or to another of the cluster. A server learns of the latter from the other; of an admin of
// a server on Node.js, which tells nobody, by asking the cluster every Options.PollInterval.
//
// In Development mode every connection, room and event is shown. From Options.Threshold sockets on a server changes to
// Production mode by itself: then there is a line of numbers every 2 s, and no socket is looked at more closely. What
// is shown is bounded in number (Options.EventRate) and in size (Options.MaxEventBytes); what is past that is counted
// (Stats), and the chat never waits for it.
//
// # Who may look
//
// Basic asks for a name and a password, of which the program has a bcrypt hash alone; NoAuth, which has to be said,
// lets in whoever comes from a page of this host. Attempts are limited by address, and the checks of passwords
// together take at most a quarter of a core. See docs/ADMIN.md.
package admin
