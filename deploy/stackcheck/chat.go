package main

// The conversation. Each gateway gets a client, and what each client says all must hear. One more client polls, and
// sends each of its requests to another gateway, as a balancer without sticky sessions would.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws/wsutil"

	"github.com/gobwas/ws"
)

const query = "/socket.io/?EIO=4&transport="

// A client is a Socket.IO client on a WebSocket.
type client struct {
	address string
	conn    net.Conn
}

// dial connects, joins the namespace, and registers.
func dial(ctx context.Context, address string) (*client, error) {
	conn, buffered, _, err := ws.Dial(ctx, "ws://"+address+query+"websocket")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	c := &client{address: address, conn: conn}
	if buffered != nil { // has come with the answer to the handshake
		c.conn = &prefixed{Conn: conn, rest: io.MultiReader(buffered, conn)}
	}
	steps := []struct{ say, hear string }{{"", "0{"}, {"40", "40{"}, {`42["registrar"]`, `42["registrado"`}}
	for _, step := range steps {
		if err == nil && step.say != "" {
			err = c.say(step.say)
		}
		if err == nil {
			_, err = c.hear(step.hear)
		}
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return c, nil
}

// A prefixed connection has been read in part already; rest has all that is still to be read.
type prefixed struct {
	net.Conn
	rest io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.rest.Read(b) }

func (c *client) say(packet string) error { return wsutil.WriteClientText(c.conn, []byte(packet)) }

// hear returns the next packet that begins with prefix. It skips all others and answers heartbeats.
func (c *client) hear(prefix string) (string, error) {
	for {
		data, err := wsutil.ReadServerText(c.conn)
		if err != nil {
			return "", fmt.Errorf("waiting for %s: %w", prefix, err)
		}
		switch packet := string(data); {
		case packet == "2":
			if err := c.say("3"); err != nil {
				return "", err
			}
		case strings.HasPrefix(packet, prefix):
			return packet, nil
		}
	}
}

// converse connects a client to each gateway (host:port), has each say something that all must hear, and polls across
// the gateways. It fails if fewer than nodes hosts answer. The summary is for people.
func converse(ctx context.Context, gateways []string, nodes int) (string, error) {
	var clients []*client
	defer func() {
		for _, c := range clients {
			c.conn.Close()
		}
	}()
	for _, address := range gateways {
		c, err := dial(ctx, address)
		if err != nil {
			return "", err
		}
		clients = append(clients, c)
	}
	hosts := make(map[string]bool)
	began := time.Now()
	for i, sender := range clients {
		text := fmt.Sprintf("stackcheck %d %d", began.UnixNano(), i)
		if err := sender.say(`42["messages",{"nickname":"stackcheck","message":"` + text + `"}]`); err != nil {
			return "", err
		}
		for _, c := range clients {
			packet, err := c.hear(`42["messages",{"nickname":"stackcheck","message":"` + text + `"`)
			if err != nil {
				return "", fmt.Errorf("%s does not hear %s: %w", c.address, sender.address, err)
			}
			var event []json.RawMessage
			var message struct{ Server string }
			if err := json.Unmarshal([]byte(packet[2:]), &event); err != nil {
				return "", err
			}
			if err := json.Unmarshal(event[1], &message); err != nil {
				return "", err
			}
			hosts[message.Server] = true
		}
	}
	if len(hosts) < nodes {
		return "", fmt.Errorf("only %d of %d hosts answer: %v", len(hosts), nodes, hosts)
	}
	if err := poll(ctx, gateways); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d clients on %d hosts heard each other, and one polled across %d gateways",
		len(clients), len(hosts), len(gateways)), nil
}

// poll holds a polling session whose every request goes to the next gateway.
func poll(ctx context.Context, gateways []string) error {
	at := 0
	request := func(method, sid, body string) (string, error) {
		address := gateways[at%len(gateways)]
		at++
		target := "http://" + address + query + "polling" + sid
		r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader([]byte(body)))
		if err != nil {
			return "", err
		}
		transport := &http.Transport{DisableKeepAlives: true}
		response, err := transport.RoundTrip(r)
		if err != nil {
			return "", fmt.Errorf("poll at %s: %w", address, err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("poll at %s: %s %s", address, response.Status, text)
		}
		return string(text), err
	}
	opened, err := request(http.MethodGet, "", "")
	if err != nil {
		return err
	}
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(opened, "0")), &handshake); err != nil {
		return fmt.Errorf("poll: handshake %q: %w", opened, err)
	}
	sid := "&sid=" + handshake.SID
	for _, step := range []struct{ say, hear string }{{"40", "40{"}, {`42["registrar"]`, `42["registrado"`}} {
		if _, err := request(http.MethodPost, sid, step.say); err != nil {
			return err
		}
		for heard := false; !heard; {
			payload, err := request(http.MethodGet, sid, "")
			if err != nil {
				return err
			}
			for packet := range strings.SplitSeq(payload, "\x1e") {
				heard = heard || strings.HasPrefix(packet, step.hear)
			}
		}
	}
	_, err = request(http.MethodPost, sid, "41\x1e1") // leaves
	return err
}
