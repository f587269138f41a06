package migration

// Rolling updates: gateways are replaced by gateways while people chat.

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A gateway leaves as in production, only faster.
const (
	drainDelay  = 500 * time.Millisecond // five health checks of the entrance
	drainWindow = 5 * time.Second
)

// drainSettings returns them as environment variables, with more.
func drainSettings(more ...string) []string {
	return append([]string{
		fmt.Sprintf("DRAIN_DELAY=%v", drainDelay), fmt.Sprintf("DRAIN_WINDOW=%v", drainWindow), "LOG_LEVEL=info",
	}, more...)
}

// largestTenth returns the largest share of the moments that falls within a tenth of the window.
func largestTenth(moments []time.Time, window time.Duration) float64 {
	slices.SortFunc(moments, time.Time.Compare)
	most, from := 0, 0
	for to, at := range moments {
		for at.Sub(moments[from]) > window/10 {
			from++
		}
		most = max(most, to-from+1)
	}
	return float64(most) / float64(len(moments))
}

// between returns when clients were lost and when they came back, within a span of time.
func (l *ledger) between(from, to time.Time) (lost, back []time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sessions := range l.sessions {
		for i, s := range sessions {
			if s.to.After(from) && s.to.Before(to) {
				lost = append(lost, s.to)
			}
			if i > 0 && s.from.After(from) && s.from.Before(to) {
				back = append(back, s.from)
			}
		}
	}
	return lost, back
}

// watchTime looks how late this process, in which most clients run, gets its turns. What it returns ends that, and says
// how late at most.
func watchTime() func() time.Duration {
	const every = 20 * time.Millisecond
	end, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		for due := time.Now().Add(every); ; due = time.Now().Add(every) {
			select {
			case <-end:
				result <- most
				return
			case <-time.After(every):
				most = max(most, time.Since(due))
			}
		}
	}()
	return func() time.Duration {
		close(end)
		return <-result
	}
}

// TestRollingReplacement replaces three gateways one after the other under a steady chat of 300 clients. Like Swarm
// with start-first, it starts the new one first. No connection may be refused. The clients of a node must leave and
// come back spread over its window. Every message between connected clients must arrive, also what a client says while
// it is let go, and each old node must exit with 0.
func TestRollingReplacement(t *testing.T) {
	redis := fleet.StartRedis(t)
	var old []*node
	var addrs []string
	for range 3 {
		n := beginGateway(t, redis.URL(), drainSettings()...)
		old, addrs = append(old, n), append(addrs, n.addr)
	}
	for _, n := range old {
		n.await(t, "/readyz", 200)
	}
	all := slices.Clone(old)
	door := openEntrance(t, addrs...)
	add := door.watch(t, addrs...)
	people := gather(t, door.addr, 296, 4, 10*time.Second)
	people.ledger.lastWords = true
	people.settle(t, 0)
	refusedBefore := people.ledger.refusals
	time.Sleep(margin)

	for _, leaving := range old {
		late := watchTime()
		next := startGateway(t, redis.URL(), drainSettings()...)
		all = append(all, next)
		add(next.addr)
		waitFor(t, "the entrance to lead to the new node", func() bool { return door.leads(next.addr) })
		before, there, start := people.ledger.reconnections(), door.connections(leaving.addr), time.Now()
		leaving.Cmd.Process.Signal(syscall.SIGTERM)
		response, _ := leaving.await(t, "/readyz", 503)
		if took := time.Since(start); took > drainDelay {
			t.Errorf("not ready only after %v: %s", took, response.Body)
		}
		if !leaving.Wait(patience) {
			t.Fatal("the node does not end")
		}
		took := time.Since(start)
		leaving.stop(t) // checks its exit code
		people.settle(t, before+there)
		time.Sleep(margin)

		lost, back := people.ledger.between(start, time.Now())
		spread, wave := largestTenth(lost, drainWindow), largestTenth(back, drainWindow)
		t.Logf("%d clients let go from %v to %v after SIGTERM, at most %.0f%% of them in a tenth of the window; "+
			"%d came back, at most %.0f%% in a tenth; the process ended after %v",
			len(lost), lost[0].Sub(start).Round(time.Millisecond),
			lost[len(lost)-1].Sub(start).Round(time.Millisecond), 100*spread,
			len(back), 100*wave, took.Round(time.Millisecond))
		if there < 50 || len(lost) != there || len(back) != there {
			t.Errorf("%d clients were on the node, %d were let go, %d came back", there, len(lost), len(back))
		}
		if lost[0].Sub(start) < drainDelay-50*time.Millisecond { // the real clients' clock counts milliseconds
			t.Errorf("a client was let go after %v, before the delay was over", lost[0].Sub(start))
		}
		if stood := late(); stood > drainWindow/20 {
			t.Logf("this process stood still for %v: what it has seen of bursts says nothing", stood)
		} else if spread > 0.25 || wave > 0.3 {
			t.Error("that is a burst")
		}
		if most := drainDelay + drainWindow + 5*time.Second; took > most {
			t.Errorf("the end took %v, want at most %v", took, most)
		}
		for _, line := range []string{
			"msg=stopping", `msg="letting clients go"`, `msg="all clients have left"`, "msg=stopped",
		} {
			if !strings.Contains(leaving.Stdout.String(), line) {
				t.Errorf("its log has no %s:\n%s", line, leaving.Stdout.Tail())
			}
		}
	}

	people.finish(t)
	reported := 0
	for _, n := range all {
		n.stop(t)
		reported += n.lost()
	}
	b := people.ledger.check(t, reported)
	t.Logf("%d messages of %d clients: %d deliveries owed, %d missing, %d twice, %d out of order; "+
		"%d connections refused",
		b.messages, people.size, b.owed, b.missing, b.repeated, b.disordered, people.ledger.refusals-refusedBefore)
	if people.ledger.refusals > refusedBefore {
		t.Errorf("%d connections refused", people.ledger.refusals-refusedBefore)
	}
	if b.messages < 300 || b.owed < b.messages*people.size/2 {
		t.Errorf("that was no chat: %d messages, %d owed", b.messages, b.owed)
	}
}

