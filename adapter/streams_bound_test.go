package adapter

import (
	"testing"
	"time"
)

func TestStreamBound(t *testing.T) {
	const most, mib = 10_000, 1 << 20
	b := newStreamBound(most, 64*mib)
	if n := b.entries(); n != most {
		t.Errorf("nothing seen: %d entries", n)
	}
	for range 20_000 {
		b.saw(100)
	}
	if n := b.entries(); n != most || len(b.sizes) > most {
		t.Errorf("small entries: %d, %d of them noted", n, len(b.sizes))
	}
	for range 100 {
		b.saw(mib)
	}
	if n := b.entries(); n < 60 || n > 64 || b.bytes > 64*mib {
		t.Errorf("entries of 1 MiB: %d, %d bytes", n, b.bytes)
	}
	b.saw(100 * mib)
	if n := b.entries(); n != 1 {
		t.Errorf("an entry larger than the bound: %d", n)
	}
	for range 20_000 {
		b.saw(100)
	}
	if n := b.entries(); n != most {
		t.Errorf("small entries again: %d", n)
	}
	if n := b.bytesOnly(4); n < 4*64*mib/(100+entryOverhead)-4 || n > 4*64*mib/100 {
		t.Errorf("where only bytes count, four times: %d", n)
	}
	for range 10 {
		b.lower()
	}
	if n := b.entries(); n < leastBudget/300 || n > leastBudget/200 || b.budget != leastBudget {
		t.Errorf("lowered ten times: %d entries, a budget of %d", n, b.budget)
	}
	for range 10 {
		b.lowered = time.Now().Add(-2 * riseAfter)
		b.entries()
	}
	if n := b.entries(); n != most || b.budget != 64*mib {
		t.Errorf("risen again: %d entries, a budget of %d", n, b.budget)
	}
}

// TestSlotOf has the examples of the Redis Cluster specification, and what redis-server answers to CLUSTER KEYSLOT.
func TestSlotOf(t *testing.T) {
	for key, want := range map[string]int{
		"123456789": 0x31c3, "": 0, "foo": 12182, "{foo}bar": 12182, "{}foo": 9500,
		"foo{{bar}}zap": slotOf("{bar"), "foo{bar}{zap}": slotOf("bar"), "socket.io": slotOf("{socket.io}#/#"),
	} {
		if got := slotOf(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}

// A session that is taken out stays with its master, under a name of its own.
func TestTakenKey(t *testing.T) {
	for _, key := range []string{"sio:session:3FbVPp_Xk-0sCqB1AAAB", "{sio}:session:pid", "sio:{session:pid"} {
		one, other := takenKey(key), takenKey(key)
		if one == key || one == other || slotOf(one) != slotOf(key) {
			t.Errorf("%q was taken out as %q and %q", key, one, other)
		}
	}
}
