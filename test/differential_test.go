package test

// Random but valid sessions, against Node.js's server and ours with the same handlers: what comes back is to be the
// same, packet by packet.

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// TestDifferentialSessions runs as many sessions as DIFFERENTIAL in the environment says, or 300.
func TestDifferentialSessions(t *testing.T) {
	t.Parallel()
	needs.NodeJS(t)
	sessions := 300
	if asked := os.Getenv("DIFFERENTIAL"); asked != "" {
		var err error
		if sessions, err = strconv.Atoi(asked); err != nil || sessions < 1 {
			t.Fatalf("DIFFERENTIAL: %q is no number of sessions", asked)
		}
	}
	node, ours := startFixture(t, "nest"), startFixture(t, "gateway")
	var mu sync.Mutex
	packets, failed := 0, 0
	each := func(seed int) {
		want, wantErr := stroll(node.addr, seed)
		got, err := stroll(ours.addr, seed)
		mu.Lock()
		defer mu.Unlock()
		packets += len(want)
		if err == nil && wantErr == nil && slices.Equal(got, want) {
			return
		}
		if failed++; failed <= 5 {
			t.Errorf("session %d:\nNode.js: %v\n  %s\nours: %v\n  %s", seed,
				wantErr, strings.Join(want, "\n  "), err, strings.Join(got, "\n  "))
		}
	}
	seeds := make(chan int)
	var players sync.WaitGroup
	for range 8 {
		players.Go(func() {
			for seed := range seeds {
				each(seed)
			}
		})
	}
	for seed := range sessions {
		seeds <- seed
	}
	close(seeds)
	players.Wait()
	t.Logf("%d sessions, %d packets from each server, %d sessions that differ", sessions, packets, failed)
	if packets < sessions*5 {
		t.Errorf("only %d packets came", packets)
	}
}

// A stroller makes up a session. What it does depends on its random numbers alone, never on what comes back.
type stroller struct {
	*rand.Rand
	*rawSession
	room   string // of this session alone
	ack    int    // the last id
	joined map[string]bool
}

// stroll plays one session and returns what was heard.
func stroll(addr string, seed int) ([]string, error) {
	p := &stroller{
		Rand: rand.New(rand.NewPCG(uint64(seed), 1)), room: fmt.Sprint("room-", seed), joined: map[string]bool{},
	}
	transport := p.pick("polling", "websocket", "polling, then websocket")
	var err error
	if p.rawSession, err = openRaw(addr, strings.TrimSuffix(transport, ", then websocket")); err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.connect(); err != nil {
		return p.heard, err
	}
	upgradeAt := -1
	actions := 3 + p.IntN(10)
	if strings.Contains(transport, "then") {
		upgradeAt = p.IntN(actions)
	}
	for i := range actions {
		if i == upgradeAt {
			if err := p.upgrade(); err != nil {
				return p.heard, fmt.Errorf("upgrade: %w", err)
			}
		}
		if err := p.act(); err != nil {
			return p.heard, err
		}
	}
	return p.heard, p.leave()
}

func (p *stroller) pick(list ...string) string { return list[p.IntN(len(list))] }

// connect joins "/", with or without a payload.
func (p *stroller) connect() error {
	if err := p.send("40" + p.pick("", "{}", `{"name":"Ana"}`)); err != nil {
		return err
	}
	_, err := p.until("40")
	return err
}

// act does one thing, and waits for all that comes of it.
func (p *stroller) act() error {
	do := []func() error{p.echo, p.echo, p.echoBinary, p.rooms, p.tell, p.count, p.asked, p.dynamic, p.guarded,
		p.nowhere, p.unheard, p.together}
	if err := do[p.IntN(len(do))](); err != nil {
		return err
	}
	return p.barrier()
}

// barrier has all that was sent before answered: events of one socket come in order.
func (p *stroller) barrier() error { return p.ask(`"echo","barrier"`) }

// ask sends an event to "/" and waits for its acknowledgement.
func (p *stroller) ask(args string) error {
	p.ack++
	if err := p.send(fmt.Sprintf("42%d[%s]", p.ack, args)); err != nil {
		return err
	}
	_, err := p.until(fmt.Sprintf("43%d[", p.ack))
	return err
}

