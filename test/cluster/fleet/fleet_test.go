package fleet

import (
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Require("redis-server")
	goleak.VerifyTestMain(m)
}

// TestRedisComesBack kills, restarts and freezes a Redis, and reads a monitor of it.
func TestRedisComesBack(t *testing.T) {
	r := StartRedis(t)
	m := r.Monitor()
	r.Publish("a", "\x00\xffé\n\"")
	if channel, message := m.Published(); channel != "a" || message != "\x00\xffé\n\"" {
		t.Errorf("the monitor saw %q %q", channel, message)
	}
	r.Do("SET", "k", "v")
	r.Kill()
	if c, err := net.Dial("tcp", r.Addr); err == nil {
		c.Close()
		t.Error("a killed server accepts connections")
	}
	r.Restart()
	if v := r.Do("EXISTS", "k"); v != int64(0) {
		t.Errorf("EXISTS k: %v; the server keeps data across tests", v)
	}
	r.Freeze()
	time.AfterFunc(300*time.Millisecond, r.Thaw)
	start := time.Now()
	r.Do("PING")
	if d := time.Since(start); d < 200*time.Millisecond {
		t.Errorf("a frozen server answers after %v", d)
	}
}

// TestProxyLoses sends through a proxy before, while and after it loses bytes.
func TestProxyLoses(t *testing.T) {
	r := StartRedis(t)
	p := StartProxy(t, r.Addr)
	ping := func() string {
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("PING\r\n"))
		c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		b := make([]byte, 16)
		n, _ := c.Read(b)
		return string(b[:n])
	}
	var got []string
	for _, lose := range []bool{false, true, false} {
		p.Lose.Store(lose)
		got = append(got, ping())
	}
	if !slices.Equal(got, []string{"+PONG\r\n", "", "+PONG\r\n"}) {
		t.Errorf("answers: %q", got)
	}
}
