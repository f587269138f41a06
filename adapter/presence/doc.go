// Package presence knows who is online, and who is in which room, on all servers of a cluster. A user is online from
// the first of their sockets, on whatever server, to the end of the last; that is told once, and stays right when a
// server is killed, freezes or is cut off, and when Redis was away or has come back empty.
//
//	p, err := presence.New(io.Of("/"), presence.NewRedis(redis.Client(), presence.RedisOptions{}), presence.Options{
//		Rooms: func(room string) bool { return strings.HasPrefix(room, "team:") },
//	})
//	...
//	defer p.Close(ctx)
//	io.OnConnect(func(s *socketio.Socket) error { return p.Track(s, userOf(s)) })
//	p.OnChange(func(c presence.Change) { ... }) // on every server
//	online, err := p.Online(ctx, "ann", "bob")
//	page, err := p.Users(ctx, "team:7", "", 100)
//
// Each server writes what its own sockets are, under a lease that it renews; whoever finds another's lease over clears
// up behind it. docs/PRESENCE.md says what holds in which fault, and for how long not.
package presence
