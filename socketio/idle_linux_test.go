package socketio_test

// What a connection costs: memory while it is idle, and processor to make it. The clients are plain sockets, which cost
// nothing that is counted.

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// serveQuietly runs a server as the gateway does and returns its port.
func serveQuietly(t testing.TB, opts socketio.Options) (port int) {
	t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	io := socketio.NewServer(opts)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: io}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(io.Listener(l))
	}()
	t.Cleanup(func() {
		if err := io.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		server.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

const handshake = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n" +
	"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 " +
	"Safari/537.36\r\n\r\n"

// connectFrame is a CONNECT packet for the main namespace, in a masked frame.
var connectFrame = []byte{0x81, 0x82, 0, 0, 0, 0, '4', '0'}

// dialRaw connects a client to the main namespace and returns its descriptor.
func dialRaw(t testing.TB, port int, buf []byte) (fd int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sayRaw(t, fd, []byte(handshake), `"maxPayload"`, buf)
	sayRaw(t, fd, connectFrame, `40{"sid"`, buf)
	return fd
}

// sayRaw writes to a client's socket, and reads until it has read want.
func sayRaw(t testing.TB, fd int, say []byte, want string, buf []byte) {
	t.Helper()
	if _, err := syscall.Write(fd, say); err != nil {
		t.Fatal(err)
	}
	for n := 0; !bytes.Contains(buf[:n], []byte(want)); {
		read, err := syscall.Read(fd, buf[n:])
		if err != nil || read == 0 {
			t.Fatalf("%v after %q", err, buf[:n])
		}
		n += read
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what had a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkIdle reports what an idle connection keeps on the heap, in bytes. The resident memory of a whole process is
// some 10% more.
func BenchmarkIdle(b *testing.B) {
	const clients = 4000
	for range b.N {
		port := serveQuietly(b, socketio.Options{})
		buf := make([]byte, 4096)
		fds := make([]int, 0, 2*clients)
		for range clients / 4 {
			fds = append(fds, dialRaw(b, port, buf))
		}
		time.Sleep(200 * time.Millisecond)
		before := heapInUse()
		for range clients {
			fds = append(fds, dialRaw(b, port, buf))
		}
		time.Sleep(200 * time.Millisecond)
		b.ReportMetric(float64(heapInUse()-before)/clients, "B/conn")
		if f := os.Getenv("HEAP"); f != "" {
			w, _ := os.Create(f)
			pprof.WriteHeapProfile(w)
			w.Close()
		}
		for _, fd := range fds {
			syscall.Close(fd)
		}
	}
}

// BenchmarkConnect has clients connect and leave, in turns with all limits and with none, and reports what that takes
// of the processor, the clients' share left out, and the ratio.
func BenchmarkConnect(b *testing.B) {
	const off = -1
	ports := [2]int{
		serveQuietly(b, socketio.Options{
			MaxConnections: off, MaxConnectionsPerAddress: off, MaxSessions: off, MaxSessionsPerAddress: off,
			HandshakeRate: off, MemoryShare: off, MaxHandshakeBytes: off, MessageRate: off, ByteRate: off,
			WriteTimeout: off, MaxTotalQueueBytes: off,
		}),
		serveQuietly(b, socketio.Options{HandshakeRate: 1e6, HandshakeBurst: 1e6}), // all come from one address
	}
	runtime.LockOSThread() // the clients' part is that of this thread
	defer runtime.UnlockOSThread()
	const (
		atOnce = 100
		thread = 1 // RUSAGE_THREAD
	)
	buf := make([]byte, 4096)
	fds := make([]int, atOnce)
	var spent [2]time.Duration
	for i := range 2 * b.N {
		before := processorTime(b, syscall.RUSAGE_SELF) - processorTime(b, thread)
		for j := range fds {
			fds[j] = dialRaw(b, ports[i%2], buf)
		}
		for _, fd := range fds {
			syscall.Close(fd)
		}
		time.Sleep(10 * time.Millisecond) // for the ends
		spent[i%2] += processorTime(b, syscall.RUSAGE_SELF) - processorTime(b, thread) - before
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(atOnce*b.N) }
	b.ReportMetric(per(spent[0]), "µs/unlimited")
	b.ReportMetric(per(spent[1]), "µs/limited")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
}

func processorTime(b *testing.B, who int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
