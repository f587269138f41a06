package natsserver

// A NATS server that is a process of its own: the test's program once more.

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// childAddr names the environment variable with the address of such a server.
const childAddr = "TEST_NATS_SERVER"

// RunChild is called by TestMain of packages that use StartProcess. In the process of a server it does not return.
func RunChild() {
	addr := os.Getenv(childAddr)
	if addr == "" {
		return
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		panic(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	s, err := server.NewServer(&server.Options{Host: host, Port: n, NoLog: true, NoSigs: true})
	if err != nil {
		panic(err)
	}
	s.Start()
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	os.Exit(0)
}

// StartProcess starts a server and returns its URL. It ends with the test.
func StartProcess(t testing.TB) string {
	t.Helper()
	addr := freeaddr.Need(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childAddr+"="+addr)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		kill := time.AfterFunc(Patience, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the NATS server: %v", err)
		}
	})
	listens := func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	if !await.Until(Patience, listens) {
		t.Fatal("the NATS server does not start")
	}
	return "nats://" + addr
}
