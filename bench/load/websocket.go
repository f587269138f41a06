//go:build linux

package load

// The WebSocket transport: the opening handshake (RFC 6455, section 4.1), then frames.

import (
	"bytes"
	"fmt"
	"math"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A socket is a client's WebSocket connection.
type socket struct {
	client *Client
	conn   *conn
	walker walker
	open   bool
	header []byte // of the response to the handshake, as far as it has come
}

// paths are where each protocol is served.
var paths = map[peer.Protocol]string{
	peer.SocketIO:   "/socket.io/?EIO=4&transport=websocket",
	peer.Floor:      "/",
	peer.Centrifuge: "/connection/websocket",
}

// browserHeaders are roughly what a browser sends with every request, besides Host and Origin. A server has to parse
// them.
const browserHeaders = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
	"Chrome/130.0.0.0 Safari/537.36\r\n" +
	"Accept-Language: pt-BR,pt;q=0.9,en;q=0.8\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n"

func (l *Loop) newSocket(c *Client, to, from [4]byte, port int) error {
	s := &socket{client: c, walker: walker{keep: headLimit}}
	if c.spec.Protocol == peer.Centrifuge {
		s.walker.keep = math.MaxInt // several replies may share one message
	}
	s.walker.sink = s
	c.transport = s
	var err error
	s.conn, err = l.dial(to, from, port, c.spec.Narrow, s)
	return err
}

func (s *socket) connected() error {
	spec := &s.client.spec
	headers := spec.Headers
	if headers == "" {
		headers = "Origin: http://" + spec.Addr + "\r\n"
	}
	s.conn.write(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n%s"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\n%s"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		paths[spec.Protocol], spec.Addr, headers, browserHeaders))
	return nil
}

func (s *socket) data(p []byte) error {
	if s.open {
		return s.walker.walk(p)
	}
	s.header = append(s.header, p...)
	head, rest, complete := bytes.Cut(s.header, []byte("\r\n\r\n"))
	if !complete {
		if len(s.header) > maxResponseHeader {
			return fmt.Errorf("load: a response header of more than %d bytes", maxResponseHeader)
		}
		return nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("load: no WebSocket: %.200q", s.header)
	}
	s.open, s.header = true, nil
	switch s.client.spec.Protocol {
	case peer.Floor:
		// The server may answer the handshake before it counts the client as a receiver. It answers a ping only after
		// that.
		s.conn.write(appendFrame(nil, opPing, nil))
	case peer.Centrifuge:
		s.client.SendText([]byte(`{"id":1,"connect":{}}`))
	}
	return s.walker.walk(rest)
}

func (s *socket) closed(err error) { s.client.lost(err) }

func (s *socket) close() { s.conn.close() }

func (s *socket) send(parts [][]byte) {
	frames := s.client.loop.scratch[:0]
	for i, part := range parts {
		opcode := byte(opText)
		if i > 0 {
			opcode = opBinary
		}
		frames = appendFrame(frames, opcode, part)
	}
	s.client.loop.scratch = frames
	s.conn.write(frames)
}

// message handles what the walker has found.
func (s *socket) message(opcode byte, head []byte, length int) error {
	switch opcode {
	case opClose:
		if len(head) >= 2 {
			return fmt.Errorf("load: closed by the server, code %d %q", int(head[0])<<8|int(head[1]), head[2:])
		}
		return fmt.Errorf("load: closed by the server without a code")
	case opPing:
		s.client.loop.scratch = appendFrame(s.client.loop.scratch[:0], opPong, head)
		s.conn.write(s.client.loop.scratch)
		return nil
	case opPong:
		if !s.client.Ready {
			s.client.becomeReady()
		}
		return nil
	}
	switch s.client.spec.Protocol {
	case peer.Floor:
		s.client.event(head)
		return nil
	case peer.Centrifuge:
		return s.client.centrifugeReplies(head)
	}
	if opcode == opBinary {
		return s.client.attachment(head)
	}
	return s.client.enginePacket(head)
}
