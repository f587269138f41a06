package adapter_test

// What an outage of Redis does to two servers under steady load: nothing to a server's own clients, and little to the
// others'.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

const (
	sendEvery     = 5 * time.Millisecond
	resumesWithin = 5 * time.Second
)

// A load is two servers with a client each, that send numbers to the room of both all the time.
type load struct {
	redis   *fleet.Redis
	proxy   *fleet.Proxy // between the servers and the Redis
	nodes   [2]*fleet.GoNode
	streams [2][2]*stream // by sending and receiving server
	stop    func()        // the sending
	done    sync.WaitGroup
}

// A stream is what one client gets of one server's numbers.
type stream struct {
	mu      sync.Mutex
	got     []int
	at      []time.Time
	latency []time.Duration // of what a server's own client gets
	wrong   []string
}

func startLoad(t *testing.T, password string) *load {
	t.Helper()
	stopped := make(chan struct{})
	l := &load{redis: fleet.StartRedis(t), stop: sync.OnceFunc(func() { close(stopped) })}
	l.proxy = fleet.StartProxy(t, l.redis.Addr)
	url := l.proxy.URL()
	if password != "" {
		l.redis.Do("CONFIG", "SET", "requirepass", password)
		l.redis.Password = password
		url = strings.Replace(url, "//", "//:"+password+"@", 1)
	}
	var sentAt [2]sync.Map
	for i := range l.nodes {
		l.nodes[i] = fleet.StartGo(t, url, adapter.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		l.streams[i] = [2]*stream{{}, {}}
	}
	var clients []*fleet.Client
	t.Cleanup(func() {
		l.stop()
		for _, c := range clients {
			c.Close()
		}
		l.done.Wait()
	})
	for to, n := range l.nodes {
		c := fleet.Dial(t, n.URL, "/")
		clients = append(clients, c)
		c.Ask(`["join","room"]`)
		l.done.Go(func() {
			for m := range c.Messages {
				now := time.Now()
				var ev []json.RawMessage
				var from, i int
				_, payload := c.Split(m)
				if err := json.Unmarshal([]byte(payload), &ev); err != nil || len(ev) != 3 ||
					json.Unmarshal(ev[1], &from) != nil || json.Unmarshal(ev[2], &i) != nil {
					continue // a big one
				}
				s := l.streams[from][to]
				s.mu.Lock()
				if n := len(s.got); n > 0 && i <= s.got[n-1] {
					s.wrong = append(s.wrong, fmt.Sprintf("%d after %d", i, s.got[n-1]))
				}
				s.got, s.at = append(s.got, i), append(s.at, now)
				if v, ok := sentAt[from].Load(i); ok && from == to {
					s.latency = append(s.latency, now.Sub(v.(time.Time)))
				}
				s.mu.Unlock()
			}
		})
	}
	for from, n := range l.nodes {
		l.done.Go(func() {
			tick := time.NewTicker(sendEvery)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-tick.C:
				case <-stopped:
					return
				}
				sentAt[from].Store(i, time.Now())
				to := n.To("room")
				if i%2 == 0 {
					to = n.To("room", "other")
				}
				if err := to.Emit("n", from, i); err != nil {
					t.Error(err)
				}
				if d := time.Since(v(&sentAt[from], i)); d > 2*time.Second {
					t.Errorf("an emit took %v", d)
				}
			}
		})
	}
	return l
}

func v(m *sync.Map, i int) time.Time {
	value, _ := m.Load(i)
	return value.(time.Time)
}

// resumed returns when the first message after a moment came from each server to the other, the later of the two.
func (l *load) resumed(after time.Time) (time.Time, bool) {
	var last time.Time
	for _, s := range []*stream{l.streams[0][1], l.streams[1][0]} {
		s.mu.Lock()
		i := slices.IndexFunc(s.at, func(at time.Time) bool { return at.After(after) })
		if i < 0 {
			s.mu.Unlock()
			return last, false
		}
		if s.at[i].After(last) {
			last = s.at[i]
		}
		s.mu.Unlock()
	}
	return last, true
}

