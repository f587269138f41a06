// Command transport has a transport of its own beside polling and WebSocket: lines of JSON on TCP, for devices whose
// language has no Socket.IO client. They are in the same rooms as browsers.
//
//	go run ./examples/transport
//	nc localhost 3001
//
// A line is a packet: a string where it is text, an object where it is binary. This opens a session, connects to the
// main namespace, and says something; the server's answers are lines too. It must answer each "2", a ping, with "3".
//
//	"0"
//	"40"
//	"42[\"say\",\"hello\"]"
//	"451-[\"say\",{\"_placeholder\":true,\"num\":0}]"
//	{"base64":"AQID"}
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// lines is the transport's framing: how packets stand on the connection.
type lines struct{}

// A data is a binary packet.
type data struct {
	Base64 []byte `json:"base64"`
}

var errTooLong = errors.New("lines: the packet is too long")

// Name implements engineio.Framing.
func (lines) Name() string { return "lines" }

// AppendPacket implements engineio.Framing.
func (lines) AppendPacket(b, packet []byte, binary bool) []byte {
	var value any = string(packet)
	if binary {
		value = data{packet}
	}
	line, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings and bytes are always encoded
	}
	return append(append(b, line...), '\n')
}

// NewDecoder implements engineio.Framing.
func (lines) NewDecoder(limit int) engineio.Decoder { return &decoder{limit: limit} }

// A decoder keeps the beginning of a line until its end has come.
type decoder struct {
	limit int // of a packet, in bytes
	line  []byte
}

// Decode implements engineio.Decoder.
func (d *decoder) Decode(b []byte, packet func(data []byte, binary bool) error) error {
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		d.line = append(d.line, line...)
		if len(d.line)/6 > d.limit+16 { // a byte may be written as \u0000, and an object has its name
			return errTooLong
		}
		if !whole {
			return nil
		}
		if err := d.decodeLine(packet); err != nil {
			return err
		}
		b, d.line = rest, d.line[:0]
	}
}

func (d *decoder) decodeLine(packet func(data []byte, binary bool) error) error {
	var text string
	var binary *data
	err := json.Unmarshal(d.line, &text)
	if err != nil {
		err = json.Unmarshal(d.line, &binary)
	}
	switch {
	case err != nil:
		return err
	case binary != nil && len(binary.Base64) <= d.limit:
		return packet(binary.Base64, true)
	case binary == nil && len(text) <= d.limit:
		return packet([]byte(text), false)
	}
	return errTooLong
}

// accept serves the connections of l until that is closed.
func accept(l net.Listener, io *socketio.Server) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no file is left for it, say: that passes
			log.Print(err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		// What the handshake shows of a client; a transport over HTTP has a real request.
		r := &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: io.Path()}, Header: http.Header{},
			Host: conn.LocalAddr().String(), RemoteAddr: conn.RemoteAddr().String(),
		}
		go func() { // until the first packet, for which a client has Options.UpgradeTimeout
			if err := io.ServeStream(conn, lines{}, r); err != nil {
				log.Print(conn.RemoteAddr(), ": ", err)
			}
		}()
	}
}

func newServer() *socketio.Server {
	io := socketio.NewServer(socketio.Options{Transports: []string{"polling", "websocket", lines{}.Name()}})
	socketio.On(io, "say", func(_ context.Context, s *socketio.Socket, what socketio.Raw) error {
		return io.Emit("said", s.Transport(), what)
	})
	return io
}

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on for HTTP")
	linesAddr := flag.String("lines", "localhost:3001", "address to listen on for lines")
	flag.Parse()

	io := newServer()
	l, err := net.Listen("tcp", *linesAddr)
	if err != nil {
		log.Fatal(err)
	}
	go accept(l, io)
	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr, ", and on ", *linesAddr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
