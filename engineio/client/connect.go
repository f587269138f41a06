package client

// WebSocket connections: through proxies, with cookies and credentials, and the opening handshake.

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
)

// A wsConn is a connection past the WebSocket handshake.
type wsConn struct {
	net.Conn
	early   []byte // what the server has sent already
	deflate bool   // permessage-deflate has been agreed upon
}

// deflateOffer is what the client offers where it compresses (RFC 7692, section 7.1).
func deflateOffer() httphead.Option {
	return httphead.NewOption("permessage-deflate", map[string]string{
		"client_no_context_takeover": "", "server_no_context_takeover": "",
	})
}

// dialWebSocket opens a connection; sid is that of a session that is to be upgraded.
func (e *endpoint) dialWebSocket(ctx context.Context, sid string) (*wsConn, error) {
	at := e.request(WebSocket, sid)
	header, host := e.header()
	if user := at.User; user != nil && header.Get("Authorization") == "" {
		header.Set("Authorization", basic(user))
	}
	if e.opts.Jar != nil {
		addCookies(header, e.opts.Jar.Cookies(at))
	}
	var refused error
	set := make(http.Header)
	d := ws.Dialer{
		Protocols: e.opts.Protocols,
		Header:    ws.HandshakeHeaderHTTP(header),
		Host:      host,
		TLSConfig: e.tlsConfig(),
		NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return e.dialThrough(ctx, at, network, address)
		},
		OnHeader: func(key, value []byte) error {
			if e.opts.Jar != nil && strings.EqualFold(string(key), "Set-Cookie") {
				set.Add("Set-Cookie", string(value))
			}
			return nil
		},
		OnStatusError: func(status int, _ []byte, answer io.Reader) {
			refused = &ServerError{Status: status, Code: -1}
			if r, err := http.ReadResponse(bufio.NewReader(answer), nil); err == nil {
				refused = readServerError(status, r.Body)
				_ = r.Body.Close()
			}
		},
	}
	if e.deflater != nil {
		d.Extensions = []httphead.Option{deflateOffer()}
	}
	u := *at
	u.Scheme, u.User = "ws"+strings.TrimPrefix(at.Scheme, "http"), nil
	conn, early, agreed, err := d.Dial(ctx, u.String())
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		return nil, fmt.Errorf("websocket: %w", err)
	}
	if e.opts.Jar != nil && len(set) > 0 {
		e.opts.Jar.SetCookies(at, (&http.Response{Header: set}).Cookies())
	}
	c := &wsConn{Conn: conn}
	if early != nil {
		c.early = make([]byte, early.Buffered())
		_, _ = io.ReadFull(early, c.early) // it is in memory
		ws.PutReader(early)
	}
	for _, x := range agreed.Extensions {
		c.deflate = c.deflate || string(x.Name) == "permessage-deflate"
	}
	return c, nil
}

// tlsConfig is that of a WebSocket connection, which HTTP/2 does not carry.
func (e *endpoint) tlsConfig() *tls.Config {
	c := &tls.Config{}
	if e.opts.TLSConfig != nil {
		c = e.opts.TLSConfig.Clone()
	}
	c.NextProtos = []string{"http/1.1"}
	return c
}

func basic(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

func addCookies(header http.Header, cookies []*http.Cookie) {
	r := http.Request{Header: header}
	for _, c := range cookies {
		r.AddCookie(c)
	}
}

// dialThrough connects to the address of a request, through its proxy if it has one.
func (e *endpoint) dialThrough(ctx context.Context, at *url.URL, network, address string) (net.Conn, error) {
	proxy, err := e.opts.Proxy(&http.Request{Method: http.MethodGet, URL: at, Header: http.Header{}})
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy == nil {
		return e.opts.DialContext(ctx, network, address)
	}
	var port string
	switch proxy.Scheme {
	case "http":
		port = "80"
	case "https":
		port = "443"
	default:
		return nil, fmt.Errorf("proxy: WebSocket does not go through one of scheme %q", proxy.Scheme)
	}
	if p := proxy.Port(); p != "" {
		port = p
	}
	conn, err := e.opts.DialContext(ctx, network, net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		c := e.tlsConfig()
		c.ServerName = proxy.Hostname()
		conn = tls.Client(conn, c)
	}
	tunnel, err := connectTunnel(ctx, conn, proxy, address)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return tunnel, nil
}

// connectTunnel asks a proxy for a tunnel to an address (RFC 9110, section 9.3.6).
func connectTunnel(ctx context.Context, conn net.Conn, proxy *url.URL, address string) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if proxy.User != nil {
		r.Header.Set("Proxy-Authorization", basic(proxy.User))
	}
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	// One byte at a time would be needed to stop exactly behind the answer; a server says nothing before its client.
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, r)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers CONNECT with %s", answer.Status)
	case in.Buffered() > 0:
		return nil, protocolError("something comes through a proxy's tunnel before its time")
	case !stop():
		return nil, ctx.Err()
	}
	return conn, nil
}
