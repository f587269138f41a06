package adapter

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// pipeConn reads from r.
type pipeConn struct {
	net.Conn
	r io.Reader
}

func (c pipeConn) Read(p []byte) (int, error) { return c.r.Read(p) }

func pmessage(push byte, channel, payload string) string {
	return fmt.Sprintf("%c4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", push, len(channel), channel,
		len(payload), payload)
}

// Whatever the pieces in which it comes, the stream passes but for the messages of channels that begin with "no".
func TestFilterDropsWhatNobodyWants(t *testing.T) {
	replies := []string{
		"+PONG\r\n", ":12\r\n", "$-1\r\n", "-ERR no\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "$5\r\nhe\r\no\r\n",
		">3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:1\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n",
		"%1\r\n+server\r\n*1\r\n+redis\r\n", "*0\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$100000\r\n" + strings.Repeat("x", 100_000) + "\r\n",
	}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var in, want bytes.Buffer
		for range 60 {
			switch n := random.IntN(4); n {
			case 0, 1:
				payload := strings.Repeat("\r\n", random.IntN(3)) + strings.Repeat("y", random.IntN(60))
				if random.IntN(20) == 0 {
					payload = strings.Repeat("z", 50_000)
				}
				channel := []string{"no one", "yes"}[n]
				m := pmessage(">*"[random.IntN(2)], channel, payload)
				in.WriteString(m)
				if n == 1 {
					want.WriteString(m)
				}
			default:
				r := replies[random.IntN(len(replies))]
				in.WriteString(r)
				want.WriteString(r)
			}
		}
		var source io.Reader = bytes.NewReader(in.Bytes())
		switch seed % 3 {
		case 1:
			source = iotest.HalfReader(source)
		case 2:
			source = &pieces{source, random}
		}
		keep := func(pattern, channel []byte) bool {
			if string(pattern) != "p*" {
				t.Errorf("pattern %q", pattern)
			}
			return !bytes.HasPrefix(channel, []byte("no"))
		}
		got, err := io.ReadAll(newFilterConn(pipeConn{r: source}, keep, nil))
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("seed %d: %v, %d bytes of %d, of which %d are wanted", seed, err, len(got), in.Len(), want.Len())
		}
	}
}

// pieces reads a few bytes at a time.
type pieces struct {
	r      io.Reader
	random *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	return p.r.Read(b[:min(len(b), 1+p.random.IntN(40))])
}

// What is not Redis's language passes untouched, nothing makes the filter fail, and it makes no difference in which
// pieces it comes.
func FuzzFilter(f *testing.F) {
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), uint64(1))
	f.Add([]byte(pmessage('>', "no", "x")+"+OK\r\n"), uint64(2))
	f.Add([]byte("*1000000000\r\n"), uint64(3))
	f.Add([]byte(">4\r\n$8\r\npmessage\r\n$-1\r\n"), uint64(4))
	f.Add([]byte(pmessage('*', "no", "x")+pmessage('>', "yes", "y")+":1\r\n"), uint64(5))
	// Less than the usual buffer: what is longer than it comes soon.
	filter := func(t *testing.T, source io.Reader, keep func(pattern, channel []byte) bool) []byte {
		c := newFilterConn(pipeConn{r: source}, keep, nil).(*filterConn)
		c.filled = make([]byte, 64)
		out, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		all := filter(t, bytes.NewReader(in), func(_, _ []byte) bool { return true })
		if !bytes.HasPrefix(in, all) {
			t.Errorf("%q became %q", in, all)
		}
		if none := filter(t, bytes.NewReader(in), func(_, _ []byte) bool { return false }); len(none) > len(all) {
			t.Errorf("%q became %q", in, none)
		}
		keep := func(_, channel []byte) bool { return !bytes.HasPrefix(channel, []byte("no")) }
		some := filter(t, bytes.NewReader(in), keep)
		random := rand.New(rand.NewPCG(seed, 0))
		if pieces := filter(t, &pieces{bytes.NewReader(in), random}, keep); !bytes.Equal(some, pieces) {
			t.Errorf("%q became %q, in pieces %q", in, some, pieces)
		}
	})
}
