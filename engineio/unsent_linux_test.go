package engineio

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// A recorder keeps a descriptor of each connection that it accepts.
type recorder struct {
	net.Listener
	files chan *os.File
}

func (r recorder) Accept() (net.Conn, error) {
	conn, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	r.files <- file
	return conn, nil
}

// What the kernel holds unsent is bounded for every connection that carries a stream, also where a program's
// http.Server has accepted it, and with TLS.
func TestUnsentIsBoundedOnEveryConnection(t *testing.T) {
	for name, start := range map[string]func(testing.TB, setup) *host{"http.Server": start, "TLS": tlsHost} {
		t.Run(name, func(t *testing.T) {
			l := recorder{listen(t, "tcp", "127.0.0.1:0"), make(chan *os.File, 8)}
			h := start(t, setup{listener: l})
			h.openWS()
			file := <-l.files
			defer file.Close()
			const tcpNotSentLowAt = 25
			if n, err := syscall.GetsockoptInt(int(file.Fd()), syscall.IPPROTO_TCP, tcpNotSentLowAt); n != 128<<10 {
				t.Errorf("TCP_NOTSENT_LOWAT is %d, %v", n, err)
			}
		})
	}
}
