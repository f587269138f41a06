package abuse

// Malformed frames, packets and upgrades.

import (
	"fmt"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func badFrame(a *attacker) {
	ws := a.websocket(a.IntN(2) == 0)
	if ws == nil {
		return
	}
	text := []byte(`42["nobody","x"]`)
	frames := [][]wire.Frame{
		{{Opcode: wire.Text, RSV: byte(a.IntN(7) + 1), Payload: text}},
		{{Opcode: wire.Text, Unmasked: true, Payload: text}},
		{{Opcode: wire.Opcode(a.IntN(5) + 3), Payload: text}},
		{{Opcode: wire.Opcode(a.IntN(5) + 11), Payload: text}},
		{{Opcode: wire.Continuation, Payload: text}},
		{{Opcode: wire.Text, NotFinal: true, Payload: text}, {Opcode: wire.Text, Payload: text}},
		{
			{Opcode: wire.Text, NotFinal: true, Payload: text},
			{Opcode: wire.Ping},
			{Opcode: wire.Continuation, Payload: []byte{0xc3}},
		},
		{{Opcode: wire.Ping, NotFinal: true, Payload: text}},
		{{Opcode: wire.Ping, Payload: make([]byte, 126)}},
		{{Opcode: wire.Close, Payload: []byte{3}}},
		{wire.CloseFrame(uint16(a.Uint32()), string(a.noise(100)))},
		{{Opcode: wire.Text, Payload: []byte("42\xc3\x28")}},
		{{Opcode: wire.Text, Payload: a.noise(300)}},
		{{Opcode: wire.Binary, Payload: a.noise(300)}},
		{{Opcode: wire.Text, Length: 1 << 62, Payload: text}},
		{{Opcode: wire.Text, Length: 1<<64 - 1, Payload: text}},
		{{Opcode: wire.Text, Length: 1_000_001, Payload: text}},
		{{Opcode: wire.Text, Length: 1000, Payload: text}}, // truncated
		{
			{Opcode: wire.Text, NotFinal: true, Payload: make([]byte, 600_000)},
			{Opcode: wire.Continuation, Payload: make([]byte, 600_000)},
		},
		{{Opcode: wire.Pong, Payload: text}, {Opcode: wire.Ping, Payload: text}, {Opcode: wire.Text}},
	}
	for _, f := range frames[a.IntN(len(frames))] {
		ws.Send(f)
	}
	if a.IntN(3) == 0 {
		ws.Write(a.noise(100))
	}
	look(ws.Conn)
}

func badEnginePacket(a *attacker) {
	ws := a.websocket(a.IntN(2) == 0)
	if ws == nil {
		return
	}
	for range a.IntN(3) + 1 {
		ws.SendText(a.pick(
			"", "0", "1", "2", "2probe", "3", "3probe", "5", "6", "7", "8", "9",
			"a", "\x00", "\x1e", "4\x1e4", "b", "bAQID", "-1", "😀"))
	}
	look(ws.Conn)
}

// socketPackets returns a packet that no client sends, or one that is allowed but odd. None says anything to the room.
func socketPackets(a *attacker) string {
	number := a.pick("0", "1", "7", "-1", "1.5", "1e9", "99999999999999999999", "", "0x1", "00", "11", "999999999")
	return "4" + a.pick(
		"", "4x", "9", "abc", "0{bad", "0[1]", `0"s"`, "0", "1", "1/x,", "0/", "0/,", "0/a/b/c?d=e,",
		"0"+strings.Repeat("/", 5000),
		"2", "2{}", "2[]", "2[null]", "2[{}]", "2[1]", `2["x",`, `2["`,
		`2["connect"]`, `2["disconnect"]`, `2["disconnecting"]`, `2["newListener"]`,
		`2`+number+`["x"]`, `3`+number+`["x"]`, `3`+number, `3`+number+`{}`, `4{"message":"x"}`, `2/unknown,["x"]`,
		`5["x"]`, `5`+number+`-["x"]`,
		`5`+number+`-["x",{"_placeholder":true,"num":`+a.pick("0", "1", "-1", "1e99", `"a"`, "null", "{}")+`}]`,
		`6`+number+`-`+number+`[]`, `5-["x"]`, `5999-["x",{"_placeholder":true,"num":0}]`,
		`2["x",`+strings.Repeat("[", 20_000)+strings.Repeat("]", a.IntN(2)*20_000)+`]`,
		`2["x",`+strings.Repeat(`{"a":`, 5000)+`1`+strings.Repeat(`}`, 5000)+`]`,
		`2["x","`+strings.Repeat("y", 100_000)+`"]`, `2["messages",null]`, `2["messages"]`,
		`2["`+strings.Repeat("e", 50_000)+`"]`,
		`2["x",1e999999]`, `2["x","\ud800"]`, `2["x","\q"]`, "2[\"x\",\"\x01\"]",
		`2["__proto__",{"__proto__":{"x":1}}]`,
		"2"+string(a.noise(100)))
}

func badSocketPacket(a *attacker) {
	ws := a.websocket(a.IntN(4) > 0)
	if ws == nil {
		return
	}
	for range a.IntN(4) + 1 {
		ws.SendText(socketPackets(a))
		if a.IntN(4) == 0 {
			ws.Send(wire.Frame{Opcode: wire.Binary, Payload: a.noise(64)})
		}
	}
	look(ws.Conn)
}

func badSocketPacketOverPolling(a *attacker) {
	path := a.session()
	packets := make([]string, a.IntN(4)+1)
	for i := range packets {
		packets[i] = socketPackets(a)
	}
	body := a.pick("40\x1e", "") + strings.Join(packets, "\x1e")
	a.say(wire.Request{Method: "POST", Target: path, Body: body}.Bytes())
	a.say(wire.Request{Method: "GET", Target: path}.Bytes())
}

// mutatedSocketPacket changes some bytes of good packets.
func mutatedSocketPacket(a *attacker) {
	ws := a.websocket(true)
	if ws == nil {
		return
	}
	for range a.IntN(5) + 1 {
		packet := []byte(a.pick(
			`42["nobody",{"nickname":"n","message":"m"}]`, `427["nobody",{"a":[1,2,{"b":null}]}]`, `42/,["nobody"]`,
			`451-["nobody",{"_placeholder":true,"num":0}]`, `430["x"]`, `40/other,{"token":"x"}`, `41/other,`))
		for range a.IntN(3) + 1 {
			packet[a.IntN(len(packet))] = byte(a.Uint32())
		}
		ws.SendText(string(packet))
	}
	look(ws.Conn)
}

// badUpgrade starts an upgrade and does not finish it.
func badUpgrade(a *attacker) {
	path := a.session()
	a.say(wire.Request{Method: "POST", Target: path, Body: "40"}.Bytes())
	target := strings.Replace(path, "polling", "websocket", 1)
	for range a.IntN(2) + 1 {
		ws, err := wire.DialWebSocket(a.addr, target)
		if err != nil {
			continue
		}
		a.open = append(a.open, ws.Conn.Conn)
		for range a.IntN(4) {
			ws.SendText(a.pick(
				"2probe", "2probe", "5", "2", "3probe", "40", "1", "2xyz",
				fmt.Sprintf("4%d", a.IntN(10)), string(a.noise(10))))
		}
		if a.IntN(2) == 0 {
			if c := a.dial(); c != nil {
				c.Write(wire.Request{Method: "GET", Target: path}.Bytes())
			}
		}
		time.Sleep(time.Duration(a.IntN(10)) * time.Millisecond)
	}
}
