package adaptertest

// What servers emit to each other.

import "testing"

func testServerSideEmit(t *testing.T, start Start) {
	for _, namespace := range []string{"/", "/chat"} {
		f := newFixture(t, start, namespace)
		ns := f.ns(0)
		f.do(t, ns.ServerSideEmit("hello", 1, "é<", nil), ns.ServerSideEmit("hello", []byte{1, 2}))
		for i, other := range f.servers[1:] {
			for _, want := range []string{`1 "é<" null`, `<0102>`} {
				if got := receive(t, other.heard); got != want {
					t.Errorf("server %d heard %s, want %s", i+1, got, want)
				}
			}
		}
		f.askServers(t)
		f.check(t)
	}
}

// askServers asks with text and with binary data; each other server answers with what it has heard.
func (f *fixture) askServers(t *testing.T) {
	answers, err := f.ns(0).ServerSideEmitWithAck(t.Context(), "hello", "q")
	if err != nil || len(answers) != len(f.servers)-1 {
		t.Errorf("%d answers, %v", len(answers), err)
	}
	for _, a := range answers {
		if string(a.JSON()) != `{"args":["q"]}` {
			t.Errorf("answer %s", a.JSON())
		}
	}
	answers, err = f.ns(0).ServerSideEmitWithAck(t.Context(), "hello", []byte{9})
	if err != nil || len(answers) != len(f.servers)-1 {
		t.Errorf("%d binary answers, %v", len(answers), err)
	}
	for _, a := range answers {
		var v struct{ Args [][]byte }
		if err := a.Bind(&v); err != nil || len(v.Args) != 1 || string(v.Args[0]) != "\x09" {
			t.Errorf("binary answer %s %v, %v", a.JSON(), v, err)
		}
	}
	if len(f.servers[0].heard) > 0 {
		t.Errorf("the sender heard itself: %s", <-f.servers[0].heard)
	}
}
