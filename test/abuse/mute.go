package abuse

// Clients that read only what they must.

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A mute has a session and does with it what an attack wants.
type mute struct {
	addr string
	path string          // of a polling session
	ws   *wire.WebSocket // of one on a WebSocket
	open []*wire.Conn
}

// A crowd is many of them.
type crowd []*mute

// gather lets n clients come, which poll or have a WebSocket, and join the room. They have read what they must.
func gather(addr string, n int, polls, room bool) (crowd, error) {
	const atOnce = 16
	all := make(crowd, n)
	errs := make(chan error, n)
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i := range all {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			m := &mute{addr: addr}
			all[i] = m
			if err := m.come(polls, room); err != nil {
				errs <- err
			}
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		all.leave()
		return nil, err
	default:
		return all, nil
	}
}

func (m *mute) come(polls, room bool) error {
	if polls {
		sid, err := wire.OpenSession(m.addr, patience)
		if err != nil {
			return err
		}
		m.path = wire.NewPolling + "&sid=" + sid
	} else {
		ws, err := wire.DialWebSocket(m.addr, wire.NewSocket)
		if err != nil {
			return err
		}
		ws.SetReadDeadline(time.Now().Add(patience))
		m.ws = ws
	}
	if err := m.say("40"); err != nil {
		return err
	}
	if err := m.await("40{"); err != nil || !room {
		return err
	}
	if err := m.say(`42["registrar"]`); err != nil {
		return err
	}
	return m.await(`42["registrado"`)
}

// leave closes the connections.
func (c crowd) leave() {
	for _, m := range c {
		if m == nil {
			continue
		}
		if m.ws != nil {
			m.ws.Close()
		}
		for _, conn := range m.open {
			conn.Close()
		}
	}
}

// linger keeps the sessions with pongs that nobody has asked for until ctx is done. It returns how many are still
// there.
func (c crowd) linger(ctx context.Context) (there int) {
	const every = time.Second
	for {
		pause(ctx, every)
		if ctx.Err() != nil {
			return there
		}
		there = 0
		for _, m := range c {
			if ctx.Err() == nil && m.say("3") == nil {
				there++
			}
		}
	}
}

// say sends packets.
func (m *mute) say(packets ...string) error {
	const timeout = 2 * time.Second
	if m.ws != nil {
		for _, p := range packets {
			if err := m.write(text(p), timeout); err != nil {
				return err
			}
		}
		return nil
	}
	request := wire.Request{Method: "POST", Target: m.path, Body: strings.Join(packets, "\x1e")}
	response, err := wire.Do(m.addr, request, timeout)
	if err == nil && response.Code != 200 {
		err = fmt.Errorf("post answered %s", response.Status)
	}
	return err
}

// write writes to a WebSocket.
func (m *mute) write(b []byte, timeout time.Duration) error {
	if err := m.ws.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := m.ws.Write(b)
	return err
}

// await reads until a packet comes that begins so.
func (m *mute) await(prefix string) error {
	for {
		var packets []string
		if m.ws != nil {
			f, err := m.ws.ReadFrame()
			if err != nil || f.Opcode == wire.Close {
				return fmt.Errorf("closed before %s: %v, %q", prefix, err, f.Payload)
			}
			packets = []string{string(f.Payload)}
		} else {
			response, err := wire.Get(m.addr, m.path, patience)
			if err != nil || response.Code != 200 {
				return fmt.Errorf("no answer before %s: %v, %v", prefix, err, response)
			}
			packets = strings.Split(string(response.Body), "\x1e")
		}
		for _, p := range packets {
			if strings.HasPrefix(p, prefix) {
				return nil
			}
		}
	}
}

// get asks for what is queued, and does not read it.
func (m *mute) get(headers ...wire.Header) (*wire.Conn, error) {
	c, err := wire.Dial(m.addr)
	if err != nil {
		return nil, err
	}
	m.open = append(m.open, c)
	_, err = c.Write(wire.Request{Method: "GET", Target: m.path, Headers: headers}.Bytes())
	return c, err
}
