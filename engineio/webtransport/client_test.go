package webtransport

// A client of WebTransport, for the tests of the server.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

const patience = 20 * time.Second

// certificate is one for 127.0.0.1.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A node is an Engine.IO server that echoes, on HTTP and WebTransport.
type node struct {
	*engineio.Server
	t       *testing.T
	quic    *Server
	http    *httptest.Server
	roots   *x509.CertPool
	opened  chan *engineio.Session
	reasons chan engineio.Reason
}

type echo struct {
	*engineio.Session
	reasons chan<- engineio.Reason
}

func (e echo) OnMessage(data []byte, binary bool) {
	if binary {
		e.Send(engineio.NewBinaryMessage(bytes.Clone(data), engineio.MessageOptions{}))
	} else {
		e.Send(engineio.NewTextMessage(bytes.Clone(data), nil, engineio.MessageOptions{}))
	}
}

func (e echo) OnClose(reason engineio.Reason) { e.reasons <- reason }

func start(t *testing.T, opts engineio.Options, quicOpts Options) *node {
	t.Helper()
	n := &node{
		t: t, roots: x509.NewCertPool(),
		opened: make(chan *engineio.Session, 16), reasons: make(chan engineio.Reason, 16),
	}
	if opts.Transports == nil {
		opts.Transports = []string{"polling", "websocket", Name}
	}
	n.Server = engineio.NewServer(opts, func(s *engineio.Session) engineio.Handler {
		n.opened <- s
		return echo{s, n.reasons}
	})
	cert := certificate(t)
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	n.roots.AddCert(leaf)
	quicOpts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	if n.quic, err = Listen("udp", "127.0.0.1:0", n.Server, quicOpts); err != nil {
		t.Fatal(err)
	}
	n.http = httptest.NewServer(n.Server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := n.quic.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		n.http.Close()
	})
	return n
}

func (n *node) wantReason(want engineio.Reason) {
	n.t.Helper()
	select {
	case got := <-n.reasons:
		if got != want {
			n.t.Errorf("ended with %q, want %q", got, want)
		}
	case <-time.After(patience):
		n.t.Errorf("not ended, want %q", want)
	}
}

// poll sends a GET, which opens a session where sid is empty.
func (n *node) poll(sid string) string {
	n.t.Helper()
	url := n.http.URL + "/engine.io/?EIO=4&transport=polling"
	if sid != "" {
		url += "&sid=" + sid
	}
	response, err := n.http.Client().Get(url)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(body)
}

// A client has a session of WebTransport, and the stream once it has opened one.
type client struct {
	t       *testing.T
	session *webtransport.Session
	stream  *webtransport.Stream
	decoder engineio.Decoder
	found   []string // packets that are not asked for yet
}

// dial opens a session.
func (n *node) dial(path string, header http.Header) (*client, *http.Response, error) {
	n.t.Helper()
	d := &webtransport.Transport{
		TLSClientConfig: &tls.Config{RootCAs: n.roots, NextProtos: []string{"h3"}},
		QUICConfig: &quic.Config{
			EnableDatagrams: true, EnableStreamResetPartialDelivery: true,
			InitialStreamReceiveWindow: 64 << 10, MaxStreamReceiveWindow: 64 << 10,
		},
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	response, session, err := d.Dial(ctx, "https://"+n.quic.Addr().String()+path, header)
	n.t.Cleanup(func() { _ = d.Close() })
	if err != nil {
		return nil, response, err
	}
	n.t.Cleanup(func() { _ = session.CloseWithError(0, "") })
	return &client{t: n.t, session: session, decoder: Framing{}.NewDecoder(10 << 20)}, response, nil
}

// connect opens a session and its stream.
func (n *node) connect() *client {
	n.t.Helper()
	c, _, err := n.dial("/engine.io/?from=test", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	if c.stream, err = c.session.OpenStreamSync(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	_ = c.stream.SetDeadline(time.Now().Add(patience))
	return c
}

// open is connect, with an Engine.IO session opened.
func (n *node) open() (*client, *engineio.Session) {
	n.t.Helper()
	c := n.connect()
	c.send("0", false)
	if sid, session := sidOf(n.t, c.next()), <-n.opened; session.ID() == sid {
		return c, session
	}
	n.t.Fatal("another session than the one that was said")
	return nil, nil
}

func (c *client) send(packet string, binary bool) {
	c.t.Helper()
	if _, err := c.stream.Write(Framing{}.AppendPacket(nil, []byte(packet), binary)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next packet, with "b" before a binary one.
func (c *client) next() string {
	c.t.Helper()
	packet, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	return packet
}

func (c *client) read() (string, error) {
	buf := make([]byte, 32<<10)
	for len(c.found) == 0 {
		n, err := c.stream.Read(buf)
		decodeErr := c.decoder.Decode(buf[:n], func(data []byte, binary bool) error {
			kind := ""
			if binary {
				kind = "b"
			}
			c.found = append(c.found, kind+string(data))
			return nil
		})
		if len(c.found) == 0 && (err != nil || decodeErr != nil) {
			return "", errors.Join(err, decodeErr)
		}
	}
	packet := c.found[0]
	c.found = c.found[1:]
	return packet, nil
}

func (c *client) want(packets ...string) {
	c.t.Helper()
	for _, want := range packets {
		if got := c.next(); got != want {
			c.t.Fatalf("got %.80q, want %.80q", got, want)
		}
	}
}

// wantEnd waits until the server has closed the session.
func (c *client) wantEnd() {
	c.t.Helper()
	select {
	case <-c.session.Context().Done():
	case <-time.After(patience):
		c.t.Fatal("the session has not been closed")
	}
}

func sidOf(t *testing.T, packet string) string {
	t.Helper()
	var greeting struct{ SID string }
	body, isOpen := strings.CutPrefix(packet, "0")
	if err := json.Unmarshal([]byte(body), &greeting); err != nil || !isOpen {
		t.Fatalf("no open packet: %q", packet)
	}
	return greeting.SID
}
