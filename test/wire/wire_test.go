package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reading returns a Conn that reads what a server is supposed to have sent.
func reading(t *testing.T, sent string) *Conn {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		io.WriteString(server, sent)
		server.Close()
	}()
	t.Cleanup(func() { client.Close() })
	return &Conn{Conn: client, Reader: bufio.NewReader(client)}
}

func TestReadResponse(t *testing.T) {
	for name, test := range map[string]struct{ sent, method, body string }{
		"length": {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX", "POST", "ok"},
		"chunks": {
			"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
			"GET", "abc",
		},
		"until close":     {"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nabc", "GET", "abc"},
		"head":            {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "HEAD", ""},
		"no content":      {"HTTP/1.1 204 No Content\r\n\r\n", "OPTIONS", ""},
		"switch protocol": {"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00", "GET", ""},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := reading(t, test.sent).ReadResponse(test.method)
			if err != nil || string(response.Body) != test.body {
				t.Fatalf("got %+v, %v; want body %q", response, err, test.body)
			}
		})
	}
}

func TestReadResponseRefusesWhatIsCutShort(t *testing.T) {
	for _, sent := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
		"HTTP/1.1 200 OK\r\nContent-Le",
		"HTTP/1.1 200 OK\r\n\r\n",
		"nonsense\r\n\r\n",
	} {
		if response, err := reading(t, sent).ReadResponse("GET"); err == nil {
			t.Errorf("%q was read as %+v", sent, response)
		}
	}
	if _, err := reading(t, "").ReadResponse("GET"); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("nothing sent: got %v, want ErrNoAnswer", err)
	}
}

func TestFrameBytes(t *testing.T) {
	for name, test := range map[string]struct {
		frame Frame
		want  string
	}{
		"masked text":  {Frame{Opcode: Text, Payload: []byte("40")}, "\x81\x82\x12\x34\x56\x78\x26\x04"},
		"unmasked":     {Frame{Opcode: Text, Payload: []byte("40"), Unmasked: true}, "\x81\x0240"},
		"reserved bit": {Frame{Opcode: Ping, RSV: 4, Unmasked: true}, "\xC9\x00"},
		"not final":    {Frame{Opcode: Binary, NotFinal: true, Unmasked: true}, "\x02\x00"},
		"close": {
			Frame{Opcode: Close, Payload: CloseFrame(1000, "bye").Payload, Unmasked: true}, "\x88\x05\x03\xe8bye",
		},
		"false length": {
			Frame{Opcode: Text, Length: 1 << 20, Unmasked: true}, "\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x00",
		},
	} {
		if got := test.frame.Bytes(); string(got) != test.want {
			t.Errorf("%s: got % x, want % x", name, got, test.want)
		}
	}
}

func TestReadFrame(t *testing.T) {
	long := strings.Repeat("x", 70000)
	sent := "\x81\x02ok" + "\x82\x7e\x01\x00" + long[:256] + "\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70" + long
	ws := &WebSocket{Conn: reading(t, sent)}
	for i, want := range []string{"ok", long[:256], long} {
		if f, err := ws.ReadFrame(); err != nil || !bytes.Equal(f.Payload, []byte(want)) {
			t.Fatalf("frame %d: %d bytes, %v", i, len(f.Payload), err)
		}
	}
	if _, err := ws.ReadFrame(); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last frame: %v, want io.EOF", err)
	}
	for _, bad := range []string{"\x81\x82\x00\x00\x00\x00ok", "\x01\x02ok", "\xc1\x00", "\x83\x00"} {
		ws := &WebSocket{Conn: reading(t, bad)}
		if f, err := ws.ReadFrame(); err == nil {
			t.Errorf("% x was read as %+v", bad, f)
		}
	}
}
