package socketio

import (
	"errors"
	"testing"
)

// TestOldClient is a client of Socket.IO 2. What it is sent is what Node's server with allowEIO3 sends.
func TestOldClient(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
	ids := make(chan string, 3)
	auths := make(chan string, 3)
	for _, ns := range []*Namespace{srv.Of("/"), srv.Of("/admin")} {
		ns.OnConnect(func(s *Socket) error {
			ids <- s.ID()
			auths <- string(s.Handshake().Auth.JSON())
			if _, saved := s.SavedSession(); saved {
				t.Error("the session of an old client is kept")
			}
			return nil
		})
	}
	refuse := make(chan error, 1)
	srv.Of("/guarded").Use(func(*Socket) error { return <-refuse })

	c := srv.dialWith(3)
	c.want("0")
	if id, auth := receive(t, "connected", ids), receive(t, "connected", auths); id != "session" || auth != "{}" {
		t.Errorf("the main namespace: %q, %s", id, auth)
	}
	c.send("0/admin?token=a%20b&token=c&empty=,")
	c.want("0/admin,")
	id, auth := receive(t, "connected", ids), receive(t, "connected", auths)
	if id != "/admin#session" || auth != `{"empty":"","token":"c"}` {
		t.Errorf("a namespace: %q, %s", id, auth)
	}
	if s := srv.Of("/admin").Socket("/admin#session"); s == nil || s.Emit("ev", 1) != nil {
		t.Errorf("no socket of the client's id: %v", s)
	}
	c.want(`2/admin,["ev",1]`)

	for _, refusal := range []struct {
		err  error
		want string
	}{
		{errors.New("no"), `4/guarded,"no"`},
		{&ConnectError{Message: "no", Data: map[string]int{"code": 1}}, `4/guarded,{"code":1}`},
		{&ConnectError{Message: "no", Data: 0}, `4/guarded,"no"`},
	} {
		refuse <- refusal.err
		c.send("0/guarded,")
		c.want(refusal.want)
	}
	c.send("0/none?x=1,")
	c.want(`4/none,{"message":"Invalid namespace"}`)
	c.send("1/admin?token=a,")
	eventually(t, "the namespace is left", func() bool { return srv.Of("/admin").SocketCount() == 0 })
	c.send("0") // it is in the main namespace
	eventually(t, "the session is closed", func() bool { _, closed := c.isClosed(); return closed })
}
