package recovery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A slowLog is a log and a bus of one server, whose entries come back when the test says so.
type slowLog struct {
	cluster.Codec
	adapter *Adapter
	in      Arrivals
	missed  atomic.Int64

	mu       sync.Mutex
	entries  []cluster.Message // the one with number n stands at n-1, and its offset is 1-n
	stored   int               // how many of them are in the log
	sessions map[string]string
}

func startSlowLog(t *testing.T) (*slowLog, *socketio.Server) {
	l := &slowLog{sessions: make(map[string]string)}
	io := socketio.NewServer(socketio.Options{Adapter: func(ns *socketio.Namespace) socketio.Adapter {
		member := cluster.New(ns, cluster.Options{}, func(a *cluster.Adapter) cluster.Bus {
			l.Codec = cluster.NewCodec(a)
			return l
		})
		l.in = Arrivals{Own: member.ID(), Missed: &l.missed, Warn: func(string, int64, int64) {}}
		l.adapter = New(t.Context(), member, l, l, &l.in, socketio.ConnectionStateRecovery{}, slog.Default(),
			func(save func()) { go save() })
		member.Enqueue(0, func() { l.in.DealtWith("1-0") })
		return l.adapter
	}})
	t.Cleanup(func() { _ = io.Shutdown(context.Background()) })
	return l, io
}

// store adds what waits to the log, and has it come back.
func (l *slowLog) store() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stored < len(l.entries) {
		l.stored++
		seq := uint64(l.stored)
		l.adapter.Enqueue(0, func() {
			offset := fmt.Sprint("1-", seq)
			if !l.in.IsRepeated(offset, l.in.Own, seq) {
				l.adapter.Returned(offset, seq)
			}
			l.in.DealtWith(offset)
		})
	}
}

func (l *slowLog) Append(m cluster.Message) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, m)
	return uint64(len(l.entries)), nil
}

func (l *slowLog) Ahead(seq uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries)) - seq
}

func (l *slowLog) Has(context.Context, string) (bool, error) { return true, nil }

func (l *slowLog) Between(_ context.Context, from, to string, f func(string, *cluster.Message)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.entries[:l.stored] {
		if offset := fmt.Sprint("1-", i+1); Less(from, offset) && !Less(to, offset) {
			f(offset, &l.entries[i])
		}
	}
	return nil
}

func (l *slowLog) Keep(pid, session string, _ time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[pid] = session
}

func (l *slowLog) Forget(string) {}

func (l *slowLog) Take(_ context.Context, pid string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	session := l.sessions[pid]
	delete(l.sessions, pid)
	return session, nil
}

func (l *slowLog) Standing() (bool, int64) { return true, 1 }

func (l *slowLog) Publish(cluster.Message) error                 { return nil }
func (l *slowLog) Respond(string, cluster.Message) error         { return nil }
func (l *slowLog) Others(context.Context) (int, error)           { return 0, nil }
func (l *slowLog) Decode(string, []byte, *cluster.Message) error { return nil }
func (l *slowLog) Close()                                        {}

// A server whose log was silent has sent its own clients broadcasts that are not in the log yet. A session that is
// resumed on it just then misses none of them.
func TestResumeBeforeOwnBroadcastsReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, io := startSlowLog(t)
		synctest.Wait()
		l.adapter.PersistSession(socketio.SavedSession{SID: "s", PID: "p", Rooms: []string{"s", "room"}})
		for i := range 3 {
			if err := io.To("room").Emit("n", i); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * LocalWait) // the log is silent: the three go to whoever is here
		time.AfterFunc(ownTimeout/2, l.store)
		s, err := l.adapter.RestoreSession(t.Context(), "p", "1-0")
		if s == nil || err != nil {
			t.Fatalf("%v, %v", s, err)
		}
		if err := io.To("room").Emit("n", 3); err != nil {
			t.Fatal(err)
		}
		l.store()
		synctest.Wait()
		var got []string
		s.Resume(func(missed []*socketio.Packet) {
			for _, p := range missed {
				payload, _, _ := p.Payload()
				got = append(got, string(payload))
			}
		})
		const want = `[["n",0,"1-1"] ["n",1,"1-2"] ["n",2,"1-3"] ["n",3,"1-4"]]`
		if fmt.Sprint(got) != want {
			t.Errorf("it missed %s, want %s", got, want)
		}
	})
}
