package engineio

// Polling answers: how much of a queue each takes, and how they are compressed.

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// gunzip reads one gzip stream with nothing behind it: browsers ignore a second.
func gunzip(t *testing.T, b []byte) string {
	t.Helper()
	in := bytes.NewReader(b)
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	plain, err := io.ReadAll(z)
	if err != nil || in.Len() > 0 {
		t.Fatalf("%d bytes left, %v", in.Len(), err)
	}
	return string(plain)
}

// noise is text that does not compress to nothing.
func noise(n int) string {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(random.IntN(20))
	}
	return string(b)
}

func TestPayloadsCompressed(t *testing.T) {
	srv := NewServer(Options{}, nil)
	short, long, longer := text("short"), text(noise(5000)), text(noise(300_000))
	binary := NewTextMessage([]byte("51-"), [][]byte{bytes.Repeat([]byte{1, 2, 3}, 1000)}, MessageOptions{})
	plain := NewTextMessage([]byte(noise(2000)), nil, MessageOptions{NoCompress: true})
	medium := text(noise(900))
	for i, batch := range [][]*Message{
		{long}, {longer}, {binary}, {long, longer}, {short, long}, {long, short},
		{short, long, short, short, binary, short},
		{medium, medium, medium}, {plain, long}, {pingPacket, long}, {long, emptyCloseFrame, short}, {longer, longer},
	} {
		want := string(srv.payload(batch, false).bytes)
		body := srv.payload(batch, true)
		if !body.gzipped {
			t.Errorf("batch %d is not compressed", i)
		} else if got := gunzip(t, body.bytes); got != want {
			t.Errorf("batch %d: %q, want %q", i, clip(got), clip(want))
		}
	}
	for i, batch := range [][]*Message{{short}, {plain}, {plain, plain}, {medium}} {
		if body := srv.payload(batch, true); body.gzipped {
			t.Errorf("batch %d is compressed", i)
		}
	}
	if never := NewServer(Options{HTTPCompression: -1}, nil).payload([]*Message{long}, true); never.gzipped {
		t.Error("compressed against the options")
	}
	if a, b := srv.payload([]*Message{long}, true), srv.payload([]*Message{long}, true); &a.bytes[0] != &b.bytes[0] {
		t.Error("a message is compressed for each client")
	}
	if a, b := srv.payload([]*Message{long}, false), long.frames; &a.bytes[0] != &b[len(b)-len(a.bytes)] {
		t.Error("a message is copied for each client")
	}
}

// A queue of many megabytes goes out in answers of about one, in order, whichever way the polls come in.
func TestLongQueueInManyAnswers(t *testing.T) {
	eachWay(t, func(t *testing.T, s setup, header ...string) {
		h := start(t, s)
		c := h.openPoll()
		p := c.peer()
		var want []string
		for i, size := range []int{300_000, 300_000, 300_000, 300_000, 10, 3 << 20, 20, 700_000, 700_000} {
			m := fmt.Sprint(i, " ", noise(size))
			want = append(want, "4"+m)
			p.Send(text(m))
		}
		answers := 0
		for len(want) > 0 {
			a, err := h.request(http.MethodGet, c.params, "", header...)
			if err != nil || a.status != http.StatusOK {
				t.Fatal(a.status, err)
			}
			if a.header.Get("Content-Encoding") == "gzip" {
				a.body = gunzip(t, []byte(a.body))
			}
			packets := strings.Split(a.body, "\x1e")
			if len(packets) > 1 && len(a.body) > maxAnswer {
				t.Errorf("an answer of %d bytes", len(a.body))
			}
			for _, packet := range packets {
				if packet != want[0] {
					t.Fatalf("got %q, want %q", clip(packet), clip(want[0]))
				}
				want = want[1:]
			}
			answers++
		}
		if answers != 5 {
			t.Errorf("%d answers, want 5", answers)
		}
		p.wantNoAccount(t)
	})
}

// wantNoAccount waits until nothing is on the session's account, nor on the server's.
func (p *peer) wantNoAccount(t *testing.T) {
	t.Helper()
	eventually(t, "an empty account", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.queued == 0 && p.counted == 0 && p.srv.accounts() == 0
	})
}

// eachWay runs a test on the fast listener and on net/http, with and without compression.
func eachWay(t *testing.T, test func(t *testing.T, s setup, header ...string)) {
	for _, gzip := range []string{"", "gzip"} {
		header := []string{"Accept-Encoding", gzip}
		t.Run("fast "+gzip, func(t *testing.T) { test(t, setup{}, header...) })
		t.Run("net/http "+gzip, func(t *testing.T) {
			test(t, setup{listener: opaqueListener{listen(t, "tcp", "127.0.0.1:0")}}, header...)
		})
	}
}
