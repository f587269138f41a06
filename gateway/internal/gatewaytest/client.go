package gatewaytest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A Client speaks Socket.IO over long-polling.
type Client struct {
	URL string // of the session
	ID  string // of the socket

	t    testing.TB
	left []string // packets received and not yet asked for
	http *http.Client
}

// Open opens a session that has joined no namespace.
func (n *Node) Open(t testing.TB) *Client {
	t.Helper()
	transport := &http.Transport{}
	c := &Client{
		t: t, URL: "http://" + n.Address + "/socket.io/?EIO=4&transport=polling",
		http: &http.Client{Transport: transport, Timeout: Patience},
	}
	_, sid, _ := strings.Cut(c.Receive(1)[0], `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	c.URL += "&sid=" + sid
	t.Cleanup(func() {
		// Leaving, because a gateway that stops waits for its clients. The session may be over already.
		if response, err := c.Post("1"); err == nil {
			response.Body.Close()
		}
		transport.CloseIdleConnections()
	})
	return c
}

// Connect opens a session and joins the namespace /.
func (n *Node) Connect(t testing.TB) *Client {
	t.Helper()
	c := n.Open(t)
	c.Send("40")
	_, c.ID, _ = strings.Cut(c.Receive(1)[0], `40{"sid":"`)
	c.ID = strings.TrimSuffix(c.ID, `"}`)
	return c
}

// Post sends a body as it stands.
func (c *Client) Post(body string) (*http.Response, error) {
	return c.http.Post(c.URL, "text/plain;charset=UTF-8", strings.NewReader(body))
}

// Send sends packets in one POST.
func (c *Client) Send(packets ...string) {
	c.t.Helper()
	response, err := c.Post(strings.Join(packets, "\x1e"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "ok" {
		c.t.Fatalf("post %q: %d %q, %v", packets, response.StatusCode, body, err)
	}
}

// Poll waits for the next payload.
func (c *Client) Poll() ([]string, error) {
	response, err := c.http.Get(c.URL)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.Split(string(body), "\x1e"), err
}

// Receive returns the next count packets.
func (c *Client) Receive(count int) []string {
	c.t.Helper()
	for len(c.left) < count {
		packets, err := c.Poll()
		if err != nil {
			c.t.Fatal(err)
		}
		c.left = append(c.left, packets...)
	}
	got := c.left[:count]
	c.left = c.left[count:]
	return got
}

// Leave ends the session.
func (c *Client) Leave() {
	c.t.Helper()
	response, err := c.Post("1")
	if err != nil {
		c.t.Fatal(err)
	}
	response.Body.Close()
}
