package test

// The gateway as a process: bad settings, a port in use, signals, and its log.

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// runGateway runs the gateway until it ends, which must be soon.
func runGateway(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c, err := child.Start(append(child.Path(), env...), gatewayBinary(), args...)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Wait(30 * time.Second) {
		c.Kill()
		t.Fatalf("%v %v does not end\n%s", env, args, c.Stderr.Tail())
	}
	return c.Cmd.ProcessState.ExitCode(), c.Stdout.String(), c.Stderr.String()
}

func needsGateway(t *testing.T) {
	t.Helper()
	if !wants("gateway") {
		t.SkipNow() // only with -targets=nest
	}
	t.Parallel()
}

func TestProcessRefusesBadSettings(t *testing.T) {
	needsGateway(t)
	for _, setting := range []string{
		"PORT=http", "PORT=-1", "PORT=65536", "HOST=not a host", "LOG_LEVEL=loud", "LOG_FORMAT=xml",
		"CORS_ORIGINS=nonsense",
		"MAX_PAYLOAD=1MB", "MAX_PAYLOAD=0", "MAX_QUEUE=-5", "PING_INTERVAL=soon", "PING_INTERVAL=0", "PING_TIMEOUT=-1s",
		"UPGRADE_TIMEOUT=x", "CONNECT_TIMEOUT=1y", "SHUTDOWN_TIMEOUT=25h",
		"DRAIN_DELAY=-1s", "DRAIN_DELAY=off", "DRAIN_WINDOW=25h", "DRAIN_WINDOW=1 s",
	} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			code, stdout, stderr := runGateway(t, []string{setting})
			line, rest, _ := strings.Cut(stderr, "\n")
			if code != 2 || stdout != "" || rest != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want code 2 and one line on stderr", code, stdout, stderr)
			}
			_, valid, found := strings.Cut(line, "want ")
			if !strings.Contains(line, name) || !strings.Contains(line, value) || !found || valid == "" {
				t.Errorf("%q does not name the variable, its value and what is valid", line)
			}
		})
	}
}

func TestProcessTellsAboutItself(t *testing.T) {
	needsGateway(t)
	code, help, stderr := runGateway(t, nil, "--help")
	if code != 0 || stderr != "" {
		t.Errorf("--help: exit code %d, stderr %q", code, stderr)
	}
	for _, setting := range []string{
		"PORT", "3000", "HOST", "0.0.0.0", "NODE_ENV", "REDIS_URL", "LOG_LEVEL", "LOG_FORMAT", "CORS_ORIGINS",
		"MAX_PAYLOAD", "1000000", "MAX_QUEUE", "PING_INTERVAL", "25s", "PING_TIMEOUT", "20s", "UPGRADE_TIMEOUT", "10s",
		"CONNECT_TIMEOUT", "45s", "SHUTDOWN_TIMEOUT",
		"DRAIN_DELAY", "DRAIN_WINDOW",
	} {
		if !strings.Contains(help, setting) {
			t.Errorf("--help does not say %s", setting)
		}
	}
	if code, version, _ := runGateway(t, nil, "--version"); code != 0 || len(strings.Fields(version)) < 2 {
		t.Errorf("--version: exit code %d, %q", code, version)
	}
	if code, _, stderr := runGateway(t, nil, "--nonsense"); code != 2 || !strings.Contains(stderr, "--nonsense") {
		t.Errorf("--nonsense: exit code %d, stderr %q", code, stderr)
	}
}

func TestProcessNeedsItsPort(t *testing.T) {
	needsGateway(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	code, _, stderr := runGateway(t, []string{"HOST=127.0.0.1", "PORT=" + port})
	if code != 1 || !strings.Contains(stderr, port) || !strings.Contains(stderr, "in use") {
		t.Errorf("exit code %d, stderr %q; want 1 and the port that is in use", code, stderr)
	}
}

// TestProcessEndsOnSignal stops a gateway that has clients of each kind. Their transports close as the protocol
// demands, and the process ends with 0.
func TestProcessEndsOnSignal(t *testing.T) {
	needsGateway(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			tg := startTarget(t, "gateway")
			var sockets []*scriptSocket
			for range 20 {
				ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
				if err != nil {
					t.Fatal(err)
				}
				s := newScriptSocket("", ws)
				defer s.close()
				ws.SendText("40")
				if got := s.collect(2); len(got) != 2 {
					t.Fatalf("not connected: %q", got)
				}
				sockets = append(sockets, s)
			}
			p := &player{addr: tg.addr}
			defer p.close()
			if err := p.openSession(); err != nil {
				t.Fatal(err)
			}
			if err := p.beginPoll(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(settleFor) // the poll is pending

			tg.process.Cmd.Process.Signal(sig)
			for _, s := range sockets {
				lines := s.collect(10)
				last := lines[len(lines)-1]
				if !strings.HasPrefix(last, "close") || strings.Contains(last, "stays open") {
					t.Errorf("a WebSocket ended with %q; want a close frame and the end of the connection", lines)
				}
			}
			p.poll.SetReadDeadline(time.Now().Add(patience))
			response, err := p.poll.ReadResponse("GET")
			if err != nil || response.Code != 200 || !strings.HasSuffix(string(response.Body), "1") {
				t.Errorf("the poll was answered %+v, %v; want the close packet", response, err)
			}
			if ended := tg.process.Wait(patience); !ended || tg.process.Cmd.ProcessState.ExitCode() != 0 {
				t.Errorf("ended %t, with %v; want exit code 0", ended, tg.process.Cmd.ProcessState)
			}
			if _, err := net.DialTimeout("tcp", tg.addr, time.Second); err == nil {
				t.Error("the port is still open")
			}
		})
	}
}

