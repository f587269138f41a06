package abuse

// Attacks on what a gateway has to say: clients that have it said much and read none of it.

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A reader of nothing is a client that says much, and reads only what it is told to.
type mute struct {
	t    *testing.T
	addr string
	path string          // of a polling session
	ws   *wire.WebSocket // of one on a WebSocket
	open []*wire.Conn
}

// mutes opens n clients that poll, or have a WebSocket. In the room they have read what they must; they keep their
// sessions with pongs that nobody has asked for, until the test ends.
func mutes(t *testing.T, n *node, count int, polls, room bool) []*mute {
	t.Helper()
	all := make([]*mute, count)
	for i := range all {
		m := &mute{t: t, addr: n.addr}
		all[i] = m
		if polls {
			a := &attacker{addr: n.addr}
			m.path = a.session()
		} else {
			ws, err := wire.DialWebSocket(n.addr, wire.NewSocket)
			if err != nil {
				t.Fatal(err)
			}
			m.ws = ws
		}
		m.say("40")
		if room {
			m.say(`42["registrar"]`)
		}
		// The greeting, if it has not come; joined; registered.
		for seen := 0; seen < 2 && polls || seen < 3 && !polls; {
			if !room && seen == 1 && polls || !room && seen == 2 {
				break
			}
			seen += m.hear()
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
			}
			for _, m := range all {
				m.try("3")
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		for _, m := range all {
			m.close()
		}
	})
	return all
}

func (m *mute) close() {
	if m.ws != nil {
		m.ws.Close()
	}
	for _, c := range m.open {
		c.Close()
	}
}

func (m *mute) say(packets ...string) {
	m.t.Helper()
	if err := m.try(packets...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mute) try(packets ...string) error {
	if m.ws != nil {
		m.ws.SetWriteDeadline(time.Now().Add(5 * time.Second))
		for _, p := range packets {
			if err := m.ws.SendText(p); err != nil {
				return err
			}
		}
		return nil
	}
	request := wire.Request{Method: "POST", Target: m.path, Body: strings.Join(packets, "\x1e")}
	response, err := wire.Do(m.addr, request, patience)
	if err == nil && response.Code != 200 {
		err = fmt.Errorf("post answered %s", response.Status)
	}
	return err
}

// hear takes what comes and counts the packets.
func (m *mute) hear() int {
	m.t.Helper()
	if m.ws != nil {
		if _, err := m.ws.ReadFrame(); err != nil {
			m.t.Fatal(err)
		}
		return 1
	}
	response, err := wire.Do(m.addr, wire.Request{Method: "GET", Target: m.path}, patience)
	if err != nil || response.Code != 200 {
		m.t.Fatal(err, response)
	}
	return 1 + strings.Count(string(response.Body), "\x1e")
}

// get asks for what is queued, and does not read it.
func (m *mute) get(headers ...wire.Header) *wire.Conn {
	m.t.Helper()
	c, err := wire.Dial(m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	m.open = append(m.open, c)
	c.Write(wire.Request{Method: "GET", Target: m.path, Headers: headers}.Bytes())
	return c
}

// chatWhile has 50 good clients chat while something is under way, and n messages of each beyond it.
func chatWhile(t *testing.T, n *node, attack func()) {
	t.Helper()
	chat, err := NewChat(n.addr, 50)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	done := make(chan struct{})
	go func() { defer close(done); attack() }()
	said := 0
	for over := false; !over; {
		if err := chat.Say(said, said+1, 100*time.Millisecond); err != nil {
			t.Errorf("while under attack: %v", err)
		}
		said++
		select {
		case <-done:
			over = true
		default:
		}
	}
	if err := chat.Heard(said); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages to each of 50 clients", said*50)
}

const megabyte = 1_000_000

// event is an event of about that length.
func event(length int) string {
	return `42["messages",{"nickname":"x","message":"` + strings.Repeat("spam ", (length-100)/5) + `"}]`
}

// 14 MB are said once to clients that poll; each asks for them and reads nothing. An answer was a copy of it all
// (902 MB for 60 clients); now it is one message without a copy, or a copy of 1 MB.
func TestAnswersThatAreNotRead(t *testing.T) {
	const clients = 200
	for _, test := range []struct {
		name                string
		posts, each, length int // messages of a POST, and their length
		bound               int // MB resident
	}{
		{"of large messages", 14, 1, megabyte, 150},
		{"of small messages", 14, 100, megabyte / 100, 600}, // 200 MB, and as much garbage
	} {
		t.Run(test.name, func(t *testing.T) {
			n := startNode(t, "WRITE_TIMEOUT=3s", "BYTE_RATE=off", "MESSAGE_RATE=off")
			before := n.resident(t)
			peak := watch(t, n.resident)
			listener := mutes(t, n, 1, false, true)[0]
			quiet := mutes(t, n, clients, true, true)
			message := event(test.length)
			for range test.posts {
				quiet[0].say(slices.Repeat([]string{message}, test.each)...)
				for range test.each {
					listener.hear()
				}
			}
			chatWhile(t, n, func() {
				for _, m := range quiet {
					m.get()
				}
				time.Sleep(2 * time.Second)
			})
			most := peak.top()
			t.Logf("resident %d MB, at most %d MB", before, most)
			if most > test.bound {
				t.Errorf("resident %d MB, want at most %d", most, test.bound)
			}
			n.forgets(t)
		})
	}
}

// forgets waits until nothing waits for anybody any more.
func (n *node) forgets(t *testing.T) {
	t.Helper()
	const name = "gateway_outbound_queue_bytes"
	if !await.Until(patience, func() bool { return n.metric(t, name) == "0" }) {
		t.Errorf("after the attack %s bytes wait for clients", n.metric(t, name))
	}
	for _, cause := range []string{"queue", "stalled", "total"} {
		t.Logf("closed: %s %s", cause, n.metric(t, `gateway_slow_clients_total{cause="`+cause+`"}`))
	}
}

// 100 clients say 14 MB each to themselves, and read nothing. 60 held 908 MB for good.
func TestClientsThatReadNothing(t *testing.T) {
	const clients, bound = 100, 850 // MB: a third of GOMEMLIMIT waits for them, and as much is garbage
	n := startNode(t, "WRITE_TIMEOUT=3s", "BYTE_RATE=off", "MESSAGE_RATE=off")
	before := n.resident(t)
	peak := watch(t, n.resident)
	quiet := mutes(t, n, clients, false, false)
	message := event(megabyte)
	chatWhile(t, n, func() {
		var all sync.WaitGroup
		slots := make(chan struct{}, 8)
		for _, m := range quiet {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				for range 14 {
					m.try(message)
				}
			})
		}
		all.Wait()
	})
	most := peak.top()
	t.Logf("resident %d MB, at most %d MB", before, most)
	if most > bound {
		t.Errorf("resident %d MB, want at most %d", most, bound)
	}
	n.forgets(t)
}

