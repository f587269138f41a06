package socketio

// What another server of the cluster may hand in: nothing of it may make a client close its connection.

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPayloadPacket(t *testing.T) {
	srv := newTestServer(t, Options{})
	ns := srv.Of("/")
	one := [][]byte{{1}}
	for _, c := range []struct {
		payload     string
		attachments [][]byte
		want        string // the packet's text; "" where there must be none
	}{
		{`["ev"]`, nil, `2["ev"]`},
		{`["ev",1,{"a":[null,true]}]`, nil, `2["ev",1,{"a":[null,true]}]`},
		{" [ \"ev\" , 1 ]\n", nil, `2[ "ev" , 1 ]`},
		{`[7]`, nil, `2[7]`}, {`[-1.5]`, nil, `2[-1.5]`},
		{`["connected"]`, nil, `2["connected"]`}, {`["\u0063onnected"]`, nil, `2["\u0063onnected"]`},
		{`["` + strings.Repeat("x", 1000) + `"]`, nil, `2["` + strings.Repeat("x", 1000) + `"]`},
		{"[\"\xff\"]", nil, `2["` + "\uFFFD" + `"]`},
		{`["b",{"_placeholder":true,"num":0}]`, one, `51-["b",{"_placeholder":true,"num":0}]`},
		{`["b"]`, one, `51-["b"]`},
		{`["b",{"_placeholder":true,"num":7}]`, nil, `2["b",{"_placeholder":true,"num":7}]`}, // no binary packet

		{``, nil, ``}, {` `, nil, ``}, {`[`, nil, ``}, {`[]`, nil, ``}, {`{}`, nil, ``}, {`"ev"`, nil, ``},
		{`["ev"`, nil, ``}, {`["ev"]]`, nil, ``}, {`["ev",]`, nil, ``}, {`["ev","` + "\x00" + `"]`, nil, ``},
		{`[null]`, nil, ``}, {`[true]`, nil, ``}, {`[["ev"]]`, nil, ``}, {`[{}]`, nil, ``},
		{`["connect"]`, nil, ``}, {`[ "connect_error"]`, nil, ``}, {`["disconnect",1]`, nil, ``},
		{`["disconnecting"]`, nil, ``}, {`["newListener"]`, nil, ``}, {`["removeListener"]`, nil, ``},
		{`["connec\u0074"]`, nil, ``}, {`["` + strings.Repeat(`\u0065`, 3) + `"]`, nil,
			`2["` + strings.Repeat(`\u0065`, 3) + `"]`},
		{`["b",{"_placeholder":true,"num":1}]`, one, ``}, {`["b",{"_placeholder":true,"num":-1}]`, one, ``},
		{`["b",{"_placeholder":true}]`, one, ``}, {`["b",{"\u005fplaceholder":true,"num":"0"}]`, one, ``},
	} {
		p, err := ns.NewPayloadPacket([]byte(c.payload), c.attachments)
		if c.want == "" {
			if p != nil || !errors.Is(err, ErrInvalidPacket) {
				t.Errorf("%.40q: %v, %v", c.payload, p, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.40q: %v", c.payload, err)
			continue
		}
		m, err := p.Message(BroadcastFlags{})
		if err != nil {
			t.Errorf("%.40q: %v", c.payload, err)
			continue
		}
		if frames := srv.sent[m]; frames[0] != c.want || len(frames)-1 != len(c.attachments) {
			t.Errorf("%.40q: sent as %q", c.payload, frames)
		}
	}
}

// What every broadcast of another server goes through allocates the packet alone.
func TestPayloadPacketAllocations(t *testing.T) {
	ns := newTestServer(t, Options{}).Of("/")
	payload := []byte(`["messages",{"nickname":"Ana","message":"bom dia"}]`)
	if n := testing.AllocsPerRun(100, func() { _, _ = ns.NewPayloadPacket(payload, nil) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestHandleServerSideEmit(t *testing.T) {
	ns := newTestServer(t, Options{}).Of("/")
	var got []string
	var replied []error
	ns.OnServerSideEmit("x", func(args []Raw, reply func(any) error) {
		for _, a := range args {
			got = append(got, string(a.JSON()))
		}
		if reply != nil {
			replied = append(replied, reply("one"), reply("two"))
		}
	})
	var sent []any
	if err := ns.HandleServerSideEmit([]byte(` ["\u0078", 1 , {"_placeholder":true,"num":0}] `), [][]byte{{7}},
		func(arg any) error { sent = append(sent, arg); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{`1`, `{"_placeholder":true,"num":0}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Equal(sent, []any{"one"}) || len(replied) != 2 || replied[0] != nil ||
		!errors.Is(replied[1], ErrAckSent) {
		t.Errorf("sent %v, %v", sent, replied)
	}
	got = nil
	for _, payload := range []string{``, `x`, `{}`, `[]`, `[7]`, `[null]`, `["x"`, `["x",]`} {
		if err := ns.HandleServerSideEmit([]byte(payload), nil, nil); !errors.Is(err, ErrInvalidPacket) {
			t.Errorf("%q: %v", payload, err)
		}
	}
	if err := ns.HandleServerSideEmit([]byte(`["x",{"_placeholder":true,"num":1}]`), [][]byte{{7}}, nil); err == nil {
		t.Error("a placeholder without attachment was taken")
	}
	if len(got) > 0 {
		t.Errorf("a handler got %q of what is malformed", got)
	}
}

func TestNewRemoteSocket(t *testing.T) {
	ns := newTestServer(t, Options{}).Of("/")
	if s, err := ns.NewRemoteSocket("id", &Handshake{}, []string{"room"}, Raw{}); err != nil || s.ID() != "id" {
		t.Errorf("%v, %v", s, err)
	}
	for _, c := range []struct {
		id string
		h  *Handshake
	}{{"", &Handshake{}}, {"id", nil}} {
		if s, err := ns.NewRemoteSocket(c.id, c.h, nil, Raw{}); s != nil || err == nil {
			t.Errorf("%+v: %v, %v", c, s, err)
		}
	}
}

// A foreign server may have saved anything as a session.
func TestForeignSession(t *testing.T) {
	for _, c := range []struct {
		SavedSession
		want bool
	}{
		{SavedSession{SID: "sid", PID: "pid"}, true},
		{SavedSession{PID: "pid"}, false},
		{SavedSession{SID: "sid", PID: "other"}, false},
	} {
		r := &RestoredSession{SavedSession: c.SavedSession}
		if got := r.resumes("pid"); got != c.want {
			t.Errorf("%+v: %v", c.SavedSession, got)
		}
	}
}