// TestRollingReplacementRecovers moves real clients from a gateway that is stopped to another. With the streams adapter
// and recovery they must resume their sessions there and get what was said while they were away.
func TestRollingReplacementRecovers(t *testing.T) {
	redis := fleet.StartRedis(t)
	settings := drainSettings("ADAPTER=streams", "RECOVERY=1m")
	first, second := startGateway(t, redis.URL(), settings...), startGateway(t, redis.URL(), settings...)
	door := openEntrance(t, first.addr)
	add := door.watch(t, first.addr)
	people := gather(t, door.addr, 0, 6, time.Second, "ONLY=4.8.3")
	people.settle(t, 0)
	add(second.addr)

	// Somebody on the other node talks all the time.
	speaker := register(t, second.url())
	over, spoken := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { spoken <- n }()
		for {
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
				n++
				people.ledger.sends(message{"speaker", n}, time.Now())
				speaker.Send(fmt.Sprintf(`42["messages",{"nickname":"speaker","message":"%d"}]`, n))
			}
		}
	}()
	go func() {
		for range speaker.Messages {
		}
	}()
	waitFor(t, "the speaker to be heard", func() bool { return people.ledger.heard("speaker") > 50*people.size })
	first.Cmd.Process.Signal(syscall.SIGTERM)
	if !first.Wait(patience) {
		t.Fatal("the node does not end")
	}
	first.stop(t)
	people.settle(t, people.size)
	time.Sleep(margin)
	close(over)
	said := <-spoken
	people.finish(t)

	people.ledger.mu.Lock()
	defer people.ledger.mu.Unlock()
	if people.ledger.recovered != people.size {
		t.Errorf("%d of %d sessions were resumed", people.ledger.recovered, people.size)
	}
	for client, got := range people.ledger.got {
		next := 0
		for _, m := range got {
			if m.from != "speaker" {
				continue
			}
			if next != 0 && m.number != next {
				t.Errorf("%s got number %d where %d was due", client, m.number, next)
			}
			next = m.number + 1
		}
		if next != said+1 {
			t.Errorf("%s heard up to number %d of %d", client, next-1, said)
		}
	}
	for _, fault := range people.ledger.faults {
		t.Error(fault)
	}
	t.Logf("%d clients moved, %d resumed; %d messages, none missed", people.size, people.ledger.recovered, said)
}

// heard counts the messages of one sender that all clients have got.
func (l *ledger) heard(from string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, got := range l.got {
		for _, m := range got {
			if m.from == from {
				n++
			}
		}
	}
	return n
}

// waitFor waits until ok reports true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !await.Until(patience, ok) {
		t.Fatalf("still waiting for %s", what)
	}
}
