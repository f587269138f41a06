package rawconn

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// overEach runs a test with each kind of connection.
func overEach(t *testing.T, test func(t *testing.T, network string)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { test(t, network) })
	}
}

// pair is a connection's two ends.
func pair(t *testing.T, network string) (a, b net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	inner, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if b, err = net.Dial(network, inner.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if a, err = NewListener(inner).Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, New(b)
}

// What does not fit into the socket's buffers waits for the reader, and arrives whole, in small pieces and in one.
func TestBothDirections(t *testing.T) {
	overEach(t, func(t *testing.T, network string) {
		a, b := pair(t, network)
		text := make([]byte, 8<<20)
		for i := range text {
			text[i] = byte(rand.Uint32())
		}
		for _, size := range []int{1000, 64 << 10, len(text)} {
			failed := make(chan error, 1)
			go func() {
				for i := 0; i < len(text); i += size {
					if n, err := a.Write(text[i:min(i+size, len(text))]); err != nil {
						failed <- err
						return
					} else if want := min(size, len(text)-i); n != want {
						failed <- errors.New("a short write without an error")
						return
					}
				}
				failed <- nil
			}()
			got := make([]byte, len(text))
			if _, err := io.ReadFull(b, got); err != nil {
				t.Fatal(err)
			}
			if err := <-failed; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, text) {
				t.Fatalf("in pieces of %d bytes: what came is not what was sent", size)
			}
		}
	})
}

func TestNothing(t *testing.T) {
	overEach(t, func(t *testing.T, network string) {
		a, _ := pair(t, network)
		if n, err := a.Read(nil); n != 0 || err != nil {
			t.Errorf("reading nothing: %d, %v", n, err)
		}
		if n, err := a.Write(nil); n != 0 || err != nil {
			t.Errorf("writing nothing: %d, %v", n, err)
		}
	})
}

// Deadlines end a read that waits, and a write.
func TestDeadlines(t *testing.T) {
	overEach(t, func(t *testing.T, network string) {
		a, b := pair(t, network)
		deadline := time.Now().Add(20 * time.Millisecond)
		if err := a.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		_, err := a.Read(make([]byte, 1))
		if netErr := net.Error(nil); !errors.As(err, &netErr) || !netErr.Timeout() ||
			!errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read past its deadline: %v", err)
		}
		written := 0
		for err = nil; err == nil && written < 1<<30; { // until the buffers are full
			var n int
			n, err = a.Write(make([]byte, 10_000))
			written += n
			if err == nil {
				err = a.SetDeadline(time.Now().Add(20 * time.Millisecond))
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write past its deadline: %v", err)
		}
		a.Close()
		if got, err := io.Copy(io.Discard, b); err != nil || got != int64(written) {
			t.Errorf("%d bytes came, %v, want the %d that were said to be written", got, err, written)
		}
	})
}

// The end of a connection, by the other side and by this one, also while a read waits.
func TestEnds(t *testing.T) {
	overEach(t, func(t *testing.T, network string) {
		a, b := pair(t, network)
		b.Close()
		if _, err := a.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the other side's end: %v", err)
		}
		a, b = pair(t, network)
		if _, err := a.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		b.Close() // with something unread
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a reset: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write after a reset: %v", err)
		}
		a, _ = pair(t, network)
		ended := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			ended <- err
		}()
		a.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("this side's end: %v", err)
		}
	})
}

// A request gets its answer, whether it comes early or late, and whether the request fits into the socket's buffers.
func TestExchange(t *testing.T) {
	overEach(t, func(t *testing.T, network string) {
		for _, size := range []int{1, 600, longest, 8 << 20} {
			a, b := pair(t, network)
			const times = 200
			failed := make(chan error, 1)
			go func() {
				request := make([]byte, size)
				for i := range times {
					if _, err := io.ReadFull(b, request); err != nil {
						failed <- err
						return
					}
					if i%50 == 0 {
						time.Sleep(2 * time.Millisecond)
					}
					if _, err := b.Write([]byte{request[0]}); err != nil {
						failed <- err
						return
					}
					if size > longest && i == 2 {
						break
					}
				}
				failed <- b.Close()
			}()
			request, answer := make([]byte, size), make([]byte, 10)
			for i := range times {
				request[0] = byte(i)
				written, read, err := Exchange(a, request, answer)
				if written != size || read != 1 || err != nil || answer[0] != byte(i) {
					t.Fatalf("%d of %d bytes, exchange %d: %d and %d bytes, %v", written, size, i, read, answer[0], err)
				}
				if size > longest && i == 2 {
					break
				}
			}
			if err := <-failed; err != nil {
				t.Fatal(err)
			}
			if _, _, err := Exchange(a, request, answer); err == nil {
				t.Error("an exchange with a connection that has been closed succeeds")
			}
		}
	})
}

// Deadlines end an exchange while it writes, and while it reads; it says how much has been written.
func TestExchangeDeadlines(t *testing.T) {
	overEach(t, func(t *testing.T, network string) {
		a, _ := pair(t, network)
		request := make([]byte, 1000)
		expired := func(want int, what string) {
			t.Helper()
			written, read, err := Exchange(a, request, make([]byte, 10))
			if read != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || want >= 0 && written != want {
				t.Errorf("%s: %d and %d bytes, %v", what, written, read, err)
			}
		}
		later := func(d time.Duration) {
			if err := a.SetDeadline(time.Now().Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		later(-time.Second)
		expired(0, "a deadline that is past")
		later(20 * time.Millisecond)
		expired(len(request), "no answer")
		for full := false; !full; { // until the buffers are
			later(20 * time.Millisecond)
			_, err := a.Write(make([]byte, 10_000))
			full = err != nil
		}
		later(20 * time.Millisecond)
		expired(-1, "no room")
	})
}

// What has no socket stays what it is, and so does a socket of packets.
func TestOther(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if New(a) != a {
		t.Error("a pipe has become something else")
	}
	packets, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	if New(packets) != net.Conn(packets) {
		t.Error("a socket of packets has become something else")
	}
}
