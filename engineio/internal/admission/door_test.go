package admission

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestVerdicts(t *testing.T) {
	d := NewDoor(Limits{Guests: 4, FromAddress: 2})
	var in []Guest
	for i, step := range []struct {
		from string
		want Verdict
	}{
		{"192.0.2.1", Welcome}, {"192.0.2.1", Welcome}, {"192.0.2.1", AddressFull},
		{"::ffff:192.0.2.1", AddressFull},                  // the same, as some systems write it
		{"2001:db8::1", Welcome}, {"2001:db8::2", Welcome}, // one /64
		{"2001:db8::3:0:0:4", Full}, {"2001:db8:0:1::1", Full}, {"192.0.2.1", Full}, // who is full asks for no address
	} {
		g, got := d.Enter(addr(step.from), 0, time.Now())
		if got != step.want {
			t.Fatalf("step %d, %s: verdict %d, want %d", i, step.from, got, step.want)
		}
		if got == Welcome {
			in = append(in, g)
		}
	}
	d.Leave(in[2])
	if _, got := d.Enter(addr("2001:db8::9:0:0:1"), 0, time.Now()); got != Welcome {
		t.Errorf("when one has left: verdict %d", got)
	}
	if n := d.Guests(); n != 4 {
		t.Errorf("%d guests", n)
	}
}

// What is not limited is not refused, and nothing is remembered of its addresses.
func TestNoLimits(t *testing.T) {
	d := NewDoor(Limits{})
	for i := range 1000 {
		if _, got := d.Enter(addr("192.0.2.1"), 1<<30, time.Now()); got != Welcome {
			t.Fatalf("guest %d: verdict %d", i, got)
		}
	}
	if d.addresses != nil {
		t.Error("addresses are remembered")
	}
	limited := NewDoor(Limits{FromAddress: 1, Rate: 1, Burst: 1})
	for range 3 {
		if _, got := limited.Enter(netip.Addr{}, 0, time.Now()); got != Welcome {
			t.Errorf("who has no address is refused: verdict %d", got)
		}
	}
}

// An address has its burst, then its rate, whoever else comes; what is refused costs it nothing beyond that.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(Limits{Rate: 10, Burst: 5})
		come := func(from string, n int) (in int) {
			for range n {
				if g, verdict := d.Enter(addr(from), 0, time.Now()); verdict == Welcome {
					in++
					d.Leave(g)
				}
			}
			return in
		}
		if n := come("192.0.2.1", 100); n != 5 {
			t.Errorf("%d of a burst of 5 got in", n)
		}
		if n := come("192.0.2.2", 100); n != 5 {
			t.Errorf("%d of another address", n)
		}
		time.Sleep(300 * time.Millisecond)
		if n := come("192.0.2.1", 100); n != 3 {
			t.Errorf("%d got in after 300 ms, want 3", n)
		}
		time.Sleep(time.Hour)
		if n := come("192.0.2.1", 100); n != 5 {
			t.Errorf("%d got in after an hour, want a burst", n)
		}
		time.Sleep(time.Minute) // the sweep ends
	})
}

// An address is forgotten when it has no guest and may have its burst again, and no timer is left when all are.
func TestAddressesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(Limits{FromAddress: 3, Rate: 1, Burst: 10})
		stays, _ := d.Enter(addr("192.0.2.1"), 0, time.Now())
		for i := range 3 * sweepAtOnce {
			g, verdict := d.Enter(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 0, time.Now())
			if verdict != Welcome {
				t.Fatal(verdict)
			}
			d.Leave(g)
		}
		known := func() int {
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			return len(d.addresses)
		}
		time.Sleep(9 * time.Second)
		if n := known(); n != 3*sweepAtOnce+1 {
			t.Errorf("%d are known before their time", n)
		}
		time.Sleep(3 * time.Second)
		if n := known(); n != 1 {
			t.Errorf("%d are known, want the one with a guest", n)
		}
		d.Leave(stays)
		time.Sleep(12 * time.Second)
		n := known()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.addresses != nil || d.sweeping {
			t.Errorf("%d are known when all have left", n)
		}
	})
}

// However many addresses there are, no more than so many are remembered that have no guest.
func TestAddressesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(Limits{FromAddress: 1, Rate: 1, Burst: 1})
		for i := range maxQuiet + 1000 {
			g, verdict := d.Enter(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 0, time.Now())
			if verdict != Welcome {
				t.Fatal(verdict)
			}
			d.Leave(g)
		}
		d.mu.Lock()
		n := len(d.addresses)
		d.mu.Unlock()
		if n != maxQuiet {
			t.Errorf("%d are known, want %d", n, maxQuiet)
		}
		time.Sleep(time.Minute)
	})
}

// What is alive is what was at the last collection, and what has come since; who leaves makes room.
func TestMemory(t *testing.T) {
	u := usage{limit: 1000, alive: 500, cycles: 1}
	d := NewDoor(Limits{MemoryShare: 0.8})
	d.memory.read = func() usage { return u }
	now := time.Now()
	enter := func(holds int) (Guest, Verdict) { return d.Enter(addr("192.0.2.1"), holds, now) }
	enter(200)
	last, _ := enter(150)
	if _, verdict := enter(1); verdict != ShortMemory {
		t.Errorf("verdict %d at 850 of 1000", verdict)
	}
	d.Leave(last)
	if _, verdict := enter(10); verdict != Welcome {
		t.Errorf("verdict %d at 700 of 1000", verdict)
	}
	u.alive, u.cycles = 790, 2 // the collector has seen them
	now = now.Add(memoryEvery)
	enter(20)
	if _, verdict := enter(1); verdict != ShortMemory {
		t.Errorf("verdict %d at 810 of 1000", verdict)
	}
	u.alive, u.cycles = 100, 3
	if _, verdict := enter(1); verdict != ShortMemory {
		t.Error("the runtime is asked too often")
	}
	now = now.Add(memoryEvery)
	if _, verdict := enter(1); verdict != Welcome {
		t.Errorf("verdict %d at 100 of 1000", verdict)
	}
	u.limit, u.alive = math.MaxInt64, math.MaxInt64
	now = now.Add(memoryEvery)
	if _, verdict := enter(1); verdict != Welcome {
		t.Errorf("verdict %d without a limit", verdict)
	}
}

// What the runtime says makes sense.
func TestReadMemory(t *testing.T) {
	if u := readMemory(); u.limit < 1<<20 || u.alive < 0 {
		t.Errorf("%+v", u)
	}
}

func BenchmarkEnterAndLeave(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n, " addresses"), func(b *testing.B) {
			d := NewDoor(Limits{Guests: 1 << 30, FromAddress: 1 << 30, Rate: 1e9, Burst: 1 << 30, MemoryShare: 0.8})
			var all []netip.Addr
			for i := range n {
				all = append(all, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				g, verdict := d.Enter(all[i%n], 1, time.Now())
				if verdict != Welcome {
					b.Fatal(verdict)
				}
				d.Leave(g)
			}
		})
	}
}