// check sees that the load has survived fault, which returns when Redis is back.
func (l *load) check(t *testing.T, fault func() time.Time) {
	t.Helper()
	time.Sleep(time.Second)
	median := func(from, to time.Time) time.Duration {
		var all []time.Duration
		for i := range l.nodes {
			s := l.streams[i][i]
			s.mu.Lock()
			for k, at := range s.at {
				if at.After(from) && at.Before(to) {
					all = append(all, s.latency[k])
				}
			}
			s.mu.Unlock()
		}
		slices.Sort(all)
		if len(all) == 0 {
			return time.Hour
		}
		return all[len(all)/2]
	}
	begin := time.Now()
	before := median(time.Time{}, begin)
	back := fault()
	during := median(begin, back.Add(time.Nanosecond))
	if during > 20*before+50*time.Millisecond {
		t.Errorf("the median latency of a server's own clients was %v, and %v in the outage", before, during)
	}
	var at time.Time
	for ok := false; !ok; time.Sleep(10 * time.Millisecond) {
		if at, ok = l.resumed(back); time.Since(back) > 20*time.Second {
			t.Fatalf("no delivery between servers %v after Redis was back: %+v", time.Since(back),
				l.nodes[0].Redis.Stats())
		}
	}
	took := at.Sub(back)
	if took > resumesWithin {
		t.Errorf("delivery between servers resumed %v after Redis was back", took)
	}
	// What is sent from now on arrives, all of it.
	for _, n := range l.nodes {
		n.WaitUp(t, true, resumesWithin)
	}
	time.Sleep(1500 * time.Millisecond)
	whole := time.Now()
	time.Sleep(time.Second)
	l.stop()
	time.Sleep(time.Second)
	lost := 0
	for from := range l.nodes {
		own, other := l.streams[from][from], l.streams[from][1-from]
		own.mu.Lock()
		other.mu.Lock()
		if len(own.wrong)+len(other.wrong) > 0 {
			t.Errorf("out of order, or twice: %v %v", own.wrong, other.wrong)
		}
		if n := len(own.got); n == 0 || own.got[n-1] != n-1 {
			t.Errorf("server %d: its own client got %d messages", from, n)
		}
		lost += len(own.got) - len(other.got)
		i := slices.IndexFunc(own.at, func(at time.Time) bool { return at.After(whole) })
		late := own.got[i:]
		if len(other.got) < len(late) || !slices.Equal(other.got[len(other.got)-len(late):], late) {
			t.Errorf("server %d: of the last %d messages not all reached the other", from, len(late))
		}
		other.mu.Unlock()
		own.mu.Unlock()
	}
	var counted int64
	for _, n := range l.nodes {
		s := n.Redis.Stats()
		counted += s.PublishErrors + s.Dropped
		if s.Malformed != 0 {
			t.Errorf("malformed messages: %+v", s)
		}
	}
	t.Logf("resumed %v after Redis was back; %d messages of %d lost between servers (%d counted by the sender); "+
		"local median %v, %v in the outage",
		took.Round(time.Millisecond), lost, len(l.streams[0][0].got)+len(l.streams[1][1].got), counted,
		before.Round(time.Microsecond), during.Round(time.Microsecond))
}

