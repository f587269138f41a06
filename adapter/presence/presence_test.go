package presence_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// A site of tests in one process: servers in memory that share a store, and what each is told.
type node struct {
	*socketiotest.Server
	*presence.Presence

	mu      sync.Mutex
	changes []presence.Change
}

// startNode starts a server whose clients say in their auth who they are.
func startNode(t *testing.T, store presence.Store, opts presence.Options) *node {
	t.Helper()
	n := &node{Server: socketiotest.New(t, socketio.Options{})}
	opts.Logger = slog.New(slog.DiscardHandler)
	n.Presence = presence.New(n.Of("/"), store, opts)
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	n.OnConnect(func(s *socketio.Socket) error {
		var auth struct{ User string }
		if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.User == "" {
			return err
		}
		return n.Track(s, auth.User)
	})
	for event, do := range map[string]func(s *socketio.Socket, room string){
		"join":  func(s *socketio.Socket, room string) { s.Join(room) },
		"leave": (*socketio.Socket).Leave,
	} {
		n.On(event, func(e *socketio.Event) error {
			var room string
			if err := e.Raw(0).Bind(&room); err != nil {
				return err
			}
			do(e.Socket(), room)
			return e.Ack()
		})
	}
	n.OnChange(func(c presence.Change) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changes = append(n.changes, c)
	})
	if !await.Until(fleet.Patience, func() bool {
		s := n.Presence.Stats()
		return s.Up && s.Following && !s.Settling
	}) {
		t.Fatalf("not up: %+v", n.Presence.Stats())
	}
	return n
}

func (n *node) as(t *testing.T, user string) *socketiotest.Client {
	t.Helper()
	return n.ConnectTo(t, "/", client.Options{Auth: map[string]string{"user": user}})
}

