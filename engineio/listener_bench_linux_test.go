package engineio

// What the ways in cost, with what production sets.

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// behindProxy is what production sets: origins, their pages' cookies, and a proxy.
var behindProxy = Options{
	CORS:           &CORS{Origins: []string{"https://chat.example", "https://www.chat.example"}, Credentials: true},
	TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
}

const (
	fromPage   = "Origin: https://chat.example\r\nCookie: a=b\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
	fromProxy  = fromPage + "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n"
	fromNginx  = fromProxy + "Connection: upgrade\r\n" // to what is no upgrade, as socket.io's guide has nginx do it
	benchHost  = " HTTP/1.1\r\nHost: chat.example\r\n"
	benchShake = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"
)

var benchWays = []struct {
	name   string
	opts   Options
	fields string
}{
	{"plain", Options{}, ""},
	{"origins", Options{CORS: behindProxy.CORS}, fromPage},
	{"origins and proxy", behindProxy, fromProxy},
	{"origins and nginx", behindProxy, fromNginx},
}

// benchmarkWays runs a benchmark on both ways. CPU is the process's, its client's part included.
func benchmarkWays(b *testing.B, run func(b *testing.B, h *host, fields string)) {
	for _, way := range benchWays {
		for name, netHTTP := range map[string]bool{"fast": false, "nethttp": true} {
			b.Run(way.name+"/"+name, func(b *testing.B) {
				opts := way.opts
				opts.netHTTPOnly, opts.HandshakeRate = netHTTP, -1
				opts.Logger = slog.New(slog.DiscardHandler)
				h := start(b, setup{opts: opts, message: echo})
				began := cpuTime()
				b.ResetTimer()
				run(b, h, way.fields)
				b.StopTimer()
				b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/1000, "cpu-µs/op")
			})
		}
	}
}

// cpuTime is what the process has had.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchDial(b *testing.B, h *host) net.Conn {
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// A client connects by WebSocket, gets the open packet, and goes.
func BenchmarkListenerConnect(b *testing.B) {
	benchmarkWays(b, func(b *testing.B, h *host, fields string) {
		fields = strings.TrimSuffix(fields, "Connection: upgrade\r\n") // which it has anyway
		request := "GET /engine.io/?EIO=4&transport=websocket" + benchHost + fields + benchShake +
			"Connection: Upgrade\r\n\r\n"
		buf := make([]byte, 4096)
		for range b.N {
			conn := benchDial(b, h)
			_, _ = io.WriteString(conn, request)
			for n := 0; !strings.HasSuffix(string(buf[:n]), "}"); {
				m, err := conn.Read(buf[n:])
				if err != nil {
					b.Fatalf("%q %v", buf[:n], err)
				}
				n += m
			}
			_ = conn.(*net.TCPConn).SetLinger(0) // ports are to last
			_ = conn.Close()
		}
	})
}

// A client sends a message by POST, and polls for the echo: two requests on one connection.
func BenchmarkListenerPoll(b *testing.B) {
	benchmarkWays(b, func(b *testing.B, h *host, fields string) {
		c := h.openPoll()
		conn := benchDial(b, h)
		defer conn.Close()
		answers := bufio.NewReader(conn)
		path := "/engine.io/?EIO=4&" + c.params + benchHost + fields
		requests := []byte("POST " + path + "Content-Length: 2\r\n\r\n4x" + "GET " + path + "\r\n")
		post := len(requests) - len("GET "+path+"\r\n")
		for range b.N {
			for _, request := range [][]byte{requests[:post], requests[post:]} {
				_, _ = conn.Write(request)
				if err := skipAnswer(answers); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// skipAnswer reads an answer, with less effort than net/http.
func skipAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil || !strings.HasPrefix(string(status), "HTTP/1.1 200 ") {
		return fmt.Errorf("%q %w", status, err)
	}
	for length := 0; ; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if value, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			for _, c := range strings.TrimSpace(value) {
				length = length*10 + int(c-'0')
			}
		}
		if len(line) == len("\r\n") {
			_, err := r.Discard(length)
			return err
		}
	}
}
