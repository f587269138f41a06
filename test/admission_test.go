package test

// The built gateway under attacks of clients that come in numbers or talk too fast, while good clients chat on it: no
// good client loses its connection or a message, and what the attack costs has a bound, which stands with each test.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/abuse"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// plainBinary is the gateway without the race detector, whose memory would be most of it.
var plainBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workDir, "gateway-plain")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/gateway").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return path, err
})

// newPlain describes a gateway without the race detector that stands alone.
func newPlain(t *testing.T, env ...string) *target {
	t.Helper()
	path, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	tg := newTarget(t, "gateway", append([]string{"ADAPTER=memory", "NODE_ENV=production"}, env...)...)
	tg.program = path
	return tg
}

// whileChatting makes an attack while good clients chat.
func whileChatting(t *testing.T, addr string, clients int, pause time.Duration, attack func()) {
	t.Helper()
	chat, err := abuse.NewChat(addr, clients)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		attack()
	}()
	said, slowest := 0, time.Duration(0)
	for done := false; !done; said++ {
		began := time.Now()
		if err := chat.Say(said, said+1, pause); err != nil {
			t.Error(err)
			break
		}
		slowest = max(slowest, time.Since(began)-pause)
		select {
		case <-over:
			done = true
		default:
		}
	}
	<-over
	if err := chat.Heard(said); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages of each of %d clients; the slowest round took %v", said, clients, slowest)
}

// memory is the most that a process has had in memory, in bytes.
func memory(t *testing.T, p *child.Process) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// sources are addresses of this host that look like so many clients.
func sources(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("127.0.%d.%d", 1+i/200, 1+i%200)
	}
	return all
}

// Sessions that nobody comes back for, with as much in their headers as there may be. From one address, the limits of
// an address refuse most of them; from many, what is left of GOMEMLIMIT. Without either 60,000 took 500 MB.
func TestFloodOfHandshakes(t *testing.T) {
	needsGateway(t)
	const limit, handshakes, header = 192 << 20, 60_000, 7000
	for name, from := range map[string][]string{"one address": sources(1), "many addresses": sources(300)} {
		t.Run(name, func(t *testing.T) {
			tg := newPlain(t, "GOMEMLIMIT=192MiB")
			tg.run(t)
			connections := 600
			whileChatting(t, tg.addr, 50, 100*time.Millisecond, func() {
				answers, err := abuse.Flood(tg.addr, from, connections/len(from), handshakes/connections, header)
				if err != nil {
					t.Error(err)
				}
				t.Logf("%+v", answers)
				if answers.Opened == handshakes || answers.Other > 0 {
					t.Errorf("%+v: all sessions were opened, or the answers are wrong", answers)
				}
			})
			used := memory(t, tg.process)
			t.Logf("it took %d MB", used>>20)
			if used > limit*5/4 {
				t.Errorf("it took %d MB, want at most %d", used>>20, limit*5/4>>20)
			}
		})
	}
}

// One client says 1 MB after the other to a room of 30 members that read 10 Mbit/s, of which none may be
// disconnected: a client that says more than they can read waits. Without limits all 30 were disconnected, after 16
// MB each.
func TestShoutingInASlowRoom(t *testing.T) {
	needsGateway(t)
	tg := newPlain(t)
	tg.run(t)
	room, err := abuse.NewSlowRoom(tg.addr, 30, 10_000_000/8)
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	const d = 12 * time.Second
	sent, err := abuse.Shout(tg.addr, 900_000, d)
	t.Logf("sent %d MB in %v, %d of 30 members lost, %d MB heard", sent>>20, d, room.Lost.Load(), room.Heard.Load()>>20)
	if err != nil || room.Lost.Load() > 0 {
		t.Errorf("%d members lost; the sender: %v", room.Lost.Load(), err)
	}
	if sent < 10<<20 {
		t.Errorf("only %d MB sent", sent>>20)
	}
}

// Clients that say nothing take all the connections that they can get. From one address those are not all: others get
// in as ever. From several they are, and still who is there already goes on, and the health check passes, so that
// nobody ends a gateway that is well. Without MAX_CONNECTIONS the health check failed, and clients waited for 25 s.
func TestAllConnectionsTaken(t *testing.T) {
	needsGateway(t)
	for _, connections := range []string{"auto", "250"} {
		t.Run(connections, func(t *testing.T) {
			t.Parallel()
			testAllConnectionsTaken(t, connections)
		})
	}
}

func testAllConnectionsTaken(t *testing.T, connections string) {
	const files = 400
	tg := newPlain(t, "MAX_CONNECTIONS="+connections)
	tg.program, tg.args = "sh", []string{"-c", fmt.Sprintf("ulimit -n %d && exec %s", files, tg.program)}
	tg.run(t)
	var idle []net.Conn
	leave := func() {
		for _, c := range idle {
			c.Close()
		}
		idle = nil
	}
	defer leave()
	healthy := func() {
		t.Helper()
		host, port, _ := net.SplitHostPort(tg.addr)
		code, stdout, stderr := runGateway(t, []string{"HOST=" + host, "PORT=" + port}, "healthcheck")
		if code != 0 {
			t.Errorf("the health check says %d, %q, %q", code, stdout, stderr)
		}
	}
	whileChatting(t, tg.addr, 20, 100*time.Millisecond, func() {
		idle = abuse.Idle(tg.addr, "127.0.0.2", 2*files)
		for range 3 {
			healthy()
			time.Sleep(500 * time.Millisecond)
		}
	})
	leave()

	there, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	for range 3 {
		for _, source := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			idle = append(idle, abuse.Idle(tg.addr, source, files)...)
		}
		healthy()
		time.Sleep(time.Second)
	}
	healthy()
	// With auto it also depends on which numbers of files are free, and those change for a while.
	if ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket); err == nil && connections != "auto" {
		ws.Close()
		t.Error("there was room for another client: the test proves nothing")
	}
	s := newScriptSocket("", there)
	if err := there.SendText("40"); err != nil {
		t.Error(err)
	}
	if got := s.collect(2); len(got) != 2 {
		t.Errorf("who was there got %q", got)
	}
	leave()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
		if err == nil {
			ws.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody gets in after the attack: %v", err)
		}
	}
}
