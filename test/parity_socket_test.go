package test

// A WebSocket of a parity case: records what arrives, line by line.

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A scriptSocket reads a WebSocket to its end, in the background.
type scriptSocket struct {
	prefix string // "name: " before each line, in a case with several WebSockets
	ws     *wire.WebSocket
	lines  chan string // closed when the connection ends
	ended  bool        // all lines have been read
}

func newScriptSocket(name string, ws *wire.WebSocket) *scriptSocket {
	s := &scriptSocket{ws: ws, lines: make(chan string, 1000)}
	if name != "" {
		s.prefix = name + ": "
	}
	go s.read()
	return s
}

// read records every frame. It records a close frame only once the connection has ended too, which must be soon.
func (s *scriptSocket) read() {
	defer close(s.lines)
	for {
		f, err := s.ws.ReadFrame()
		if errors.Is(err, io.EOF) {
			s.lines <- "end of the connection without a close frame"
			return
		}
		if err != nil {
			s.lines <- s.notAFrame(f, err)
			return
		}
		switch f.Opcode {
		case wire.Text:
			s.lines <- show(string(f.Payload))
		case wire.Binary:
			s.lines <- "binary " + hex.EncodeToString(f.Payload)
		case wire.Ping:
			s.lines <- "ping " + string(f.Payload)
		case wire.Pong:
			s.lines <- "pong " + string(f.Payload)
		case wire.Close:
			s.lines <- s.closed(f)
			return
		}
	}
}

func (s *scriptSocket) closed(f wire.Frame) string {
	line := "close"
	if len(f.Payload) >= 2 {
		line += fmt.Sprintf(" %d", binary.BigEndian.Uint16(f.Payload))
		if len(f.Payload) > 2 {
			line += " " + string(f.Payload[2:])
		}
	}
	s.ws.Send(wire.Frame{Opcode: wire.Close, Payload: f.Payload})
	s.ws.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, s.ws.Reader); err != nil && !errors.Is(err, io.EOF) && !wire.IsReset(err) {
		line += ", but the connection stays open"
	} else if n > 0 {
		line += fmt.Sprintf(", then %d bytes", n)
	}
	return line
}

// notAFrame shows what a service wrote instead of a frame.
func (s *scriptSocket) notAFrame(f wire.Frame, err error) string {
	s.ws.SetReadDeadline(time.Now().Add(patience))
	rest, _ := io.ReadAll(s.ws.Reader)
	first := []byte{byte(f.Opcode) | f.RSV<<4, 0}
	if !f.NotFinal {
		first[0] |= 0x80
	}
	// The second byte is lost. The only service that does this writes "HTTP/1.1 ..." there.
	if first[0] == 'H' {
		first[1] = 'T'
	}
	text, jsonErr := json.Marshal(string(first) + string(rest))
	if jsonErr != nil {
		return err.Error()
	}
	return "not a frame: " + string(text)
}

// collect returns the next n lines, or fewer if the connection ends or no more come in time.
func (s *scriptSocket) collect(n int) []string {
	var got []string
	timeout := time.After(patience)
	for len(got) < n && !s.ended {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.ended = true
				break
			}
			got = append(got, s.prefix+line)
		case <-timeout:
			return append(got, s.prefix+"nothing more")
		}
	}
	return got
}

// settle returns the lines that come until there is silence for so long, then whether the connection is open.
func (s *scriptSocket) settle(silence time.Duration) []string {
	var got []string
	for !s.ended {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.ended = true
				break
			}
			got = append(got, s.prefix+line)
		case <-time.After(silence):
			return append(got, s.prefix+"open")
		}
	}
	return got
}

// close ends the connection and its reader.
func (s *scriptSocket) close() {
	s.ws.Close()
	for range s.lines {
	}
}
