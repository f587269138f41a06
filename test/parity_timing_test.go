package test

// When the services ping and when they close a connection: the recorded time-line, with every interval a tenth as long.
// The other cases compare the real intervals, which stand in the open packet.

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A moment is a line that a service sends, and when.
type moment struct {
	at   time.Duration // since the connection was opened
	line string
}

const (
	tooEarly = 150 * time.Millisecond
	tooLate  = 2 * time.Second // the machine may be busy
)

func (m moment) String() string { return fmt.Sprintf("%.2fs %s", m.at.Seconds(), m.line) }

// shortTimings are a tenth of Node.js's defaults: pingInterval 25 s, pingTimeout 20 s, connectTimeout 45 s.
var shortTimings = []string{"PING_INTERVAL=2500", "PING_TIMEOUT=2000", "CONNECT_TIMEOUT=4500"}

const (
	pingAt      = 2500 * time.Millisecond // and every 2.5 s after a pong
	timeoutAt   = 4500 * time.Millisecond // pingInterval + pingTimeout; connectTimeout is the same
	watchedFor  = 8 * time.Second
	joined      = `40{"sid":"<SID>"}`
	unknownJoin = `44/unknown,{"message":"Invalid namespace"}`
)

func TestParityTiming(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sends   []string
		answers bool // answers pings
		want    []moment
	}{
		"joined, silent": {[]string{"40"}, false, []moment{{0, joined}, {pingAt, "2"}, {timeoutAt, "close"}}},
		"joined, answering": {[]string{"40"}, true, []moment{
			{0, joined}, {pingAt, "2"}, {2 * pingAt, "2"}, {3 * pingAt, "2"},
		}},
		"joined and left, answering": {[]string{"40", "41"}, true, []moment{
			{0, joined}, {pingAt, "2"}, {2 * pingAt, "2"}, {3 * pingAt, "2"},
		}},
		"never joined, silent":    {nil, false, []moment{{pingAt, "2"}, {timeoutAt, "close"}}},
		"never joined, answering": {nil, true, []moment{{pingAt, "2"}, {timeoutAt, "close"}}},
		"unknown namespace, answering": {[]string{"40/unknown,"}, true, []moment{
			{0, unknownJoin}, {pingAt, "2"}, {timeoutAt, "close"},
		}},
	}
	eachTarget(t, func(t *testing.T, name string) {
		tg := startTarget(t, name, shortTimings...)
		var group sync.WaitGroup
		defer group.Wait()
		for name, test := range tests {
			group.Go(func() {
				got, err := watch(tg.addr, test.sends, test.answers)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if !sameMoments(got, test.want) {
					t.Errorf("%s: got %v, want %v", name, got, test.want)
				}
			})
		}
		group.Go(func() {
			got, err := watchPolling(tg.addr)
			want := []moment{
				{pingAt, `200 "2"`},
				{timeoutAt, `200 "1"`},
				{timeoutAt, `400 "{\"code\":1,\"message\":\"Session ID unknown\"}"`},
			}
			if err != nil || !sameMoments(got, want) {
				t.Errorf("polling, silent: got %v, %v, want %v", got, err, want)
			}
		})
	})
}

// sameMoments compares the lines exactly and the times generously, but nothing may happen early.
func sameMoments(got, want []moment) bool {
	if len(got) != len(want) {
		return false
	}
	for i, m := range got {
		if m.line != want[i].line || m.at < want[i].at-tooEarly || m.at > want[i].at+tooLate {
			return false
		}
	}
	return true
}

// watch opens a WebSocket and records what follows the open packet. It sends each packet after an answer or a pause.
func watch(addr string, sends []string, answers bool) ([]moment, error) {
	ws, err := wire.DialWebSocket(addr, wire.NewSocket)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	s := newScriptSocket("", ws)
	defer s.close()
	if got := s.collect(1); len(got) != 1 || !strings.HasPrefix(got[0], "0{") {
		return nil, fmt.Errorf("no open packet but %q", got)
	}
	var moments []moment
	note := func(line string) {
		moments = append(moments, moment{time.Since(start), line})
		if line == "2" && answers {
			ws.SendText("3")
		}
	}
	for _, packet := range sends {
		ws.SendText(packet)
		select {
		case line := <-s.lines:
			note(line)
		case <-time.After(settleFor):
		}
	}
	end := time.After(watchedFor)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				return moments, nil
			}
			note(line)
		case <-end:
			return moments, nil
		}
	}
}

// watchPolling opens a polling session and polls until a poll fails. It answers no ping.
func watchPolling(addr string) ([]moment, error) {
	p := &player{addr: addr}
	start := time.Now()
	if err := p.openSession(); err != nil {
		return nil, err
	}
	var moments []moment
	for {
		response, err := wire.Get(addr, wire.NewPolling+"&sid="+p.sid, patience)
		if err != nil {
			return moments, err
		}
		line := fmt.Sprintf("%d %s", response.Code, showText(string(response.Body)))
		moments = append(moments, moment{time.Since(start), line})
		if response.Code != 200 {
			return moments, nil
		}
	}
}
