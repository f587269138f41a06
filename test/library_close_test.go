package test

import (
	"strings"
	"testing"
)

// TestLibraryClosesAfterItsLastPacket has a server disconnect a polling client together with its connection. What is
// queued (here the disconnect packet) must go out in a poll of its own, before the close packet. Clients up to 4.5
// handle a close packet before the other packets of its payload: they would see a lost connection and come back.
func TestLibraryClosesAfterItsLastPacket(t *testing.T) {
	t.Parallel()
	const post = `POST /socket.io/?EIO=4&transport=polling&sid=${sid} body=`
	ok := []string{
		"HTTP/1.1 200 OK", "Access-Control-Allow-Origin: *", "Cache-Control: no-store",
		"Content-Type: text/html", `body "ok"`,
	}
	leave := parityStep{do: post + `"42[\"leave me\",true]"`, want: ok}
	joined := []parityStep{
		{do: "session"},
		{do: post + `"40"`, want: ok},
		{do: "poll", want: []string{`200 "40{\"sid\":\"<SID>\"}"`}},
	}
	end := []parityStep{
		{do: "poll", want: []string{`200 "6\u001e1"`}},
		{do: "poll", want: []string{`400 "{\"code\":1,\"message\":\"Session ID unknown\"}"`}},
	}
	tests := map[string][]parityStep{
		"no poll is pending": {leave, {do: "wait"}, {do: "poll", want: []string{`200 "41"`}}},
		"a poll is pending":  {{do: "begin poll"}, leave, {do: "end poll", want: []string{`200 "41"`}}},
	}
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name)
		for name, steps := range tests {
			t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
				c := parityCase{name: name, steps: append(append(append([]parityStep{}, joined...), steps...), end...)}
				got, err := play(tg.addr, c)
				if err != nil {
					t.Fatal(err)
				}
				if got.String() != c.String() {
					t.Errorf("the conversation went\n%s\nand should have gone\n%s", got, c)
				}
			})
		}
	})
}