// TestProcessLogs reads the log of a chat. Every line has the hostname, and is JSON in production. At info level there
// is no personal data, nor anything else about single clients.
func TestProcessLogs(t *testing.T) {
	needsGateway(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const nickname, text = "secret-nickname", "secret-message"
	tests := map[string]struct {
		env     []string
		json    bool
		texts   bool // the log has messages, nicknames, and what clients do
		process bool // the log says when the gateway starts and stops
	}{
		"development":          {nil, false, true, true},
		"development at info":  {[]string{"LOG_LEVEL=info"}, false, false, true},
		"production":           {[]string{"NODE_ENV=production"}, true, false, true},
		"production at debug":  {[]string{"NODE_ENV=production", "LOG_LEVEL=debug"}, true, true, true},
		"JSON in development":  {[]string{"LOG_FORMAT=json"}, true, true, true},
		"production at errors": {[]string{"NODE_ENV=production", "LOG_LEVEL=error"}, true, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := startTarget(t, "gateway", test.env...)
			c := parityCase{name: "chat", steps: []parityStep{
				{do: "connected"},
				{do: `send 42["registrar"]`, want: []string{""}},
				{
					do:   `send 42["messages",{"nickname":"` + nickname + `","message":"` + text + `"}]`,
					want: []string{""},
				},
				{do: `send 42["messages",null]`, want: []string{""}},
				{do: `send 42["nonsense","` + text + `"]`},
				{do: `send 42["messages",{"message":"` + text + `"`, want: []string{""}},
			}}
			if _, err := play(tg.addr, c); err != nil {
				t.Fatal(err)
			}
			if err := tg.stop(); err != nil {
				t.Fatal(err)
			}
			log := tg.process.Stdout.String() + tg.process.Stderr.String()
			for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
				var fields map[string]any
				if test.json && log != "" {
					err := json.Unmarshal([]byte(line), &fields)
					if err != nil || fields["hostname"] != host || fields["msg"] == nil || fields["level"] == nil {
						t.Errorf("not a JSON line with hostname, msg and level: %s", line)
					}
				} else if !test.json && !strings.Contains(line, "hostname="+host) {
					t.Errorf("no hostname: %s", line)
				}
			}
			if test.texts != strings.Contains(log, text) || test.texts != strings.Contains(log, nickname) {
				t.Errorf("message and nickname are logged: %v, want %v:\n%s", !test.texts, test.texts, log)
			}
			for what, want := range map[string]bool{
				"configuration": test.process, "listening": test.process, "stopped": test.process,
				"client connected": test.texts, "client registered": test.texts,
				"message received": test.texts, "client disconnected": test.texts,
			} {
				if want != strings.Contains(log, what) {
					t.Errorf("%q is logged: %v, want %v", what, !want, want)
				}
			}
		})
	}
}

// TestProcessThatSleeps stops a gateway for longer than its clients have for their pongs. They have answered meanwhile,
// and nobody is ended for what the gateway has not read.
func TestProcessThatSleeps(t *testing.T) {
	needsGateway(t)
	const clients, thinks, sleeps = 40, 100 * time.Millisecond, 3 * time.Second
	tg := startTarget(t, "gateway", "PING_INTERVAL=100ms", "PING_TIMEOUT=1s")
	ended := make(chan error, clients)
	for range clients {
		ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		ws.SendText("40")
		go func() {
			for {
				f, err := ws.ReadFrame()
				switch {
				case err == nil && f.Opcode == wire.Close:
					err = fmt.Errorf("it said goodbye: %q", f.Payload)
				case err == nil && string(f.Payload) == "2":
					time.Sleep(thinks) // so half of them are about to answer when the gateway stops
					err = ws.SendText("3")
				}
				if err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	time.Sleep(time.Second)
	tg.process.Cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(sleeps)
	tg.process.Cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(2 * time.Second) // longer than a silent client has
	if n := len(ended); n > 0 {
		t.Errorf("%d of %d clients were ended: %v", n, clients, <-ended)
	}
}

// A client that joins while the process sleeps has joined when it wakes, though the time for that is over.
func TestProcessThatSleepsWhileClientsJoin(t *testing.T) {
	needsGateway(t)
	const clients, sleeps = 40, 5 * time.Second
	tg := startTarget(t, "gateway", "CONNECT_TIMEOUT=4s")
	var joining []*wire.WebSocket
	for range clients {
		ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		if _, err := ws.ReadFrame(); err != nil { // the open packet
			t.Fatal(err)
		}
		joining = append(joining, ws)
	}
	tg.process.Cmd.Process.Signal(syscall.SIGSTOP)
	for _, ws := range joining {
		ws.SendText("40")
	}
	time.Sleep(sleeps)
	tg.process.Cmd.Process.Signal(syscall.SIGCONT)
	refused := 0
	for _, ws := range joining {
		ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		if f, err := ws.ReadFrame(); err != nil || !strings.HasPrefix(string(f.Payload), "40{") {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("%d of %d clients have not joined", refused, clients)
	}
}