// told is what the server was told, such as "+ann -ann +ann@team:1".
func (n *node) told() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var words []string
	for _, c := range n.changes {
		word := "-" + c.User
		if c.Online {
			word = "+" + c.User
		}
		if c.Room != "" {
			word += "@" + c.Room
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func awaitTold(t *testing.T, want string, nodes ...*node) {
	t.Helper()
	for i, n := range nodes {
		if !await.Until(fleet.Patience, func() bool { return n.told() == want }) {
			t.Fatalf("server %d was told %q, not %q", i, n.told(), want)
		}
	}
}

func newStore(t *testing.T) presence.Store {
	t.Helper()
	return presence.NewMemory()
}

// A user is online from the first socket on any server to the last.
func TestManySocketsOnManyServers(t *testing.T) {
	store := newStore(t)
	opts := presence.Options{Grace: -1, Linger: -1}
	a, b := startNode(t, store, opts), startNode(t, store, opts)
	one := a.as(t, "ann")
	awaitTold(t, "+ann", a, b)
	two, three := a.as(t, "ann"), b.as(t, "ann")
	b.as(t, "bob")
	awaitTold(t, "+ann +bob", a, b)
	one.Close()
	two.Close()
	b.as(t, "cid")
	awaitTold(t, "+ann +bob +cid", a, b)
	for _, n := range []*node{a, b} {
		online, err := n.Online(t.Context(), "ann", "nobody", "bob")
		if err != nil || !slices.Equal(online, []bool{true, false, true}) {
			t.Errorf("online: %v, %v", online, err)
		}
		page, err := n.Users(t.Context(), "", "", 10)
		slices.Sort(page.Users)
		count, err2 := n.Count(t.Context(), "")
		if err != nil || err2 != nil || !slices.Equal(page.Users, []string{"ann", "bob", "cid"}) || count != 3 {
			t.Errorf("%v %v, %d %v", page, err, count, err2)
		}
	}
	three.Close()
	awaitTold(t, "+ann +bob +cid -ann", a, b)
	for i := range a.changes {
		if a.changes[i].ID != b.changes[i].ID || a.changes[i].Mine == b.changes[i].Mine {
			t.Errorf("not the same, or not one server's own: %+v, %+v", a.changes[i], b.changes[i])
		}
	}
}

// On a Redis Cluster all keys are on one server, and it does the same.
func TestOnARedisCluster(t *testing.T) {
	_, port, _ := net.SplitHostPort(freeaddr.Need(t))
	r := fleet.StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", port, "--dir", t.TempDir())
	r.Do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{r.Addr}, MaxRedirects: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
	t.Cleanup(func() { client.Close() })
	if !await.Until(fleet.Patience, func() bool { return client.Set(t.Context(), "x", 1, 0).Err() == nil }) {
		t.Fatal("no cluster")
	}
	store := presence.NewRedis(client, presence.RedisOptions{})
	opts := presence.Options{
		Grace: -1, Linger: -1, Lease: time.Second, Rooms: func(room string) bool { return room == "team" },
	}
	a, b := startNode(t, store, opts), startNode(t, store, opts)
	ann := a.as(t, "ann")
	awaitTold(t, "+ann", a, b)
	ann.EmitWithAck("join", "team")
	awaitTold(t, "+ann +ann@team", a, b)
	page, err := b.Users(t.Context(), "team", "", 10)
	if err != nil || !slices.Equal(page.Users, []string{"ann"}) {
		t.Errorf("%v, %v", page, err)
	}
	ann.Close()
	if !await.Until(fleet.Patience, func() bool { return len(strings.Fields(b.told())) == 4 }) {
		t.Errorf("told %q", b.told())
	}
}

// A page that is loaded again is no absence, also where the client comes back on another server; a longer one is.
func TestGrace(t *testing.T) {
	store := newStore(t)
	opts := presence.Options{Grace: time.Second, Linger: -1}
	a, b := startNode(t, store, opts), startNode(t, store, opts)
	a.as(t, "ann").Close()
	again := a.as(t, "ann")
	awaitTold(t, "+ann", a, b)
	again.Close()
	elsewhere := b.as(t, "ann")
	b.as(t, "bob")
	awaitTold(t, "+ann +bob", a, b)
	if !await.Until(fleet.Patience, func() bool { return a.Presence.Stats().Records == 0 }) {
		t.Fatalf("her old server keeps her: %+v", a.Presence.Stats())
	}
	elsewhere.Close()
	if online, err := a.Online(t.Context(), "ann"); err != nil || !online[0] {
		t.Errorf("gone at once: %v", err)
	}
	awaitTold(t, "+ann +bob -ann", a, b)
}

// Rooms that the program asks for have users; other rooms, and sockets' own, are noise.
func TestRooms(t *testing.T) {
	store := newStore(t)
	opts := presence.Options{
		Grace: -1, Linger: -1, MaxRooms: 2,
		Rooms: func(room string) bool { return strings.HasPrefix(room, "team:") },
	}
	a, b := startNode(t, store, opts), startNode(t, store, opts)
	ann, too := a.as(t, "ann"), b.as(t, "ann")
	call := func(c *socketiotest.Client, event, room string) {
		t.Helper()
		c.EmitWithAck(event, room)
	}
	awaitTold(t, "+ann", a, b)
	call(ann, "join", "team:1")
	awaitTold(t, "+ann +ann@team:1", a, b)
	call(ann, "join", "other")
	call(too, "join", "team:1")
	if !await.Until(fleet.Patience, func() bool { return b.Presence.Stats().Written == 2 }) {
		t.Fatal("the store is not told")
	}
	call(ann, "leave", "team:1")
	call(ann, "join", "team:2")
	awaitTold(t, "+ann +ann@team:1 +ann@team:2", a, b)
	call(ann, "join", "team:3")
	call(ann, "join", "team:4") // one too many
	awaitTold(t, "+ann +ann@team:1 +ann@team:2 +ann@team:3", a, b)
	call(ann, "join", "team:"+strings.Repeat("x", 300))
	if s := a.Presence.Stats(); s.Refused != 2 {
		t.Errorf("%+v", s)
	}
	page, err := b.Users(t.Context(), "team:3", "", 10)
	in, err2 := b.In(t.Context(), "team:2", "ann", "bob")
	if err != nil || err2 != nil || !slices.Equal(page.Users, []string{"ann"}) ||
		!slices.Equal(in, []bool{true, false}) {
		t.Errorf("%v %v, %v %v", page, err, in, err2)
	}
	too.Close()
	awaitTold(t, "+ann +ann@team:1 +ann@team:2 +ann@team:3 -ann@team:1", a, b)
	ann.Close()
	if !await.Until(fleet.Patience, func() bool { return strings.HasSuffix(a.told(), "-ann") }) {
		t.Errorf("told %q", a.told())
	}
	if told := strings.Fields(a.told()); len(told) != 8 {
		t.Errorf("told %q", told)
	}
}

// Rooms that a socket was in before it was tracked count, and those that it leaves meanwhile do not, whatever is
// faster.
func TestRoomsWhileTracked(t *testing.T) {
	store := newStore(t)
	n := startNode(t, store, presence.Options{Grace: -1, Linger: -1, Rooms: func(string) bool { return true }})
	server := socketiotest.New(t, socketio.Options{})
	p := presence.New(server.Of("/"), store, presence.Options{Grace: -1, Rooms: func(string) bool { return true }})
	defer p.Close(t.Context())
	done := make(chan struct{})
	server.OnConnect(func(s *socketio.Socket) error {
		defer close(done)
		var racing sync.WaitGroup
		for i := range 20 {
			room := fmt.Sprint("room", i)
			s.Join(room)
			racing.Go(func() {
				for range 50 {
					s.Leave(room)
					s.Join(room)
				}
				if i%2 == 0 {
					s.Leave(room)
				}
			})
		}
		if err := p.Track(s, "ann"); err != nil {
			t.Error(err)
		}
		racing.Wait()
		return nil
	})
	server.Connect(t)
	<-done
	for i := range 20 {
		room := fmt.Sprint("room", i)
		if !await.Until(fleet.Patience, func() bool {
			in, err := n.In(t.Context(), room, "ann")
			return err == nil && in[0] == (i%2 == 1)
		}) {
			t.Errorf("%s: wrong", room)
		}
	}
}

// What cannot be counted is refused, and says why.
func TestTrackRefuses(t *testing.T) {
	n := startNode(t, newStore(t), presence.Options{Grace: -1, Linger: -1, MaxRecords: 2})
	sockets := make(chan *socketio.Socket, 4)
	n.OnConnect(func(s *socketio.Socket) error { sockets <- s; return nil })
	ann := n.as(t, "ann")
	s := <-sockets
	for _, test := range []struct {
		user string
		want error
	}{
		{"", presence.ErrName}, {strings.Repeat("x", 256), presence.ErrName}, {"bob", presence.ErrTracked},
		{"ann", nil},
	} {
		if err := n.Track(s, test.user); !errors.Is(err, test.want) {
			t.Errorf("%.10q: %v", test.user, err)
		}
	}
	n.as(t, "bob")
	<-sockets
	n.as(t, "") // nobody
	third := <-sockets
	if err := n.Track(third, "cid"); !errors.Is(err, presence.ErrFull) {
		t.Errorf("a third user: %v", err)
	}
	n.Untrack(s)
	n.Untrack(s)
	awaitTold(t, "+ann +bob -ann", n)
	if err := n.Track(s, "ann"); err != nil {
		t.Errorf("she logs in again: %v", err)
	}
	awaitTold(t, "+ann +bob -ann +ann", n)
	ann.Close()
	awaitTold(t, "+ann +bob -ann +ann -ann", n)
	if err := n.Track(s, "ann"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("a socket that has gone: %v", err)
	}
	if s := n.Presence.Stats(); s.Sockets != 1 || s.Own != 1 || s.Records != 1 || s.Came != 3 || s.Went != 2 {
		t.Errorf("%+v", s)
	}
}

// A question that Redis cannot answer gets an error, never an empty list; what this server knows itself it says.
func TestTruthWithoutRedis(t *testing.T) {
	r := fleet.StartRedis(t)
	store := presence.NewRedis(newClient(t, r.Addr), presence.RedisOptions{})
	n := startNode(t, store, presence.Options{Grace: -1, Lease: time.Second})
	n.as(t, "ann")
	awaitTold(t, "+ann", n)
	ask := func() (online []bool, errs []error) {
		online, err := n.Online(t.Context(), "ann", "bob")
		_, err2 := n.Count(t.Context(), "")
		_, err3 := n.Users(t.Context(), "", "", 10)
		return online, []error{err, err2, err3}
	}
	check := func(when string, want error) {
		t.Helper()
		online, errs := ask()
		for i, err := range errs {
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("%s: question %d: %v", when, i, err)
			}
		}
		if !slices.Equal(online, []bool{true, false}) {
			t.Errorf("%s: %v", when, online)
		}
	}
	check("up", nil)
	r.Kill()
	check("away", socketio.ErrIncomplete)
	r.Restart()
	check("just back, and empty", socketio.ErrIncomplete)
	if !await.Until(fleet.Patience, func() bool { _, errs := ask(); return errors.Join(errs...) == nil }) {
		t.Fatal("it does not recover")
	}
	check("recovered", nil)
	r.Freeze()
	defer r.Thaw()
	check("frozen", socketio.ErrIncomplete)
}
