//go:build linux

package load

// The HTTP long-polling transport of Engine.IO: one connection on which a GET always waits, and one for POSTs.

import (
	"bytes"
	"errors"
	"fmt"
)

// A poller is a client's long-polling session.
type poller struct {
	client   *Client
	to, from [4]byte
	port     int
	get      exchange
	post     exchange
	sid      string
	queue    []byte // the next POST's payload
	done     bool
}

// An exchange is one connection of a poller: requests and their responses, one after the other.
type exchange struct {
	poller   *poller
	conn     *conn
	reader   responseReader
	request  []byte // to be sent once connected
	busy     bool
	response func(body []byte) error
}

func (l *Loop) newPoller(c *Client, to, from [4]byte, port int) error {
	p := &poller{client: c, to: to, from: from, port: port}
	p.get = exchange{poller: p, response: p.polled}
	p.post = exchange{poller: p, response: p.posted}
	c.transport = p
	return p.poll()
}

// poll asks for the next packets, or for a session if there is none yet.
func (p *poller) poll() error {
	return p.get.send(fmt.Appendf(nil,
		"GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: http://%[2]s\r\nAccept: */*\r\n%[3]s\r\n",
		p.path(), p.client.spec.Addr, browserHeaders))
}

func (p *poller) path() string {
	if p.sid == "" {
		return "/socket.io/?EIO=4&transport=polling"
	}
	return "/socket.io/?EIO=4&transport=polling&sid=" + p.sid
}

func (p *poller) polled(body []byte) error {
	if p.sid == "" {
		_, rest, _ := bytes.Cut(body, []byte(`"sid":"`))
		sid, _, found := bytes.Cut(rest, []byte(`"`))
		if !found {
			return fmt.Errorf("load: no session: %.100q", body)
		}
		p.sid = string(sid)
	}
	// The next request goes out first, so that the server does not wait while the client counts.
	if err := p.poll(); err != nil {
		return err
	}
	for len(body) > 0 {
		record := body
		if end := bytes.IndexByte(body, recordSeparator); end >= 0 {
			record, body = body[:end], body[end+1:]
		} else {
			body = nil
		}
		var err error
		if len(record) > 0 && record[0] == 'b' {
			err = p.client.attachmentText(record[1:])
		} else {
			err = p.client.enginePacket(record[:min(len(record), headLimit)])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) posted(body []byte) error {
	if string(body) != "ok" {
		return fmt.Errorf("load: a POST was answered %.100q", body)
	}
	return p.flush()
}

func (p *poller) send(parts [][]byte) {
	p.queue = appendRecord(p.queue, parts)
	if err := p.flush(); err != nil {
		p.fail(err)
	}
}

// flush posts what is queued, unless a POST is in progress.
func (p *poller) flush() error {
	if p.post.busy || len(p.queue) == 0 || p.done {
		return nil
	}
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: http://%[2]s\r\nAccept: */*\r\n"+
		"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %[3]d\r\n%[4]s\r\n",
		p.path(), p.client.spec.Addr, len(p.queue), browserHeaders)
	request = append(request, p.queue...)
	p.queue = p.queue[:0]
	return p.post.send(request)
}

func (p *poller) close() {
	p.done = true
	for _, e := range []*exchange{&p.get, &p.post} {
		if e.conn != nil {
			e.conn.close()
		}
	}
}

func (p *poller) fail(err error) {
	if !p.done {
		p.close()
		p.client.lost(err)
	}
}

// send sends a request, on a new connection if there is none.
func (e *exchange) send(request []byte) error {
	e.busy = true
	if e.conn != nil && e.conn.up {
		e.conn.write(request)
		return nil
	}
	e.request = request
	if e.conn != nil {
		return nil
	}
	var err error
	e.conn, err = e.poller.client.loop.dial(e.poller.to, e.poller.from, e.poller.port, false, e)
	return err
}

func (e *exchange) connected() error {
	e.conn.write(e.request)
	e.request = nil
	return nil
}

func (e *exchange) data(p []byte) error {
	// The response may have closed this connection already, so an error goes to the session itself.
	if err := e.responses(p); err != nil {
		e.poller.fail(err)
	}
	return nil
}

func (e *exchange) responses(p []byte) error {
	for len(p) > 0 {
		if !e.busy {
			return errors.New("load: a response without a request")
		}
		body, rest, complete, err := e.reader.feed(p)
		if err != nil || !complete {
			return err
		}
		if e.reader.status != 200 {
			return fmt.Errorf("load: status %d: %.100q", e.reader.status, body)
		}
		e.busy = false
		if e.reader.close {
			e.conn.close()
			e.conn = nil
		}
		if err := e.response(body); err != nil {
			return err
		}
		p = rest
	}
	return nil
}

// closed handles the end of the connection. A server may end an idle one; the next request then makes a new one.
func (e *exchange) closed(err error) {
	e.conn = nil
	if e.busy || e.poller.done {
		e.poller.fail(err)
		return
	}
	e.reader = responseReader{}
}