// value is some JSON as a browser writes it.
func (p *stroller) value(depth int) string {
	switch n := p.IntN(9); {
	case n == 0:
		return p.pick("null", "true", "false")
	case n <= 2:
		return p.pick("0", "-1", "12345678901", "0.5", "1e+21", "-2.25", "5e-324")
	case n <= 5 || depth > 3:
		text, _ := json.Marshal(p.pick("", "hello", "ação", "日本語", "👍🏽", "a\"b\\c\n\t\x01", "\x7f", "42[]", "\x1e",
			"_placeholder"))
		return string(text)
	case n == 6:
		items := make([]string, p.IntN(4))
		for i := range items {
			items[i] = p.value(depth + 1)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	members := make([]string, p.IntN(4))
	for i := range members {
		members[i] = fmt.Sprintf(`"%s%d":%s`, p.pick("a", "__proto_", "key ", "ключ"), i, p.value(depth+1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (p *stroller) echo() error {
	args := `"echo"`
	for range p.IntN(4) {
		args += "," + p.value(0)
	}
	return p.ask(args)
}

// echoBinary sends up to three attachments, in any place.
func (p *stroller) echoBinary() error {
	p.ack++
	n := 1 + p.IntN(3)
	args := `"echo"`
	var attachments []string
	for i := range n {
		placeholder := fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
		args += "," + p.pick(placeholder, `{"data":`+placeholder+`}`, `["x",`+placeholder+`]`)
		data := make([]byte, p.IntN(300))
		for j := range data {
			data[j] = byte(p.Uint32())
		}
		attachments = append(attachments, "b"+base64.StdEncoding.EncodeToString(data))
	}
	if err := p.send(append([]string{fmt.Sprintf("45%d-%d[%s]", n, p.ack, args)}, attachments...)...); err != nil {
		return err
	}
	if _, err := p.until(fmt.Sprintf("46%d-%d[", n, p.ack)); err != nil {
		return err
	}
	for range n {
		if _, err := p.next(); err != nil {
			return err
		}
	}
	return nil
}

func (p *stroller) rooms() error {
	room, _ := json.Marshal(p.pick(p.room, p.room+" of another kind"))
	switch p.IntN(4) {
	case 0:
		return p.ask(`"leave",` + string(room))
	case 1:
		return p.ask(`"who",` + string(room))
	case 2:
		return p.ask(fmt.Sprintf(`"move",%s,"%s"`, room, p.room))
	}
	return p.ask(`"join",` + string(room))
}

func (p *stroller) tell() error {
	return p.send(fmt.Sprintf(`42["tell",{"to":["%s"],"except":[%s],"others":%s},%s]`, p.room,
		p.pick("", `"`+p.room+` of another kind"`), p.pick("true", "false"), p.value(0)))
}

func (p *stroller) count() error { return p.send(fmt.Sprintf(`42["count",%d]`, p.IntN(20))) }

// asked has the server ask something, and answers.
func (p *stroller) asked() error {
	if err := p.send(`42["ask"]`); err != nil {
		return err
	}
	question, err := p.until("42")
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(question, "42"), "[")
	if err := p.send("43" + id + "[" + p.value(0) + "]"); err != nil {
		return err
	}
	_, err = p.until(`42["answer"`)
	return err
}

// dynamic joins a namespace of its own, talks there, or leaves it.
func (p *stroller) dynamic() error {
	name := fmt.Sprint("/dynamic-", 1000+p.IntN(3), strings.TrimPrefix(p.room, "room-"))
	if !p.joined[name] {
		p.joined[name] = true
		if err := p.send("40" + name + "," + p.pick("", `{"token":1}`)); err != nil {
			return err
		}
		_, err := p.until("42" + name + `,["name"`)
		return err
	}
	if p.IntN(3) == 0 {
		p.joined[name] = false
		return p.send("41" + name + ",")
	}
	if err := p.send(fmt.Sprintf(`42%s,["all",%s]`, name, p.value(0))); err != nil {
		return err
	}
	_, err := p.until("42" + name + `,["all"`)
	return err
}

// guarded asks for a namespace that wants a token.
func (p *stroller) guarded() error {
	const name = "/guarded"
	if p.joined[name] {
		if err := p.send("42" + name + `,["forbidden"]`); err != nil {
			return err
		}
		_, err := p.until("42" + name)
		return err
	}
	token := p.pick("secret", "guess")
	if err := p.send(fmt.Sprintf(`40%s,{"token":"%s"}`, name, token)); err != nil {
		return err
	}
	if token != "secret" {
		_, err := p.until("44" + name)
		return err
	}
	p.joined[name] = true
	_, err := p.until("42" + name)
	return err
}

func (p *stroller) nowhere() error {
	if err := p.send("40" + p.pick("/nowhere,", "/dynamic-x,{}", "/nowhere/at/all,")); err != nil {
		return err
	}
	_, err := p.until("44/")
	return err
}

// unheard says what nobody answers.
func (p *stroller) unheard() error {
	return p.send(p.pick(`42["nobody listens"]`, `42999["nobody listens"]`, `43998["to no question"]`))
}

// together sends several packets at once.
func (p *stroller) together() error {
	packets := []string{`42["count",2]`, fmt.Sprintf(`42["tell",{"to":["%s"]},1]`, p.room), `42["count",1]`}
	return p.send(packets[:1+p.IntN(len(packets))]...)
}

// leave ends the session in one of its ways.
func (p *stroller) leave() error {
	last := `42["leave me",true]`
	switch p.IntN(4) {
	case 0:
		// The client leaves "/", and comes back once that is done: Node.js may take a CONNECT packet right behind for
		// what is to be disconnected.
		if err := p.send("41"); err != nil {
			return err
		}
		if err := p.nowhere(); err != nil {
			return err
		}
		return p.connect()
	case 1: // it is thrown out, and comes back
		if err := p.send(`42["leave me",false]`); err != nil {
			return err
		}
		if _, err := p.until("41"); err != nil {
			return err
		}
		return p.connect()
	case 2: // what it says is for a namespace in which it is not
		last = p.pick("41/dynamic-0,", `42/dynamic-0,["all"]`)
	}
	// The server closes the connection.
	if err := p.send(last); err != nil {
		return err
	}
	for p.heard[len(p.heard)-1] != "end" {
		if _, err := p.next(); err != nil {
			break
		}
	}
	return nil
}