func TestFaults(t *testing.T) {
	before := runtime.NumGoroutine()
	var running sync.WaitGroup
	for _, f := range []struct {
		name, password string
		fault          func(*testing.T, *load) time.Time
	}{
		{"killed and restarted", "", func(_ *testing.T, l *load) time.Time {
			l.redis.Kill()
			time.Sleep(4 * time.Second)
			l.redis.Restart()
			return time.Now()
		}},
		{"frozen", "", func(_ *testing.T, l *load) time.Time {
			l.redis.Freeze()
			time.Sleep(10 * time.Second)
			l.redis.Thaw()
			return time.Now()
		}},
		{"connections killed", "", func(_ *testing.T, l *load) time.Time {
			for range 5 {
				l.redis.Do("CLIENT", "KILL", "TYPE", "normal")
				l.redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
				time.Sleep(200 * time.Millisecond)
			}
			return time.Now()
		}},
		{"bytes lost", "", func(_ *testing.T, l *load) time.Time {
			l.proxy.Lose.Store(true)
			time.Sleep(8 * time.Second)
			l.proxy.Lose.Store(false)
			return time.Now()
		}},
		{"output buffer too small", "", func(_ *testing.T, l *load) time.Time {
			l.redis.Do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 65536 0 0")
			for range 4 {
				l.nodes[0].To("room").Emit("big", strings.Repeat("x", 900_000))
				time.Sleep(300 * time.Millisecond)
			}
			l.redis.Do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 33554432 8388608 60")
			return time.Now()
		}},
		{"wrong password", "right", func(_ *testing.T, l *load) time.Time {
			l.redis.Do("CONFIG", "SET", "requirepass", "other")
			l.redis.Password = "other"
			l.redis.Do("CLIENT", "KILL", "TYPE", "normal")
			l.redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
			time.Sleep(4 * time.Second)
			l.redis.Do("CONFIG", "SET", "requirepass", "right")
			return time.Now()
		}},
		{"loading", "", func(t *testing.T, l *load) time.Time {
			return pretend(t, l, "-LOADING Redis is loading the dataset in memory\r\n")
		}},
		{"HTTP on the port", "", func(t *testing.T, l *load) time.Time {
			s := httptest.NewServer(http.NotFoundHandler())
			defer s.Close()
			l.proxy.Retarget(s.Listener.Addr().String())
			time.Sleep(4 * time.Second)
			l.proxy.Retarget(l.redis.Addr)
			return time.Now()
		}},
		{"strange RESP on the port", "", func(t *testing.T, l *load) time.Time {
			return pretend(t, l,
				"*1\r\n$9\r\nsubscribe\r\n")
		}},
		{"numbers on the port", "", func(t *testing.T, l *load) time.Time {
			return pretend(t, l,
				"*3\r\n:1\r\n:2\r\n:3\r\n")
		}},
		{"silence on the port", "", func(t *testing.T, l *load) time.Time { return pretend(t, l, "") }},
	} {
		running.Go(func() { // not t.Parallel, which runs only as many as there are cores, and these sleep
			t.Run(f.name, func(t *testing.T) {
				l := startLoad(t, f.password)
				l.check(t, func() time.Time { return f.fault(t, l) })
			})
		})
	}
	running.Wait()
	var after int
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if after = runtime.NumGoroutine(); after <= before {
			return
		}
	}
	t.Errorf("%d goroutines before, %d after", before, after)
}

// pretend puts something on the port that gives one answer to whatever is said.
func pretend(t *testing.T, l *load, answer string) time.Time {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					if line[0] == '*' {
						io.WriteString(c, answer)
					}
				}
			})
		}
	})
	l.proxy.Retarget(listener.Addr().String())
	time.Sleep(4 * time.Second)
	listener.Close()
	l.proxy.Retarget(l.redis.Addr)
	back := time.Now()
	conns.Wait()
	return back
}

// TestOutboxFull: Redis does not answer, and the outbox is small. Emitting goes on and costs nothing; what does not fit
// is dropped and counted; what did fit, and what comes later, arrives in order.
func TestOutboxFull(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	var logged atomic.Int32
	logger := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), "are dropped") {
			logged.Add(1)
		}
		return len(b), nil
	}), nil))
	const limit = 1 << 16
	a := fleet.StartGo(t, redis.URL(), adapter.Options{OutboxBytes: limit, Logger: logger})
	b := fleet.StartGo(t, redis.URL(), adapter.Options{})
	local, other := fleet.Dial(t, a.URL, "/"), fleet.Dial(t, b.URL, "/")
	a.Emit("n", -1)
	local.Expect(`["n",-1]`)
	other.Expect(`["n",-1]`)
	redis.Freeze()
	const total = 5000
	start := time.Now()
	for i := range total {
		if err := a.Emit("n", i); err != nil {
			t.Fatal(err)
		}
		if s := a.Redis.Stats(); s.OutboxBytes > limit {
			t.Fatalf("the outbox holds %d bytes", s.OutboxBytes)
		}
	}
	took := time.Since(start)
	for i := range total {
		local.Expect(fmt.Sprintf(`["n",%d]`, i))
	}
	s := a.Redis.Stats()
	if s.Dropped == 0 || s.Dropped >= total || logged.Load() != 1 || took > 5*time.Second {
		t.Errorf("%d of %d dropped, %d lines logged, emitting took %v", s.Dropped, total, logged.Load(), took)
	}
	redis.Thaw()
	deadline := time.Now().Add(fleet.Patience)
	last, arrived := -1, 0
	for i := total; last < total; i++ {
		a.Emit("n", i)
		select {
		case m := <-other.Messages:
			var n int
			if _, err := fmt.Sscanf(m, `42["n",%d]`, &n); err != nil || n <= last {
				t.Fatalf("%q after %d: %v", m, last, err)
			}
			last = n
			arrived++
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing arrives: %+v", a.Redis.Stats())
		}
	}
	t.Logf("emitting %d took %v; %d dropped, %d arrived", total, took, s.Dropped, arrived)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
