package engineio

import (
	"runtime"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
)

// A keeper keeps the first message of each POST, as a socket does whose handler is busy, and counts the others.
type keeper struct {
	kept  [][]byte
	total int
}

func (k *keeper) OnMessage(data []byte, _ bool) {
	if k.total += len(data); len(data) < 100 {
		k.kept = append(k.kept, data)
	}
}

func (*keeper) OnClose(Reason) {}

func newKeeper(tb testing.TB) (*keeper, *Session) {
	k := new(keeper)
	srv := NewServer(Options{MessageRate: -1, ByteRate: -1}, func(*Session) Handler { return k })
	o := opening{origin: new(origin)}
	s := srv.openPolling(NewID(), query{revision: "4"}, o, admission.Guest{}, srv.nextFlusher())
	tb.Cleanup(func() {
		s.lockAndEnd(endCut, ReasonForcedClose)
		eventually(tb, "the end", func() bool { return srv.Sessions() == 0 })
	})
	return k, s
}

// A small message in a large body does not keep that in memory: 64 of them, 10 bytes each, once held 64 MB.
func TestASmallMessageOfALargeBody(t *testing.T) {
	k, s := newKeeper(t)
	large := "\x1e4" + strings.Repeat("x", 1<<20)
	inUse := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	const bodies = 64
	for range bodies {
		s.receivePayload("", []byte("4small one"+large))
	}
	if grown := inUse() - before; grown > 8<<20 || len(k.kept) != bodies || string(k.kept[0]) != "small one" {
		t.Errorf("%d bytes are held for %d messages", grown, len(k.kept))
	}
	runtime.KeepAlive(k)
}

// What taking a body apart costs.
func BenchmarkReceivePayload(b *testing.B) {
	for name, message := range map[string]string{"100 B": strings.Repeat("x", 100), "2 KB": strings.Repeat("x", 2000)} {
		body := strings.TrimSuffix(strings.Repeat("4"+message+"\x1e", 100_000/len(message)), "\x1e")
		b.Run(name, func(b *testing.B) {
			k, s := newKeeper(b)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				s.receivePayload("", []byte(body))
			}
			if k.total == 0 {
				b.Fatal("nothing came")
			}
		})
	}
}
