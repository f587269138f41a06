package adaptertest

// Broadcasts that clients acknowledge.

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func testAcks(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	for _, c := range []struct {
		to  socketio.BroadcastOperator
		who []int
	}{
		{f.ns(0).To(), []int{0, 1, 2}},
		{f.ns(1).To("all").Except("1"), []int{0, 2}},
		{f.ns(2).To("0"), []int{0}},
		{f.ns(0).To("all").Local(), f.clientsOf(0)},
		{f.ns(0).To("nobody"), nil},
	} {
		got, err := f.ask(t, c.to.Timeout(patience), c.who...)
		if err != nil || !slices.Equal(got, answersOf(c.who...)) {
			t.Errorf("asking %v: %q, %v", c.who, got, err)
		}
	}
	f.oneSilentClient(t)
	f.binaryAnswer(t)
	f.check(t)
}

// ask has the clients that are asked answer, and returns the answers.
func (f *fixture) ask(t *testing.T, to socketio.BroadcastOperator, who ...int) ([]string, error) {
	for _, i := range who {
		go f.clients[i].Acknowledge(`["q",{"_placeholder":true,"num":0}] 07`, fmt.Sprintf(`["from %d"]`, i))
	}
	replies, err := to.EmitWithAck(t.Context(), "q", []byte{7})
	var got []string
	for _, r := range replies {
		got = append(got, string(r.Raw(0).JSON()))
	}
	slices.Sort(got)
	return got, err
}

// answersOf are what those clients answer.
func answersOf(who ...int) (list []string) {
	for _, i := range who {
		list = append(list, fmt.Sprintf(`"from %d"`, i))
	}
	return list
}

// oneSilentClient asks all, one of which does not answer: what the others have answered comes with the error.
func (f *fixture) oneSilentClient(t *testing.T) {
	got, err := f.ask(t, f.ns(0).To("all").Timeout(time.Second), 0, 1)
	if !errors.Is(err, socketio.ErrAckTimeout) || !slices.Equal(got, answersOf(0, 1)) {
		t.Errorf("with one silent client: %q, %v", got, err)
	}
	f.clients[2].Next()
}

// binaryAnswer gets one whose placeholder is spelt as no JavaScript client does.
func (f *fixture) binaryAnswer(t *testing.T) {
	go func() {
		id, _ := f.clients[1].Split(f.clients[1].Next())
		f.clients[1].SendBinary("461-"+id+`[ { "num" : 0, "_placeholder" : true } ]`, []byte("answer"))
	}()
	replies, err := f.ns(0).To("1").Timeout(patience).EmitWithAck(t.Context(), "b")
	var b []byte
	if err != nil || len(replies) != 1 || replies[0].Bind(&b) != nil || string(b) != "answer" {
		t.Errorf("binary answer: %v %q, %v", replies, b, err)
	}
}
