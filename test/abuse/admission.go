package abuse

// Attacks of clients that come in numbers, or talk too fast: each request, and each message, is as it should be.

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// dialFrom connects from an address of this host, such as 127.0.0.2: to a service each is another client.
func dialFrom(source, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 10 * time.Second}
	return d.Dial("tcp", addr)
}

// Answers counts answers by their status.
type Answers struct{ Opened, TooMany, Unavailable, Other int64 }

// Flood opens polling sessions that it does not come back for: each source has some connections that make handshakes
// one after the other, with a header of that many bytes.
func Flood(addr string, sources []string, connections, handshakes, headerBytes int) (Answers, error) {
	cookie := "Cookie: a=" + strings.Repeat("x", headerBytes)
	request := []byte("GET " + wire.NewPolling + " HTTP/1.1\r\nHost: x\r\n" + cookie + "\r\n\r\n")
	var a Answers
	var group sync.WaitGroup
	errs := make([]error, len(sources)*connections)
	for i := range errs {
		group.Go(func() { errs[i] = flood(addr, sources[i%len(sources)], request, handshakes, &a) })
	}
	group.Wait()
	return a, errors.Join(errs...)
}

func flood(addr, source string, request []byte, handshakes int, a *Answers) error {
	conn, err := dialFrom(source, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for range handshakes {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write(request); err != nil {
			return err
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		if _, err := r.Discard(int(max(response.ContentLength, 0))); err != nil {
			return err
		}
		counter := &a.Other
		switch response.StatusCode {
		case http.StatusOK:
			counter = &a.Opened
		case http.StatusTooManyRequests:
			counter = &a.TooMany
		case http.StatusServiceUnavailable:
			counter = &a.Unavailable
		}
		atomic.AddInt64(counter, 1)
	}
	return nil
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

// A SlowRoom is a room of clients on slow lines, and what becomes of them.
type SlowRoom struct {
	Lost    atomic.Int64 // members that have been disconnected
	Heard   atomic.Int64 // bytes, all members together
	members []*wire.WebSocket
	readers sync.WaitGroup
}

// NewSlowRoom lets n clients join the room, each of which reads at most bytesPerSecond.
func NewSlowRoom(addr string, n, bytesPerSecond int) (*SlowRoom, error) {
	room := new(SlowRoom)
	for range n {
		ws, err := joined(addr)
		if err != nil {
			room.Close()
			return nil, err
		}
		// What the kernel takes beyond what has been read is not to hide how slow the line is.
		if tcp, ok := ws.Conn.Conn.(*net.TCPConn); ok {
			tcp.SetReadBuffer(64 << 10)
		}
		room.members = append(room.members, ws)
		room.readers.Go(func() { room.read(ws, bytesPerSecond) })
	}
	return room, nil
}

// joined opens a WebSocket and lets it join the chat's room.
func joined(addr string) (*wire.WebSocket, error) {
	ws, err := wire.DialWebSocket(addr, wire.NewSocket)
	if err != nil {
		return nil, err
	}
	for _, packet := range []string{"40", `42["registrar"]`} {
		if err := ws.SendText(packet); err != nil {
			return nil, err
		}
	}
	for {
		f, err := ws.ReadFrame()
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(f.Payload), `42["registrado"`) {
			return ws, nil
		}
	}
}

// read reads as a slow line does. It answers no ping: a test is over before one is missed.
func (room *SlowRoom) read(ws *wire.WebSocket, bytesPerSecond int) {
	const slices = 50 // in a second
	buf := make([]byte, bytesPerSecond/slices)
	tick := time.NewTicker(time.Second / slices)
	defer tick.Stop()
	for range tick.C {
		n, err := ws.Reader.Read(buf)
		room.Heard.Add(int64(n))
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			room.Lost.Add(1)
			return
		}
	}
}

// Close lets the members go.
func (room *SlowRoom) Close() {
	for _, ws := range room.members {
		ws.Close()
	}
	room.readers.Wait()
}

// Shout sends messages of that size to the room, as fast as the service takes them, for that long. It returns how many
// bytes it has sent, and the error that ended it before.
func Shout(addr string, size int, d time.Duration) (sent int, err error) {
	ws, err := joined(addr)
	if err != nil {
		return 0, err
	}
	defer ws.Close()
	end := time.Now().Add(d)
	go func() { // it hears itself
		var b [64 << 10]byte
		for {
			if _, err := ws.Conn.Conn.Read(b[:]); err != nil {
				return
			}
		}
	}()
	frame := wire.Frame{
		Opcode:  wire.Text,
		Payload: fmt.Appendf(nil, `42["messages",{"nickname":"x","message":"%s"}]`, strings.Repeat("x", size)),
	}.Bytes()
	for time.Now().Before(end) {
		if err := ws.SetWriteDeadline(end); err != nil {
			return sent, err
		}
		n, err := ws.Write(frame)
		sent += n
		if err != nil && time.Now().Before(end) {
			return sent, err
		}
	}
	return sent, nil
}
