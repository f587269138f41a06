package admin

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

const (
	user     = "ana"
	password = "correct horse"
)

// hash is the password's, as cheap as one may be.
var hash = sync.OnceValue(func() string {
	h, err := bcrypt.GenerateFromPassword([]byte(password), MinCost)
	if err != nil {
		panic(err)
	}
	return string(h)
})

func basic() *Basic { return &Basic{User: user, PasswordHash: hash()} }

// instrument shows a server to admins, quickly.
func instrument(t testing.TB, io *socketio.Server, opts Options) *Admin {
	t.Helper()
	if opts.Basic == nil {
		opts.NoAuth = true
	}
	if opts.statsInterval == 0 {
		opts.statsInterval = 50 * time.Millisecond
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	a, err := Instrument(io, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// start starts a server that is shown.
func start(t testing.TB, opts Options) (*socketiotest.Server, *Admin) {
	t.Helper()
	io := socketiotest.New(t, socketio.Options{})
	return io, instrument(t, io.Server, opts)
}

// lookAt connects an admin where no password is asked for.
func lookAt(t testing.TB, io *socketiotest.Server) *socketiotest.Client {
	t.Helper()
	return io.ConnectTo(t, DefaultNamespace, client.Options{})
}

// login tries to connect an admin with what it sends as auth.
func login(t testing.TB, io *socketiotest.Server, auth any) (*socketiotest.Client, error) {
	t.Helper()
	c := io.NewClient(t, DefaultNamespace, client.Options{Auth: auth, NoReconnection: true})
	return c, c.TryConnect()
}

// eventually waits for what must come true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

// seen waits for an event, past others of its name, whose arguments satisfy ok, and returns them.
func seen(t testing.TB, c *socketiotest.Client, event string, ok func(args []json.RawMessage) bool) []json.RawMessage {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		e := c.Expect(event, patience)
		var args []json.RawMessage
		for i := range e.Len() {
			args = append(args, e.Raw(i).JSON())
		}
		if ok == nil || ok(args) {
			return args
		}
	}
	t.Fatalf("%s has not come as it should", event)
	return nil
}

// has is for seen: an argument is this JSON text.
func has(text string) func([]json.RawMessage) bool {
	return func(args []json.RawMessage) bool {
		return slices.ContainsFunc(args, func(a json.RawMessage) bool { return string(a) == text })
	}
}

// features waits for config.
func features(t testing.TB, c *socketiotest.Client) string {
	t.Helper()
	var got config
	if err := json.Unmarshal(seen(t, c, "config", nil)[0], &got); err != nil {
		t.Fatal(err)
	}
	return strings.Join(got.SupportedFeatures, " ")
}
