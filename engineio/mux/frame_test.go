package mux

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A scribe writes down the frames that it gets.
type scribe struct{ strings.Builder }

func (s *scribe) data(id uint32, b []byte) error {
	for _, c := range b { // one by one, as they may come in any pieces
		fmt.Fprintf(s, "data %d %02x\n", id, c)
	}
	return nil
}

func (s *scribe) control(t frameType, id, value uint32) error {
	fmt.Fprintln(s, "control", t, id, value)
	return nil
}

// The bytes of each frame, as the package's documentation has them.
func TestFrames(t *testing.T) {
	frames := map[string][]byte{
		"\x00\x00\x00\x01\x00\x00\x00\x07":   appendHead(nil, 0, frameOpen, 7),
		"\x00\x00\x02\x02\x00\x01\x00\x00hi": appendData(nil, 1<<16, []byte("hi")),
		"\x00\x00\x04\x03\xff\xff\xff\xff\x00\x00\x80\x00": append(
			appendHead(nil, 4, frameWindow, 1<<32-1), 0, 0, 128, 0),
		"\x00\x00\x00\x04\x00\x00\x00\x01":     appendHead(nil, 0, frameEnd, 1),
		"\x00\x00\x01\x05\x00\x00\x00\x01\x02": append(appendHead(nil, 1, frameReset, 1), 2),
		"\x00\x00\x00\x06\x00\x00\x00\x00":     appendHead(nil, 0, framePing, 0),
		"\x00\x00\x00\x07\x00\x00\x00\x00":     appendHead(nil, 0, framePong, 0),
	}
	for want, got := range frames {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	long := appendData(nil, 1, make([]byte, 2*maxData+1))
	if len(long) != 2*maxData+1+3*headBytes || long[headBytes+maxData] != 0 || long[headBytes+maxData+1] != maxData>>8 {
		t.Errorf("%d bytes of three frames", len(long))
	}
}

func TestFramesThatThereAreNot(t *testing.T) {
	for _, b := range []string{
		"\x00\x00\x00\x00\x00\x00\x00\x01", "\x00\x00\x00\x08\x00\x00\x00\x01", // types
		// lengths
		"\x00\x00\x01\x01\x00\x00\x00\x01", "\x00\x00\x00\x02\x00\x00\x00\x01", "\x00\x40\x01\x02\x00\x00\x00\x01",
		"\xff\xff\xff\x02\x00\x00\x00\x01", "\x00\x00\x03\x03\x00\x00\x00\x01", "\xff\xff\xff\x05\x00\x00\x00\x01",
		"\x00\x00\x00\x01\x00\x00\x00\x00", "\x00\x00\x00\x06\x00\x00\x00\x01", // streams
	} {
		p := parser{sink: new(scribe)}
		if err := p.feed([]byte(b)); err == nil {
			t.Errorf("%q is taken", b)
		}
	}
}

// FuzzParser has frames come in two pieces, which must not make a difference, and in one that is all there is.
func FuzzParser(f *testing.F) {
	all := appendHead(nil, 0, frameOpen, 1)
	all = appendData(all, 1, []byte("hello"))
	all = append(appendHead(all, 4, frameWindow, 1), 0, 0, 1, 0)
	all = appendHead(all, 0, framePing, 0)
	all = append(appendHead(all, 1, frameReset, 1), 1)
	f.Add(all, 3)
	f.Add(all[:len(all)-1], 21)
	f.Add([]byte("\xff\xff\xff\x02\x00\x00\x00\x01"), 4)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		cut = max(0, min(cut, len(b)))
		var whole, pieces scribe
		p := parser{sink: &whole}
		wholeErr := p.feed(b)
		p = parser{sink: &pieces}
		err := p.feed(b[:cut])
		if err == nil {
			err = p.feed(b[cut:])
		}
		if whole.String() != pieces.String() || (err == nil) != (wholeErr == nil) {
			t.Errorf("in one piece:\n%s%v\nin two:\n%s%v", &whole, wholeErr, &pieces, err)
		}
	})
}

// FuzzSession is a peer that has shown the key and says anything: it ends the session or is ignored, and no more than
// the windows allow is kept.
func FuzzSession(f *testing.F) {
	all := appendHead(nil, 0, frameOpen, 1)
	all = appendData(all, 1, bytes.Repeat([]byte("x"), 100))
	all = appendHead(all, 0, frameEnd, 1)
	f.Add(all)
	f.Add(append(appendHead(all, 1, frameReset, 1), 0))
	f.Add(append(appendHead(appendHead(nil, 0, frameOpen, 9), 4, frameWindow, 9), 0x3f, 0xff, 0, 0))
	f.Add(appendHead(appendHead(nil, 0, framePing, 0), 0, framePong, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, begin := range []func(*Session){
			func(*Session) {}, func(s *Session) { s.client = true; s.last = 3; s.add(1); s.add(3) },
		} {
			s := &Session{
				conn: discard{}, news: make(chan struct{}, 1), streams: make(map[uint32]*stream), writing: true,
				opts: Options{MaxStreams: 10},
			}
			begin(s)
			s.parser.sink = s
			s.idle = nopTimer()
			_ = s.parser.feed(b)
			s.mu.Lock()
			for id, st := range s.streams {
				if len(st.inbox) > window || id > s.last || st.credit < 0 || st.window < 0 {
					t.Errorf("stream %d: %d bytes, credit %d, window %d", id, len(st.inbox), st.credit, st.window)
				}
			}
			if len(s.streams) > 10 || len(s.out) > maxControl+100 {
				t.Errorf("%d streams, %d bytes to be written", len(s.streams), len(s.out))
			}
			s.mu.Unlock()
		}
	})
}
