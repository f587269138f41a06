//go:build unix

// Command floor shows what a broadcast over WebSockets costs at least if no system calls are saved. What one client
// sends is written to every client, the sender too, with one write(2) each, and nothing else happens: no rooms, no
// protocol above RFC 6455, no events, no JSON. Environment: HOST, PORT.
package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
)

func main() {
	h := &hub{}
	l, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		go h.serve(conn.(*net.TCPConn))
	}
}

// A hub has all clients.
type hub struct {
	mu      sync.RWMutex
	clients []*client
}

// serve reads one connection to its end. Any error ends it; there is nobody to tell.
func (h *hub) serve(conn *net.TCPConn) {
	r := bufio.NewReaderSize(conn, 1024)
	if err := shakeHands(conn, r); err != nil {
		conn.Close()
		return
	}
	c, err := newClient(conn)
	if err != nil {
		conn.Close()
		return
	}
	h.mu.Lock()
	h.clients = append(h.clients, c)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.clients = slices.DeleteFunc(h.clients, func(other *client) bool { return other == c })
		h.mu.Unlock()
		c.close()
	}()
	var f frame
	for {
		if err := f.read(r); err != nil {
			return
		}
		switch f.opcode {
		case opText, opBinary:
			h.broadcast(f.out())
		case opPing:
			f.opcode = opPong
			c.write(f.out())
		case opClose:
			c.write(f.out())
			return
		}
	}
}

func (h *hub) broadcast(frame []byte) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range h.clients {
		c.write(frame)
	}
}

// shakeHands answers the opening handshake (RFC 6455, section 4.2.2). Any other request gets a 404 and an error.
func shakeHands(conn io.Writer, r *bufio.Reader) error {
	request, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	key := request.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return errors.New("no WebSocket handshake")
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	return err
}
