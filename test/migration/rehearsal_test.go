package migration

import (
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// steady is how long the fleet chats undisturbed between two replacements: long enough that messages are owed to
// clients that have just come back.
const steady = 2 * margin

// TestMigrationRehearsal replaces three Nest services one by one by gateways while people chat, and then one of the
// gateways by a Nest service. Clients on other nodes must not notice; clients on the node that goes come back by
// themselves. Every message that is sent while its sender and a receiver are connected must arrive there exactly once,
// in its sender's order.
func TestMigrationRehearsal(t *testing.T) {
	redis := fleet.StartRedis(t)
	var nest []*node
	var addrs []string
	for range 3 {
		nest = append(nest, beginNest(t, redis.URL()))
		addrs = append(addrs, nest[len(nest)-1].addr)
	}
	for _, n := range nest {
		n.await(t, "/", 200)
	}
	door := openEntrance(t, addrs...)
	people := gather(t, door.addr, 30, 4, 250*time.Millisecond)
	people.settle(t, 0)
	time.Sleep(steady)

	// replace is one step of the migration. The new node is already up.
	replace := func(old, new *node) {
		t.Helper()
		door.replace(old.addr, new.addr)
		before, there, start := people.ledger.reconnections(), door.connections(old.addr), time.Now()
		old.stop(t)
		people.settle(t, before+there)
		on := door.connections(new.addr)
		t.Logf("%s replaced by %s: its %d of %d clients came back, the last after %v; %d are on the new node",
			old.kind, new.kind, there, people.size, time.Since(start).Round(time.Millisecond), on)
		if came := people.ledger.reconnections() - before; there == 0 || on == 0 || came != there {
			t.Errorf("%d clients were on the old node, %d reconnected, %d are on the new node", there, came, on)
		}
		time.Sleep(steady)
	}
	var gateways []*node
	for _, old := range nest {
		gateway := startGateway(t, redis.URL())
		replace(old, gateway)
		gateways = append(gateways, gateway)
	}
	back := startNest(t, redis.URL())
	replace(gateways[1], back)

	people.finish(t)
	b := people.ledger.check(t, 0)
	possible := b.messages * people.size
	t.Logf("%d messages of %d clients make %d deliveries: %d owed, of which %d are missing; %d others, because "+
		"sender or receiver was away or about to go, of which %d arrived; %d came twice, %d out of order",
		b.messages, people.size, possible,
		b.owed, b.missing, possible-b.owed, b.extra, b.repeated, b.disordered)
	if b.messages < 1000 || b.owed < possible/3 {
		t.Errorf("the rehearsal was none: %d messages, %d of %d deliveries owed", b.messages, b.owed, possible)
	}
}