// 500 members of the room read nothing; 5 MB are said. The kernel kept them for each.
func TestSilentMembers(t *testing.T) {
	const members, bound = 500, 300 // MB of the kernel's
	n := startNode(t, "WRITE_TIMEOUT=3s", "BYTE_RATE=off", "MESSAGE_RATE=off")
	before := kernelMemory(t)
	peak := watch(t, kernelMemory)
	quiet := mutes(t, n, members, false, true)
	message := event(megabyte)
	for range 5 {
		quiet[0].say(message)
		quiet[0].hear()
	}
	chatWhile(t, n, func() { time.Sleep(2 * time.Second) })
	most := peak.top()
	t.Logf("kernel memory of sockets %d MB, at most %d MB", before, most)
	if most-before > bound {
		t.Errorf("%d MB of kernel memory, want at most %d", most-before, bound)
	}
}

// one message of 1 MB to 400 clients that poll and take gzip, while others wait for their echo.
func TestCompressingForMany(t *testing.T) {
	const clients, bound = 400, time.Second
	n := startNode(t)
	poll := mutes(t, n, clients, true, true)
	gzip := wire.Header{Name: "Accept-Encoding", Value: "gzip"}
	var echo []*mute
	for range 4 { // of both flushers
		echo = append(echo, mutes(t, n, 1, false, false)[0])
	}
	stop := make(chan struct{})
	var all, readers sync.WaitGroup
	var mu sync.Mutex
	var times []time.Duration
	for _, m := range echo {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				begin := time.Now()
				m.say(`42["messages",{"nickname":"x","message":1}]`)
				m.hear()
				mu.Lock()
				times = append(times, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	compressed := 0
	for _, m := range poll {
		c := m.get(gzip)
		readers.Go(func() {
			response, err := c.ReadResponse("GET")
			mu.Lock()
			defer mu.Unlock()
			if err == nil && response.Get("Content-Encoding") == "gzip" {
				compressed++
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	report := func(when string) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(times)
		p99, most := times[len(times)*99/100], times[len(times)-1]
		t.Logf("%s: %d echoes, p50 %v, p99 %v, at most %v", when, len(times), times[len(times)/2], p99, most)
		times = nil
		return most
	}
	report("undisturbed")
	begin := time.Now()
	poll[0].say(message1MB())
	readers.Wait()
	t.Logf("%d of %d answers compressed, all read after %v", compressed, clients, time.Since(begin))
	close(stop)
	all.Wait()
	if most := report("while 1 MB goes to 400"); most > bound {
		t.Errorf("an echo took %v, want at most %v", most, bound)
	}
	if compressed != clients {
		t.Errorf("%d of %d answers compressed", compressed, clients)
	}
}

// message1MB is an event that compresses about as well as text does.
func message1MB() string {
	var b strings.Builder
	b.WriteString(`42["messages",{"nickname":"x","message":"`)
	for i := uint64(1); b.Len() < megabyte-100; i++ {
		fmt.Fprintf(&b, "%x ", i*0x9e3779b97f4a7c15>>40)
	}
	b.WriteString(`"}]`)
	return b.String()
}
