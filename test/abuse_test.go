package test

// The gateway, built with the race detector, is attacked while good clients chat on it. The clients must miss no
// message, and the attacks must leave no goroutine behind. Package abuse has the attacks, and what they may cost.

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/abuse"
)

func TestGatewaySurvivesAbuse(t *testing.T) {
	needsGateway(t)
	env := []string{"PING_INTERVAL=3s", "PING_TIMEOUT=3s", "CONNECT_TIMEOUT=3s", "UPGRADE_TIMEOUT=2s", "LOG_LEVEL=warn"}
	const clients, attacks = 50, 2400

	fresh := newTarget(t, "gateway", env...)
	if err := fresh.start(); err != nil {
		t.Fatal(err)
	}
	before, _ := goroutines(t, fresh)

	tg := newTarget(t, "gateway", env...)
	if err := tg.start(); err != nil {
		t.Fatal(err)
	}
	defer tg.process.Kill()
	chat, err := abuse.NewChat(clients, tg.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	attacked := make(chan abuse.Result, 1)
	go func() { attacked <- abuse.Run(tg.addr, 3, attacks) }()
	said := 0
	for done := false; !done; said++ {
		if err := chat.Say(said, said+1, 500*time.Millisecond); err != nil {
			t.Error(err)
		}
		select {
		case result := <-attacked:
			t.Logf("%+v", result)
			done = true
		default:
		}
	}
	if err := chat.Heard(said); err != nil {
		t.Error(err)
	}
	chat.Close()

	time.Sleep(10 * time.Second) // longer than any time-out of an abandoned session
	after, dump := goroutines(t, tg)
	t.Logf("%d goroutines in a fresh process, %d after the attacks", before, after)
	if after > before+2 { // 2: the flushers start with the first session
		t.Errorf("%d goroutines in a fresh process, %d after the attacks:\n%s", before, after, dump)
	}
}

// goroutines ends a gateway with SIGQUIT, which makes it print its goroutines. It counts those that are not the
// runtime's.
func goroutines(t *testing.T, tg *target) (int, string) {
	t.Helper()
	if strings.Contains(tg.process.Stderr.String(), "DATA RACE") {
		t.Error(tg.process.Stderr.String())
	}
	tg.process.Cmd.Process.Signal(syscall.SIGQUIT)
	if !tg.process.Wait(patience) {
		t.Fatal("SIGQUIT does not end it")
	}
	_, dump, found := strings.Cut(tg.process.Stderr.String(), "SIGQUIT")
	if !found {
		t.Fatalf("no dump but:\n%s", tg.process.Stderr.Tail())
	}
	count := 0
	for g := range strings.SplitSeq(dump, "\n\n") {
		// The runtime's own come and go: the first collection starts a marking worker for each core.
		if strings.HasPrefix(g, "goroutine ") && !strings.Contains(g, "\ncreated by runtime.") {
			count++
		}
	}
	return count, dump
}
