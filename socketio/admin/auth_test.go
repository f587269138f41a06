package admin

// Attacks: whoever has not logged in sees nothing and has nothing done.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

type auth map[string]any

func TestStrangersAreRefused(t *testing.T) {
	io, a := start(t, Options{Basic: basic()})
	for name, payload := range map[string]any{
		"nothing":               nil,
		"no fields":             auth{},
		"the UI's first":        auth{"sessionId": nil},
		"a wrong password":      auth{"username": user, "password": "wrong"},
		"no password":           auth{"username": user},
		"a wrong name":          auth{"username": "bia", "password": password},
		"no name":               auth{"password": password},
		"the hash":              auth{"username": user, "password": hash()},
		"a password and more":   auth{"username": user, "password": password + "\x00"},
		"a very long password":  auth{"username": user, "password": password + strings.Repeat("x", 10_000)},
		"a made-up session":     auth{"sessionId": strings.Repeat("ab", idBytes+tagBytes)},
		"one of Node.js's form": auth{"sessionId": "0123456789abcdef"},
		"an odd session":        auth{"sessionId": "../../#*\r\n"},
		"a huge session":        auth{"sessionId": strings.Repeat("a", 10_000)},
		"arrays":                auth{"username": []string{user}, "password": []string{password}},
		"objects":               auth{"username": auth{"$ne": ""}, "password": auth{"$ne": ""}, "sessionId": auth{}},
		"numbers and booleans":  auth{"username": 1, "password": true, "sessionId": 0},
	} {
		t.Run(name, func(t *testing.T) {
			forgiveAll(a) // each has its first attempt
			_, err := login(t, io, payload)
			var refused *client.ConnectError
			if !errors.As(err, &refused) || refused.Message != "invalid credentials" {
				t.Errorf("got %v", err)
			}
		})
	}
	if st := a.Stats(); st.Clients != 0 || st.Watched || st.Logins != 0 || st.Failed == 0 {
		t.Errorf("%+v", st)
	}
	forgiveAll(a)
	if _, err := login(t, io, auth{"username": user, "password": password}); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

func forgiveAll(a *Admin) {
	a.attempts.mu.Lock()
	defer a.attempts.mu.Unlock()
	clear(a.attempts.by)
}

// A client that has been refused, or has not asked, is in no namespace in which commands are taken.
func TestCommandsOfStrangersDoNothing(t *testing.T) {
	io, a := start(t, Options{Basic: basic()})
	victim := io.Connect(t)
	for name, packets := range map[string][]string{
		"before the connection":  {`42/admin,["_disconnect","/",true]`},
		"behind a refusal":       {`40/admin,{}`, `42/admin,["_disconnect","/",true]`},
		"behind a wrong attempt": {`40/admin,{"username":"ana","password":"x"}`, `42/admin,["join","/","x"]`},
		"in the chat":            {`40`, `42["_disconnect","/",true]`, `42["emit","/",null,"fake"]`},
	} {
		t.Run(name, func(t *testing.T) {
			rawClient(t, io, packets...)
		})
	}
	io.Settle(t)
	if !victim.Connected() || len(io.Socket(victim.ID()).Rooms()) != 1 {
		t.Error("a stranger's command has been carried out")
	}
	victim.ExpectNone("fake")
	if st := a.Stats(); st.Commands != 0 || st.Watched {
		t.Errorf("%+v", st)
	}
}

// rawClient sends packets as they stand, whatever is answered, and waits until they have been dealt with.
func rawClient(t *testing.T, io *socketiotest.Server, packets ...string) {
	t.Helper()
	hc := &http.Client{Transport: &http.Transport{DialContext: io.Network.DialContext}}
	defer hc.CloseIdleConnections()
	url := io.URL + "/socket.io/?EIO=4&transport=polling"
	open, err := hc.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 4096)
	n, _ := open.Body.Read(body)
	open.Body.Close()
	_, sid, _ := strings.Cut(string(body[:n]), `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	for _, p := range packets {
		response, err := hc.Post(url+"&sid="+sid, "text/plain", strings.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return // the session has been ended for it
		}
	}
	if response, err := hc.Post(url+"&sid="+sid, "text/plain", strings.NewReader("1")); err == nil {
		response.Body.Close()
	}
}

func TestASessionStandsForThePassword(t *testing.T) {
	store := NewMemoryStore()
	io, _ := start(t, Options{Basic: basic(), Store: store})
	c, err := login(t, io, auth{"username": user, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	var id string
	if err := c.Expect("session", patience).Bind(&id); err != nil || len(id) != 48 {
		t.Fatalf("session %q, %v", id, err)
	}
	again, err := login(t, io, auth{"sessionId": id})
	if err != nil {
		t.Fatalf("with the session: %v", err)
	}
	features(t, again)
	again.ExpectNone("session")

	// The same store with another password, as after a change of it.
	other := socketiotest.New(t, socketio.Options{})
	h, err := HashPassword("another one")
	if err != nil {
		t.Fatal(err)
	}
	instrument(t, other.Server, Options{Basic: &Basic{User: user, PasswordHash: h}, Store: store})
	if _, err := login(t, other, auth{"sessionId": id}); err == nil {
		t.Error("a session outlives its password")
	}
}

func TestASessionEnds(t *testing.T) {
	io, a := start(t, Options{Basic: basic(), SessionLife: time.Millisecond})
	c, err := login(t, io, auth{"username": user, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	var id string
	if err := c.Expect("session", patience).Bind(&id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session's end", func() bool {
		found, _ := a.opts.Store.SessionExists(t.Context(), id)
		return !found
	})
	if _, err := login(t, io, auth{"sessionId": id}); err == nil {
		t.Error("an old session is taken")
	}
}

type brokenStore struct{}

func (brokenStore) SaveSession(context.Context, string, time.Duration) error {
	return errors.New("away")
}
func (brokenStore) SessionExists(context.Context, string) (bool, error) {
	return false, errors.New("away")
}

// The password does where the store does not.
func TestAStoreThatIsAway(t *testing.T) {
	io, a := start(t, Options{Basic: basic(), Store: brokenStore{}})
	if _, err := login(t, io, auth{"sessionId": a.newSessionID()}); err == nil {
		t.Error("a session is taken that nobody knows")
	}
	if _, err := login(t, io, auth{"username": user, "password": password}); err != nil {
		t.Error(err)
	}
}

func TestAMemoryStoreIsBounded(t *testing.T) {
	m := NewMemoryStore()
	for i := range 2 * maxStoredSessions {
		if err := m.SaveSession(t.Context(), fmt.Sprint(i), time.Duration(i+1)*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	found, _ := m.SessionExists(t.Context(), fmt.Sprint(2*maxStoredSessions-1))
	if !found || len(m.ends) > maxStoredSessions {
		t.Errorf("%d sessions, the last is there: %v", len(m.ends), found)
	}
}

// An address has a few attempts, and the right password is one more that it does not have then.
func TestAttemptsAreLimited(t *testing.T) {
	io, a := start(t, Options{Basic: basic()})
	for a.attempts.allow("127.0.0.1") { // wrong passwords take their time
	}
	_, err := login(t, io, auth{"username": user, "password": password})
	if err == nil || !strings.Contains(err.Error(), errTooMany.Error()) {
		t.Errorf("past the limit: %v", err)
	}
	if st := a.Stats(); st.Logins != 0 || st.Throttled != 1 {
		t.Errorf("%+v", st)
	}
}

func TestAttemptsAreCountedByAddress(t *testing.T) {
	table := newAttempts()
	spend := func(address string) (n int) {
		for table.allow(address) {
			n++
		}
		return n
	}
	for _, c := range []struct {
		address string
		left    int
	}{
		{"192.0.2.1", attemptBurst}, {"192.0.2.2", attemptBurst}, {"::ffff:192.0.2.1", 0},
		{"2001:db8::1", attemptBurst}, {"2001:db8::ffff:1", 0}, {"2001:db8:0:1::1", attemptBurst},
		{"", attemptBurst}, {"nonsense", 0},
	} {
		if got := spend(c.address); got != c.left {
			t.Errorf("%q may try %d times, want %d", c.address, got, c.left)
		}
	}
	table.forgive("192.0.2.1")
	if got := spend("192.0.2.1"); got != attemptBurst {
		t.Errorf("a forgiven address may try %d times", got)
	}
	for i := range 3 * attemptAddresses {
		table.allow(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if len(table.by) > attemptAddresses {
		t.Errorf("%d addresses are remembered", len(table.by))
	}
}

// A flood of logins from many addresses has one password checked at a time, with rests, and few wait.
func TestAFloodOfLoginsIsCheap(t *testing.T) {
	c := newChecks()
	ctx, cancel := context.WithCancel(t.Context())
	release, err := c.enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var waiters sync.WaitGroup
	busy := make(chan error, 1000)
	for range 1000 {
		waiters.Go(func() {
			_, err := c.enter(ctx)
			busy <- err
		})
	}
	for range 1000 - checksWaiting {
		if err := <-busy; !errors.Is(err, errBusy) {
			t.Fatalf("a second check runs: %v", err)
		}
	}
	cancel()
	waiters.Wait()
	release(0)
	eventually(t, "the next turn", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := c.enter(ctx)
		return err == nil
	})
}

// The chat goes on while strangers log in as fast as they can, and few of them cost a check.
func TestAFloodOfLoginsLeavesTheChatAlone(t *testing.T) {
	io, a := start(t, Options{Basic: basic()})
	io.On("echo", func(e *socketio.Event) error { return e.Ack(e.Raw(0)) })
	c := io.Connect(t)
	const strangers, each = 10, 100
	packets := slices.Repeat([]string{`40/admin,{"username":"ana","password":"wrong"}`}, each)
	var flood sync.WaitGroup
	for range strangers {
		flood.Go(func() { rawClient(t, io, strings.Join(packets, "\x1e")) })
	}
	for range 100 {
		if got := c.EmitWithAck("echo", 1); string(got.Raw(0).JSON()) != "1" {
			t.Fatal("the chat has lost an event")
		}
	}
	flood.Wait()
	if st := a.Stats(); st.Failed > attemptBurst+5 || st.Logins != 0 {
		t.Errorf("%+v", st)
	}
}

// Where no password is asked for, a page of another site must not use its visitor's network.
func TestOtherSitesAreRefusedWithoutAPassword(t *testing.T) {
	io, a := start(t, Options{Origins: []string{"https://admin.socket.io"}})
	for origin, ok := range map[string]bool{
		"": true, "http://socketio.test": true, "https://SOCKETIO.test": true, "https://admin.socket.io": true,
		"https://evil.example": false, "null": false, "http://socketio.test.evil.example": false,
		"http://socketio.test:8080": false, "file://": false,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		c := io.NewClient(t, DefaultNamespace, client.Options{Header: header, NoReconnection: true})
		if err := c.TryConnect(); (err == nil) != ok {
			t.Errorf("from %q: %v", origin, err)
		}
	}
	if a.Stats().Failed != 5 {
		t.Errorf("%+v", a.Stats())
	}
}

func TestAdminsAreLimited(t *testing.T) {
	io, a := start(t, Options{MaxClients: 2})
	lookAt(t, io)
	lookAt(t, io)
	_, err := login(t, io, nil)
	if err == nil || !strings.Contains(err.Error(), errFull.Error()) {
		t.Errorf("the third: %v", err)
	}
	eventually(t, "two admins", func() bool { return a.Stats().Clients == 2 })
}

func TestOptionsThatAreWrong(t *testing.T) {
	io := socketiotest.New(t, socketio.Options{})
	for name, opts := range map[string]Options{
		"no word about who may look": {},
		"both":                       {Basic: basic(), NoAuth: true},
		"no user":                    {Basic: &Basic{PasswordHash: hash()}},
		"a plain password":           {Basic: &Basic{User: user, PasswordHash: password}},
		"no hash":                    {Basic: &Basic{User: user}},
		"a cheap hash":               {Basic: &Basic{User: user, PasswordHash: "$2a$04$" + hash()[7:]}},
		"a hash that takes minutes":  {Basic: &Basic{User: user, PasswordHash: "$2a$20$" + hash()[7:]}},
	} {
		if _, err := Instrument(io.Server, opts); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}
