package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// TestFill: pages have all sockets, each once, in the order of their ids, and are about as long as was asked.
func TestFill(t *testing.T) {
	const sockets, size = 60, 4 << 10
	a := newTestAdapter(t, Options{})
	web := httptest.NewServer(a.Namespace().Server())
	t.Cleanup(web.Close)
	var want []string
	for i := range sockets {
		id := testclient.Dial(t, web.URL, "/").ID
		want = append(want, id)
		s := a.Namespace().Socket(id)
		s.Join(fmt.Sprint(i%2), strings.Repeat("r", i))
		if i%2 == 0 {
			s.SetData(map[string]any{"large": strings.Repeat("x", size)})
		} else {
			s.SetData(map[string]any{"large": []byte(strings.Repeat("x", size))})
		}
	}
	slices.Sort(want)
	pages := func(typ Type, bytes int) (got []string, n int) {
		page := Page{Bytes: bytes}
		for ; n <= sockets; n++ {
			answer := Message{Type: typ, RequestID: "R", Sender: "S"}
			a.fill(&answer, socketio.BroadcastOptions{}, page)
			text, err := a.bus.(noBus).envelope(&answer)
			if err != nil {
				t.Fatal(err)
			}
			length := len(text)
			for _, b := range answer.Attachments {
				length += base64.StdEncoding.EncodedLen(len(b))
			}
			if answer.More != "" && bytes > 2*size && (length < bytes*7/10 || length > bytes*11/10) {
				t.Errorf("a page of %d bytes, want about %d", length, bytes)
			}
			for _, s := range answer.Sockets {
				got = append(got, s.ID())
			}
			got = append(got, answer.SocketIDs...)
			if answer.More == "" {
				return got, n + 1
			}
			if page.After = answer.More; page.After != got[len(got)-1] {
				t.Fatalf("more behind %q, want %q", page.After, got[len(got)-1])
			}
		}
		t.Fatal("too many pages")
		return nil, 0
	}
	for _, c := range []struct {
		typ                Type
		bytes, least, most int
	}{
		{FetchSocketsResponse, 1, sockets, sockets}, {FetchSocketsResponse, 30 << 10, 9, 13},
		{FetchSocketsResponse, 1 << 30, 1, 1}, {ListSocketsResponse, 1, sockets, sockets},
		{ListSocketsResponse, 500, 3, 4}, {ListSocketsResponse, 1 << 20, 1, 1},
	} {
		if got, n := pages(c.typ, c.bytes); !slices.Equal(got, want) || n < c.least || n > c.most {
			t.Errorf("type %d in pages of %d: %d sockets in %d pages", c.typ, c.bytes, len(got), n)
		}
	}
	answer := Message{Type: FetchSocketsResponse}
	a.fill(&answer, socketio.BroadcastOptions{Rooms: []string{"0"}}, Page{Bytes: 1 << 30, After: want[sockets/2]})
	for _, s := range answer.Sockets {
		if s.ID() <= want[sockets/2] || !slices.Contains(s.Rooms(), "0") {
			t.Errorf("%s in %v, behind %s", s.ID(), s.Rooms(), want[sockets/2])
		}
	}
}

// asked starts a request to n servers, and tells of what they are asked for more.
func asked(t *testing.T, timeout time.Duration, n int) (q *requests, next chan string, done chan error) {
	t.Helper()
	q = new(requests)
	q.init(timeout)
	next, done = make(chan string, 16), make(chan error, 1)
	req := newRequest(func(*Message) {})
	req.next = func(to, after string) error {
		if after == "unheard" {
			return errors.New("the bus has an error")
		}
		next <- to + " " + after
		return nil
	}
	published := make(chan struct{})
	go func() {
		done <- q.ask(context.Background(), "R", req, n, func() error { close(published); return nil })
	}()
	<-published
	return q, next, done
}

func page(sender, more string) *Message {
	return &Message{Type: FetchSocketsResponse, RequestID: "R", Sender: sender, More: more}
}

// TestPagesKeepRequest: as long as a server's pages come its request lives on, whoever else is silent.
func TestPagesKeepRequest(t *testing.T) {
	t.Parallel()
	const timeout, pages = 600 * time.Millisecond, 12
	for _, silent := range []int{0, 1} {
		q, next, done := asked(t, timeout, 2+silent)
		q.learn(silent, 2+silent)
		q.respond(page("whole", ""))
		for i := range pages {
			q.respond(page("S", fmt.Sprintf("%02d", i)))
			if got := <-next; got != fmt.Sprintf("S %02d", i) {
				t.Fatalf("asked for %s", got)
			}
			time.Sleep(timeout / 6)
		}
		q.respond(page("S", ""))
		var incomplete *IncompleteError
		switch err := <-done; {
		case silent == 0 && err != nil:
			t.Error(err)
		case silent == 1 && (!errors.As(err, &incomplete) || incomplete.Answered != 2 || incomplete.Missing != 1):
			t.Errorf("with a silent server: %v", err)
		}
	}
}

// TestPagesStop: a server that stops in the middle is missing, and so is one whose page comes too late.
func TestPagesStop(t *testing.T) {
	t.Parallel()
	q, next, done := asked(t, 300*time.Millisecond, 2)
	q.respond(page("whole", ""))
	q.respond(page("S", "a"))
	<-next
	var incomplete *IncompleteError
	if err := <-done; !errors.As(err, &incomplete) || incomplete.Answered != 1 || incomplete.Missing != 1 {
		t.Errorf("%v", err)
	}
	if n := q.answering(2); n != 1 {
		t.Errorf("%d of 2 are expected to answer", n)
	}
	q.respond(page("S", "b"))
	if n := q.answering(2); n != 2 || len(next) > 0 {
		t.Errorf("after a late page %d of 2 are expected to answer, %d are asked", n, len(next))
	}
}

// TestPagesLeadNowhere: pages that do not advance, or come from nobody, end the request.
func TestPagesLeadNowhere(t *testing.T) {
	t.Parallel()
	for _, pages := range [][]*Message{
		{page("S", "b"), page("S", "b")}, {page("S", "b"), page("S", "a")}, {page("", "a")}, {page("S", "unheard")},
	} {
		q, _, done := asked(t, time.Minute, 1)
		for _, m := range pages {
			q.respond(m)
		}
		var incomplete *IncompleteError
		if err := <-done; !errors.As(err, &incomplete) || incomplete.Err == nil || incomplete.Missing != 1 {
			t.Errorf("%s: %v", pages[len(pages)-1].More, err)
		}
	}
	q, next, done := asked(t, time.Minute, 1)
	for i := range mostPages + 1 {
		q.respond(page("S", fmt.Sprintf("%06d", i)))
		if i < mostPages {
			<-next
		}
	}
	if err := <-done; !errors.Is(err, errPages) {
		t.Errorf("no end: %v", err)
	}
	// Who was not asked for pages is not asked for more.
	req := newRequest(func(*Message) {})
	q.add("R", req)
	q.respond(page("S", "a"))
	if req.answered != 1 {
		t.Error("an answer does not count")
	}
}
