package abuse

// Attacks on what a service has to say: clients that have it said much, and read none of it, or slowly.

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// unreadAnswers has so many clients poll in the room, so many POSTs of a megabyte said there, each in so many messages,
// and every client ask for them and read nothing. An answer was a copy of it all: 902 MB for 60 clients.
func unreadAnswers(clients, posts, messages int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		speaker, err := gather(addrs[0], 1, false, true)
		if err != nil {
			return nil, err
		}
		defer speaker.leave()
		quiet, err := gather(addrs[0], clients, true, true)
		if err != nil {
			return nil, err
		}
		defer quiet.leave()
		message := text(event(megabyte / messages))
		for range posts {
			for range messages {
				if err := speaker[0].write(message, patience); err != nil {
					return nil, err
				}
			}
			for range messages {
				if err := speaker[0].await(`42["messages"`); err != nil {
					return nil, err
				}
			}
		}
		for _, m := range quiet {
			if _, err := m.get(); err != nil {
				return nil, err
			}
		}
		there := quiet.linger(ctx)
		return Did{"MB said": posts, "polls not read": clients, "clients still there": there}, nil
	}
}

// readNothing has clients say 14 MB each to themselves and read nothing. 60 of them held 908 MB for good.
func readNothing(clients int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		quiet, err := gather(addrs[0], clients, false, false)
		if err != nil {
			return nil, err
		}
		defer quiet.leave()
		message := text(event(megabyte))
		var said atomic.Int64
		var all sync.WaitGroup
		slots := make(chan struct{}, 8)
		for _, m := range quiet {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				for range 14 {
					if ctx.Err() != nil || m.write(message, 200*time.Millisecond) != nil {
						return
					}
					said.Add(1)
				}
			})
		}
		all.Wait()
		there := quiet.linger(ctx)
		return Did{"MB said": int(said.Load()), "clients": clients, "clients still there": there}, nil
	}
}

// silentMembers has so many members of the room read nothing while 5 MB are said there. The kernel kept those for
// each: 1.5 GB for 500.
func silentMembers(members int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		quiet, err := gather(addrs[0], members, false, true)
		if err != nil {
			return nil, err
		}
		defer quiet.leave()
		message := text(event(megabyte))
		for range 5 {
			if err := quiet[0].write(message, patience); err != nil {
				return nil, err
			}
			if err := quiet[0].await(`42["messages"`); err != nil {
				return nil, err
			}
		}
		there := quiet.linger(ctx)
		return Did{"MB said": 5, "members": members, "members still there": there}, nil
	}
}

// compressing has so many clients poll in the room who take gzip, and says a megabyte there again and again.
// Compressing ran inside the flusher, and WebSocket clients waited for up to 4.6 s.
func compressing(clients int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		polls, err := gather(addrs[0], clients, true, true)
		if err != nil {
			return nil, err
		}
		defer polls.leave()
		message := eventOfText(megabyte)
		did := Did{"clients": clients}
		for first := true; first || ctx.Err() == nil; first = false {
			did["MB said"]++
			if err := sayCompressed(polls, message, did); err != nil {
				return did, err
			}
		}
		return did, nil
	}
}

// sayCompressed has a message said, and every client read it.
func sayCompressed(polls crowd, message string, did Did) error {
	gzip := wire.Header{Name: "Accept-Encoding", Value: "gzip"}
	var readers sync.WaitGroup
	var compressed, others atomic.Int64
	for _, m := range polls {
		m.open = nil
		c, err := m.get(gzip)
		if err != nil {
			return err
		}
		readers.Go(func() {
			defer c.Close()
			c.SetReadDeadline(time.Now().Add(patience))
			r, err := c.ReadResponse("GET")
			if err == nil && r.Get("Content-Encoding") == "gzip" {
				compressed.Add(1)
			} else {
				others.Add(1)
			}
		})
	}
	err := polls[0].say(message)
	readers.Wait()
	did["answers compressed"] += int(compressed.Load())
	did["other answers"] += int(others.Load())
	return err
}

// shoutInSlowRoom has one client say megabytes, as fast as it may, to members that read 10 Mbit/s. All of them were
// disconnected as slow, and it stayed.
func shoutInSlowRoom(members int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		room, err := gather(addrs[0], members, false, true)
		if err != nil {
			return nil, err
		}
		var lost, heard atomic.Int64
		var readers sync.WaitGroup
		for _, m := range room {
			// What the kernel takes beyond what has been read is not to hide how slow the line is.
			if tcp, ok := m.ws.Conn.Conn.(*net.TCPConn); ok {
				tcp.SetReadBuffer(64 << 10)
			}
			readers.Go(func() {
				n, err := readSlowly(m.ws, 10_000_000/8)
				heard.Add(int64(n))
				if !errors.Is(err, net.ErrClosed) {
					lost.Add(1)
				}
			})
		}
		defer readers.Wait()
		defer room.leave()
		did, err := shout(ctx, addrs, 1, true)
		if err != nil {
			return did, err
		}
		did["members"], did["members lost"] = members, int(lost.Load())
		return did, nil
	}
}

// readSlowly reads as a slow line does, until the connection ends. It answers no ping: an attack is over before one is
// missed.
func readSlowly(ws *wire.WebSocket, bytesPerSecond int) (heard int, err error) {
	const slices = 50 // in a second
	buf := make([]byte, bytesPerSecond/slices)
	ws.SetReadDeadline(time.Time{})
	tick := time.NewTicker(time.Second / slices)
	defer tick.Stop()
	for range tick.C {
		n, err := ws.Reader.Read(buf)
		heard += n
		if err != nil {
			return heard, err
		}
	}
	return heard, nil
}

// shouters has so many clients say megabytes, as fast as the service takes them. Each hears its own alone, but with a
// cluster all nodes are told.
func shouters(n int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) { return shout(ctx, addrs, n, false) }
}

func shout(ctx context.Context, addrs []string, n int, room bool) (Did, error) {
	members, err := gather(addrs[0], n, false, room)
	if err != nil {
		return nil, err
	}
	message := text(event(megabyte))
	var said, ended atomic.Int64
	var all sync.WaitGroup
	for _, m := range members {
		m.ws.SetReadDeadline(time.Time{})
		all.Go(func() { // it hears itself
			var b [64 << 10]byte
			for {
				if _, err := m.ws.Conn.Conn.Read(b[:]); err != nil {
					return
				}
			}
		})
		all.Go(func() {
			for rest := message; ctx.Err() == nil; {
				m.ws.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
				n, err := m.ws.Write(rest)
				said.Add(int64(n))
				if rest = rest[n:]; len(rest) == 0 {
					rest = message
				}
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					if ctx.Err() == nil {
						ended.Add(1)
					}
					return
				}
			}
		})
	}
	<-ctx.Done()
	members.leave()
	all.Wait()
	return Did{"MB said": int(said.Load()) / megabyte, "speakers": n, "speakers ended": int(ended.Load())}, nil
}
