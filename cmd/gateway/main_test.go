package main

// The program as its users meet it: arguments, environment, output, exit code, signals. It runs as a process of its
// own: the test binary starts itself, and TestMain then is main.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const runAsGateway = "GATEWAY_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsGateway) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// command is the program with these arguments and environment, and none of the tests' own settings.
func command(t *testing.T, args []string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append([]string{runAsGateway + "=1", "HOST=127.0.0.1", "PORT=0", "ADAPTER=memory"}, env...)
	return cmd
}

// finish runs the program to its end.
func finish(t *testing.T, args []string, env ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, args, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestHelpAndVersion(t *testing.T) {
	for _, flag := range []string{"--help", "-h"} {
		code, stdout, stderr := finish(t, []string{flag}, "PORT=wrong")
		if code != 0 || stderr != "" || !strings.Contains(stdout, "PING_INTERVAL") ||
			!strings.Contains(stdout, "milliseconds") {
			t.Errorf("%s: exit code %d, stderr %q, stdout %q", flag, code, stderr, stdout)
		}
	}
	code, stdout, stderr := finish(t, []string{"--version"})
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "gateway ") || !strings.Contains(stdout, "(commit ") {
		t.Errorf("--version: exit code %d, stderr %q, stdout %q", code, stderr, stdout)
	}
}

func TestMistakesEndWithCode2AndOneLine(t *testing.T) {
	tests := []struct {
		args []string
		env  string
		want string
	}{
		{nil, "PORT=abc", `gateway: PORT="abc" is not valid: want a whole number from 0 to 65535`},
		{nil, "PING_TIMEOUT=soon",
			`gateway: PING_TIMEOUT="soon" is not valid: want a duration from 1ms to 24h, such as 25s, 1m30s or 25000 ` +
				`(milliseconds)`},
		{nil, "METRICS_ADDR=9464",
			`gateway: METRICS_ADDR="9464" is not valid: want private, main, off, or [host]:port of a listener ` +
				`of its own, ` +
				`such as :9464`},
		{[]string{"--port=3000"}, "",
			`gateway: unknown argument "--port=3000": want healthcheck, hash-password, --help, --version or nothing`},
		{[]string{"serve"}, "",
			`gateway: unknown argument "serve": want healthcheck, hash-password, --help, --version or nothing`},
		{[]string{"--help", "me"}, "",
			`gateway: unknown argument "me": want healthcheck, hash-password, --help, --version or nothing`},
	}
	for _, test := range tests {
		code, stdout, stderr := finish(t, test.args, test.env)
		if code != 2 || stdout != "" || stderr != test.want+"\n" {
			t.Errorf("%v %s: exit code %d, stdout %q, stderr %q", test.args, test.env, code, stdout, stderr)
		}
	}
}

func TestPortInUseEndsWithCode1AndOneLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := finish(t, nil, "PORT="+port)
	want := "gateway: cannot listen on 127.0.0.1:" + port + ": the port is already in use\n"
	if code != 1 || stderr != want {
		t.Errorf("exit code %d, stderr %q, want %q", code, stderr, want)
	}
}

func TestSignalsEndItWithCode0(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd, _ := startUntilListening(t)
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
	}
}

// A second signal ends a gateway that waits for balancers at once, which its exit code tells. An interruption has it
// not wait at all.
func TestSignalsDuringTheDrain(t *testing.T) {
	tests := []struct {
		signals []syscall.Signal
		code    int
	}{
		{[]syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, 143},
		{[]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, 130},
		{[]syscall.Signal{syscall.SIGINT}, 0},
	}
	for _, test := range tests {
		cmd, addr := startUntilListening(t, "DRAIN_DELAY=1h", "DRAIN_WINDOW=1h")
		for i, s := range test.signals {
			if i > 0 {
				awaitDraining(t, addr)
			}
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != test.code {
			t.Errorf("%v: %v", test.signals, err)
		}
	}
}

// awaitDraining waits until a gateway says that it is being stopped.
func awaitDraining(t *testing.T, addr string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		response, err := client.Get("http://" + addr + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is still ready")
		}
	}
}

// A request whose body does not come holds up the stop. Who is tired of waiting sends the signal again.
func TestSecondSignalEndsItAtOnce(t *testing.T) {
	cmd, addr := startUntilListening(t, "SHUTDOWN_TIMEOUT=1h")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	fmt.Fprint(conn, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, sid, _ := strings.Cut(string(body), `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	fmt.Fprintf(conn, "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"+
		"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n", sid)
	// This answer comes when the server begins to read the body, so the request is in its hands.
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v", line, err)
	}

	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		// The first of them is the orderly one, the next ends the process.
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && err != os.ErrProcessDone {
			t.Fatal(err)
		}
		select {
		case <-ended:
			if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) {
				t.Errorf("it ended with code %d", code)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
		if time.Since(began) > 50*time.Second {
			t.Fatal("it is still there")
		}
	}
}

// startUntilListening starts the program and returns when it has logged that it listens, and where.
func startUntilListening(t *testing.T, env ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := command(t, nil, append(env, "LOG_FORMAT=text")...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(stdout)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended before it listened: %v", err)
		}
		if _, rest, found := strings.Cut(line, " address="); found && strings.Contains(line, "msg=listening") {
			// What it logs from now on has to go somewhere, or it would wait for the pipe.
			go io.Copy(io.Discard, reader)
			addr, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return cmd, addr
		}
	}
}
