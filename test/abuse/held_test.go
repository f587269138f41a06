package abuse

// What a client can make the gateway keep for it.

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// TestUnfinishedPacketsAreBounded: 30 packets of 1 MB whose attachments never come held 0.5 GB, for good.
func TestUnfinishedPacketsAreBounded(t *testing.T) {
	const clients = 30
	addr := chatNode(t, "CONNECT_TIMEOUT", "3s")
	packet := `4510-["x"` + strings.Repeat(",0", 490_000) + `]`
	good, before := newGoodChat(t, addr), liveHeap()
	var attackers []*wire.WebSocket
	for range clients {
		ws := connected(t, addr, "40")
		attackers = append(attackers, ws)
		ws.SendText(packet)
	}
	good.say(t)
	held := int64(liveHeap() - before)
	t.Logf("%d MB sent, %d MB held", clients*len(packet)>>20, held>>20)
	if most := int64(clients * len(packet) * 2); held > most {
		t.Errorf("%d MB held, want at most %d MB", held>>20, most>>20)
	}
	for _, ws := range attackers {
		wantEnd(t, ws)
	}
	good.say(t)
	wantHeap(t, before+8<<20)
}

// TestAuthIsBounded: each socket keeps what its client connected with. 30 of 1 MB held 30 MB.
func TestAuthIsBounded(t *testing.T) {
	const clients = 30
	addr := chatNode(t)
	good, before := newGoodChat(t, addr), liveHeap()
	for range clients {
		ws := connected(t, addr, `40{"x":"`+strings.Repeat("x", 900_000)+`"}`)
		defer ws.Close()
	}
	good.say(t)
	if held := int64(liveHeap() - before); held > 8<<20 {
		t.Errorf("%d MB held", held>>20)
	}
}

// TestRecoveryIsBounded: whoever says "registrar" is answered, and the answer is kept for two minutes in case that the
// client goes and comes again. 10 s of that held 1.5 GB.
func TestRecoveryIsBounded(t *testing.T) {
	const most = 100 << 20
	addr := chatNode(t, "MESSAGE_RATE", "off", "BYTE_RATE", "off", "RECOVERY", "2m")
	good, before := connected(t, addr, "40"), liveHeap()
	defer good.Close()
	ws := connected(t, addr, "40")
	defer ws.Close()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for {
			if _, err := ws.ReadFrame(); err != nil {
				return
			}
		}
	}()
	frame := wire.Frame{Opcode: wire.Text, Payload: []byte(`42["registrar"]`)}.Bytes()
	burst := []byte(strings.Repeat(string(frame), 500))
	said, held := 0, int64(0)
	for began := time.Now(); time.Since(began) < 4*time.Second; {
		if _, err := ws.Write(burst); err != nil {
			t.Fatal(err)
		}
		said += 500
	}
	held = int64(liveHeap() - before)
	good.SendText(`42["registrar"]`)
	if f, err := good.ReadFrame(); err != nil || !strings.HasPrefix(string(f.Payload), `42["registrado"`) {
		t.Errorf("a good client is answered %v %v", f, err)
	}
	t.Logf("%d events, %d MB held", said, held>>20)
	if held > most {
		t.Errorf("%d MB held, want at most %d MB", held>>20, most>>20)
	}
	ws.Close()
	<-answered
}

// goodChat is 10 clients that chat.
type goodChat struct {
	*Chat
	said int
}

func newGoodChat(t *testing.T, addr string) *goodChat {
	t.Helper()
	chat, err := NewChat(addr, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chat.Close() })
	return &goodChat{Chat: chat}
}

// say has each say something that everybody must hear.
func (c *goodChat) say(t *testing.T) {
	t.Helper()
	if err := c.Say(c.said, c.said+1, 0); err != nil {
		t.Error(err)
	}
	c.said++
	if err := c.Heard(c.said); err != nil {
		t.Error(err)
	}
}

// connected opens a WebSocket and joins the main namespace with a CONNECT packet.
func connected(t *testing.T, addr, connect string) *wire.WebSocket {
	t.Helper()
	ws, err := wire.DialWebSocket(addr, wire.NewSocket)
	if err != nil {
		t.Fatal(err)
	}
	ws.SendText(connect)
	ws.SetReadDeadline(time.Now().Add(patience))
	for range 2 { // the open packet, and the answer
		if f, err := ws.ReadFrame(); err != nil || f.Opcode != wire.Text {
			t.Fatalf("not joined: %v %v", f, err)
		}
	}
	return ws
}

// wantEnd reads until the server closes.
func wantEnd(t *testing.T, ws *wire.WebSocket) {
	t.Helper()
	defer ws.Close()
	ws.SetReadDeadline(time.Now().Add(15 * time.Second))
	for {
		f, err := ws.ReadFrame()
		if err != nil && strings.Contains(fmt.Sprint(err), "timeout") {
			t.Error("the server does not end the connection")
		}
		if err != nil || f.Opcode == wire.Close {
			return
		}
	}
}

// liveHeap is what is reachable, in bytes.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// wantHeap waits until no more than most is reachable.
func wantHeap(t *testing.T, most uint64) {
	t.Helper()
	heap := liveHeap()
	for deadline := time.Now().Add(patience); heap > most; heap = liveHeap() {
		if time.Now().After(deadline) {
			t.Errorf("%d MB on the heap, want at most %d MB", heap>>20, most>>20)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
