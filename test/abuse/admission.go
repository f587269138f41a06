package abuse

// Attacks of clients that come in numbers, and with requests that no page and no client makes.

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// flood opens polling sessions that nobody comes back for, from so many addresses and on so many connections, with a
// header of 7 KB. 450,000 of them took 1.2 GB, and everybody waited for the garbage collector.
func flood(addresses, connections int) Attack {
	const header = 7000
	request := []byte("GET " + wire.NewPolling + " HTTP/1.1\r\nHost: x\r\nCookie: a=" +
		strings.Repeat("x", header) + "\r\n\r\n")
	from := sources(addresses)
	return func(ctx context.Context, addrs []string) (Did, error) {
		return together(ctx, connections, func(ctx context.Context, worker int, t *tally) {
			conn, err := dialFrom(from[worker%len(from)], addrs[0])
			if err != nil {
				t.turnedAway(ctx)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for ctx.Err() == nil {
				code, err := exchange(conn, r, request)
				if err != nil { // a service that is past answering
					t.turnedAway(ctx)
					return
				}
				t.add(fmt.Sprintf("answered %d", code), 1)
			}
		}), nil
	}
}

// exchange sends a request on a connection and returns the status of its answer.
func exchange(conn net.Conn, r *bufio.Reader, request []byte) (code int, err error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	_, err = r.Discard(int(max(response.ContentLength, 0)))
	return response.StatusCode, err
}

// Idle opens n connections that say nothing, or fewer where no more can be opened.
func Idle(addr, source string, n int) []net.Conn {
	var conns []net.Conn
	for range n {
		conn, err := dialFrom(source, addr)
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	return conns
}

// idle takes all connections that there are, and asks again and again whether the service is well, as what would end it
// does. The health check failed, and a gateway that was well was ended.
func idle(connections int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		conns := Idle(addrs[0], "127.0.0.2", connections)
		conns = append(conns, Idle(addrs[0], "127.0.0.3", connections)...)
		defer func() {
			for _, c := range conns {
				c.Close()
			}
		}()
		did := Did{"connections": len(conns)}
		for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
			if r, err := wire.Get(addrs[0], "/healthz", 3*time.Second); err == nil && r.Code < 500 {
				did["healthy"]++
			} else {
				did["unhealthy"]++
			}
		}
		return did, nil
	}
}

// repeated sends requests in turn, each on a connection of its own, and counts the answers by their status.
func repeated(workers int, requests func(addrs []string) ([][]byte, error)) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		all, err := requests(addrs)
		if err != nil {
			return nil, err
		}
		return together(ctx, workers, func(ctx context.Context, worker int, t *tally) {
			for i := range all {
				conn, err := wire.Dial(addrs[worker%len(addrs)])
				if err != nil {
					t.turnedAway(ctx)
					return
				}
				code, err := exchange(conn.Conn, conn.Reader, all[(i+worker)%len(all)])
				conn.Close()
				if err != nil {
					t.add("no answer", 1)
				} else {
					t.add(fmt.Sprintf("answered %d", code), 1)
				}
			}
		}), nil
	}
}

// foreignPage is a page of an origin that is not allowed and tries every way in. All but its reading was served.
var foreignPage = repeated(4, func(addrs []string) (all [][]byte, err error) {
	sid, err := wire.OpenSession(addrs[0], patience)
	if err != nil {
		return nil, err
	}
	session := wire.NewPolling + "&sid=" + sid
	for _, r := range []wire.Request{
		{Method: "GET", Target: wire.NewPolling}, {Method: "GET", Target: session},
		{Method: "POST", Target: session, Body: "40"}, wire.UpgradeRequest(wire.NewSocket),
		wire.UpgradeRequest(strings.Replace(session, "polling", "websocket", 1)),
	} {
		r.Headers = append(r.Headers, wire.Header{Name: "Origin", Value: "https://evil.example"})
		all = append(all, r.Bytes())
	}
	return all, nil
})

// ambiguous are requests that two servers may read differently. net/http refuses them, and the fast listener did not.
var ambiguous = repeated(4, func([]string) (all [][]byte, err error) {
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	for _, head := range []string{
		"POST " + wire.NewPolling + " HTTP/1.1\r\nHost: x\r\nContent-Length: -0\r\n",
		"GET " + wire.NewPolling + " HTTP/1.1\r\nHost:\r\nHost: x\r\n",
		"GET " + wire.NewSocket + " HTTP/1.1\r\nHost: x\r\n" + upgrade +
			"Sec-WebSocket-Key:\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
	} {
		all = append(all, []byte(head+"\r\n"))
	}
	return all, nil
})

// longRequests are for a session of the other node, and so long that they grow past the limit on their way to it. Each
// node dropped the other from its registry.
func longRequests(ctx context.Context, addrs []string) (Did, error) {
	var sids []string
	for _, addr := range addrs {
		sid, err := wire.OpenSession(addr, patience)
		if err != nil {
			return nil, err
		}
		sids = append(sids, sid)
	}
	for i, addr := range addrs { // each node knows the other
		if _, err := wire.Post(addr, wire.NewPolling+"&sid="+sids[1-i], "40", patience); err != nil {
			return nil, err
		}
	}
	var workers [4]int
	return together(ctx, len(workers), func(_ context.Context, worker int, t *tally) {
		i := workers[worker]
		workers[worker]++
		target := wire.NewPolling + "&sid=" + sids[1-worker%2]
		request := wire.Request{Method: "POST", Target: target, Body: "4x"}
		if i%2 == 0 {
			request = wire.UpgradeRequest(strings.Replace(target, "polling", "websocket", 1))
		}
		long := wire.Header{Name: "Cookie", Value: strings.Repeat("x", 19_700+(i*101)%700)}
		request.Headers = append(request.Headers, long)
		r, err := wire.Do(addrs[worker%2], request, patience)
		if err != nil {
			t.add("no answer", 1)
			return
		}
		t.add(fmt.Sprintf("answered %d", r.Code), 1)
	}), nil
}

// malformed is the attacks of [Run], again and again.
func malformed(ctx context.Context, addrs []string) (Did, error) {
	did := make(Did)
	for seed := uint64(1); ctx.Err() == nil; seed++ {
		r := Run(addrs[0], seed, 120)
		did["attacks"] += 120
		did["WebSockets"] += r.Sockets
		did["polling sessions"] += r.Sessions
	}
	return did, nil
}
