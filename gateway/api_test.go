package gateway

// The server API on real gateways: whatever node is asked, the whole cluster does it, Node.js's nodes too; and when
// Redis is away nobody takes a part for the whole.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

const apiToken = "a-token-of-the-tests"

// startAPI starts a gateway with the API; its clients name their user in auth.
func startAPI(t *testing.T, settings ...string) *node {
	t.Helper()
	service := &parrot{more: func(io *socketio.Server, node Node) error {
		io.OnConnect(func(s *socketio.Socket) error {
			var auth struct{ User string }
			if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.User == "" {
				return err
			}
			return node.Identify(s, auth.User)
		})
		return nil
	}}
	return startService(t, service, append([]string{"API_ADDR", "127.0.0.1:0", "API_TOKENS", apiToken}, settings...)...)
}

// ask sends the API a request; a body makes it a POST. It returns the status and the answer.
func (n *node) ask(t *testing.T, target, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, "http://"+n.api.listener.Addr().String()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apiToken)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: gatewaytest.Patience}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %s: %v", target, body, text, err)
	}
	return response.StatusCode, answer
}

// done asks for what is to be done.
func (n *node) done(t *testing.T, target, body string) {
	t.Helper()
	if status, answer := n.ask(t, target, body); status != http.StatusAccepted || len(answer) != 0 {
		t.Fatalf("%s %s: %d %v", target, body, status, answer)
	}
}

// awaitServers waits until the node counts so many.
func (n *node) awaitServers(t *testing.T, count float64) {
	t.Helper()
	var answer map[string]any
	if !await.Until(fleet.Patience, func() bool {
		_, answer = n.ask(t, "/v1/servers/count", "")
		return answer["count"] == count
	}) {
		t.Fatalf("got %v, want %v nodes", answer, count)
	}
}

func TestAPIOfACluster(t *testing.T) {
	redis := fleet.StartRedis(t)
	var nodes []*node
	for range 3 {
		nodes = append(nodes, startAPI(t, "ADAPTER", "pubsub", "REDIS_URL", redis.URL(), "LOG_LEVEL", "info"))
	}
	other := fleet.StartNode(t, redis.URL(), `{}`)
	clients := map[string]*fleet.Client{"node.js": fleet.Dial(t, other.URL, "/")}
	for i, n := range nodes {
		n.awaitServers(t, 4)
		clients[fmt.Sprint("go ", i)] = fleet.Dial(t, "http://"+n.Address, "/")
	}
	var ids []string
	for _, c := range clients {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)

	for i, n := range nodes {
		// Everybody, then one of another node by its id.
		n.done(t, "/v1/emit", `{"event":"hello","all":true,"args":[1.5,"Zm9v"]}`)
		for _, c := range clients {
			c.Expect(`["hello",1.5,"Zm9v"]`)
		}
		room := fmt.Sprint("room-", i)
		for _, to := range []string{"node.js", fmt.Sprint("go ", (i+1)%3)} {
			n.done(t, "/v1/join", fmt.Sprintf(`{"in":[%q],"rooms":[%q,"too"]}`, clients[to].ID, room))
		}
		n.done(t, "/v1/emit", fmt.Sprintf(`{"event":"in","to":[%q]}`, room))
		for _, to := range []string{"node.js", fmt.Sprint("go ", (i+1)%3)} {
			clients[to].Expect(`["in"]`)
		}
		n.done(t, "/v1/leave", fmt.Sprintf(`{"in":["too"],"rooms":[%q]}`, room))
		n.done(t, "/v1/emit-batch",
			fmt.Sprintf(`{"emissions":[{"event":"no","to":[%q]},{"event":"end","all":true}]}`, room))
		for _, c := range clients {
			c.Expect(`["end"]`)
		}

		// Any node knows all of them.
		status, answer := n.ask(t, "/v1/sockets", "")
		var got []string
		for _, s := range answer["sockets"].([]any) {
			got = append(got, s.(map[string]any)["id"].(string))
		}
		if status != 200 || !slices.Equal(got, ids) {
			t.Errorf("node %d: %d %v, want %v", i, status, answer, ids)
		}
		if status, answer := n.ask(t, "/v1/sockets/"+clients["node.js"].ID, ""); status != 200 ||
			answer["handshake"].(map[string]any)["address"] == "" {
			t.Errorf("node %d of Node.js's: %d %v", i, status, answer)
		}
		if status, answer := n.ask(t, "/v1/rooms", ""); status != 200 || fmt.Sprint(answer["rooms"]) != "[too]" {
			t.Errorf("node %d: %d %v", i, status, answer)
		}
		status, answer = n.ask(t, "/v1/sockets/count?room=too", "")
		if count, _ := answer["count"].(float64); status != 200 || count < 2 {
			t.Errorf("node %d: %d %v", i, status, answer)
		}

		// All acknowledge, Node.js's client too.
		for name, c := range clients {
			go c.Acknowledge(`["ask"]`, fmt.Sprintf(`[%q]`, name))
		}
		status, answer = n.ask(t, "/v1/emit-with-ack", `{"event":"ask","all":true,"timeout":30000}`)
		answers, _ := answer["answers"].([]any)
		if status != 200 || len(answers) != 4 || answer["incomplete"] != nil {
			t.Errorf("node %d: %d %v", i, status, answer)
		}
	}

	// A key is the same on all nodes.
	for i, n := range nodes {
		if status, answer := n.ask(t, "/v1/emit", `{"event":"once","all":true}`, "Idempotency-Key: k"); status != 202 {
			t.Errorf("node %d: %d %v", i, status, answer)
		}
	}
	nodes[0].done(t, "/v1/emit", `{"event":"last","all":true}`)
	for _, c := range clients {
		c.Expect(`["once"]`, `["last"]`)
	}

	nodes[0].done(t, "/v1/disconnect", `{"in":["`+clients["node.js"].ID+`","`+clients["go 2"].ID+`"],"close":true}`)
	if !await.Until(fleet.Patience, func() bool {
		_, answer := nodes[1].ask(t, "/v1/sockets/count", "")
		return answer["count"] == 2.0
	}) {
		t.Error("they are still connected")
	}
}

// Users are the rooms that Node.Identify puts them into, on all nodes.
func TestAPIOfUsers(t *testing.T) {
	redis := fleet.StartRedis(t)
	a := startAPI(t, "ADAPTER", "streams", "REDIS_URL", redis.URL())
	b := startAPI(t, "ADAPTER", "streams", "REDIS_URL", redis.URL())
	a.awaitServers(t, 2)
	ana, bob := b.Open(t), b.Open(t)
	for c, user := range map[*gatewaytest.Client]string{ana: "ana", bob: "bob"} {
		c.Send(`40{"user":"` + user + `"}`)
		c.Receive(1)
		// The service names the user behind that.
		if !await.Until(fleet.Patience, func() bool {
			_, answer := a.ask(t, "/v1/sockets/count?user="+user, "")
			return answer["count"] == 1.0
		}) {
			t.Fatalf("%s is not there", user)
		}
	}
	a.done(t, "/v1/emit", `{"event":"for you","users":["ana"]}`)
	a.done(t, "/v1/emit", `{"event":"for all","all":true}`)
	if got := ana.Receive(2); got[0] != `42["for you"]` || got[1] != `42["for all"]` {
		t.Errorf("got %q", got)
	}
	if got := bob.Receive(1); got[0] != `42["for all"]` {
		t.Errorf("got %q", got)
	}
	if status, answer := a.ask(t, "/v1/sockets?user=bob", ""); status != 200 ||
		answer["sockets"].([]any)[0].(map[string]any)["user"] != "bob" {
		t.Errorf("%d %v", status, answer)
	}
	a.done(t, "/v1/disconnect", `{"users":["bob"]}`)
	if got := bob.Receive(1); got[0] != "41" {
		t.Errorf("got %q", got)
	}
}

// While Redis is away a list is no list, what is done reaches this node's sockets, and each says so.
func TestAPIWhileRedisIsAway(t *testing.T) {
	redis := fleet.StartRedis(t)
	a := startAPI(t, "ADAPTER", "pubsub", "REDIS_URL", redis.URL(), "LOG_LEVEL", "error")
	b := startAPI(t, "ADAPTER", "pubsub", "REDIS_URL", redis.URL(), "LOG_LEVEL", "error")
	a.awaitServers(t, 2)
	here := a.Connect(t)
	join(t, here)
	there := b.Connect(t)
	join(t, there)
	redis.Kill()
	if !await.Until(fleet.Patience, func() bool {
		_, answer := a.ask(t, "/v1/health", "")
		return answer["redis"] == "down"
	}) {
		t.Fatal("it does not notice")
	}
	for _, target := range []string{"/v1/sockets", "/v1/sockets/count", "/v1/rooms", "/v1/servers/count"} {
		if status, answer := a.ask(t, target, ""); status != 503 || answer["type"] != "/problems/incomplete" {
			t.Errorf("%s: %d %v", target, status, answer)
		}
		if status, answer := a.ask(t, target+"?partial=true", ""); status != 200 || answer["incomplete"] == nil {
			t.Errorf("%s: %d %v", target, status, answer)
		}
	}
	if status, answer := a.ask(t, "/v1/sockets/"+there.ID, ""); status != 503 {
		t.Errorf("one of the other node: %d %v", status, answer)
	}
	status, answer := a.ask(t, "/v1/emit", `{"event":"e","to":["cage"]}`)
	if status != 202 || answer["incomplete"] == nil {
		t.Errorf("%d %v", status, answer)
	}
	if got := here.Receive(1); got[0] != `42["e"]` {
		t.Errorf("got %q", got)
	}
	status, answer = a.ask(t, "/v1/emit", `{"event":"e","to":["cage"]}`, "Idempotency-Key: k")
	if status != 503 || answer["type"] != "/problems/keys-unavailable" {
		t.Errorf("with a key: %d %v", status, answer)
	}
	status, answer = a.ask(t, "/v1/emit-with-ack", `{"event":"ask","to":["nobody"],"timeout":1000}`)
	if status != 200 || answer["incomplete"] == nil {
		t.Errorf("%d %v", status, answer)
	}
	redis.Restart()
	if !await.Until(fleet.Patience, func() bool {
		status, answer := a.ask(t, "/v1/sockets", "")
		return status == 200 && len(answer["sockets"].([]any)) == 2
	}) {
		t.Error("it does not come back")
	}
}

// The API is on no other port, is measured, and ends with the gateway.
func TestAPIPort(t *testing.T) {
	n := startAPI(t)
	if response, _ := n.Request(t, "GET", "/v1/health", ""); response.StatusCode != 404 {
		t.Errorf("the main port answers %d", response.StatusCode)
	}
	n.done(t, "/v1/emit", `{"event":"e","all":true}`)
	n.ask(t, "/v1/emit", `{"event":"e"}`)
	n.ask(t, "/v1/made-up", "")
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_api_requests_total{route="/v1/emit",status="202"}`:    1,
		`gateway_api_requests_total{route="/v1/emit",status="422"}`:    1,
		`gateway_api_requests_total{route="other",status="404"}`:       1,
		`gateway_api_request_duration_seconds_count{route="/v1/emit"}`: 2,
	})
	_, health := n.ask(t, "/v1/health", "")
	if health["status"] != "ok" || health["redis"] != "none" || health["version"] != "1.2.3 (commit abc)" {
		t.Errorf("got %v", health)
	}
	if strings.Contains(n.Log.String(), apiToken) {
		t.Error("the token is in the log")
	}
	address := n.api.listener.Addr().String()
	g, _ := build(t, new(parrot), "API_ADDR", address, "API_TOKENS", apiToken)
	if err := g.Run(t.Context()); !errors.Is(err, ErrPortInUse) || !strings.Contains(err.Error(), "API_ADDR "+address) {
		t.Errorf("got %v", err)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

func TestAPISettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte(apiToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		settings []string
		wrong    string // the setting that is named, "" where all is well
	}{
		{nil, ""},
		{[]string{"API_TOKENS", apiToken}, ""},
		{[]string{"API_ADDR", ":0", "API_TOKENS", apiToken + ", another-long-token"}, ""},
		{[]string{"API_ADDR", ":0", "API_TOKENS_FILE", file}, ""},
		{[]string{"API_ADDR", ":0", "API_TOKENS_FILE", file, "API_TOKENS", apiToken}, ""},
		{[]string{"API_ADDR", "127.0.0.1:0", "API_TOKENS", "none"}, ""},
		{[]string{"API_ADDR", "[::1]:0", "API_TOKENS", "none"}, ""},
		{[]string{"API_ADDR", ":0"}, "API_TOKENS"},
		{[]string{"API_ADDR", "127.0.0.1:0"}, "API_TOKENS"},
		{[]string{"API_ADDR", ":0", "API_TOKENS", "none"}, "API_TOKENS"},
		{[]string{"API_ADDR", "0.0.0.0:0", "API_TOKENS", "none"}, "API_TOKENS"},
		{[]string{"API_ADDR", "localhost:0", "API_TOKENS", "none"}, "API_TOKENS"},
		{[]string{"API_ADDR", "127.0.0.1:0", "API_TOKENS", "none", "API_TOKENS_FILE", file}, "API_TOKENS"},
		{[]string{"API_ADDR", ":0", "API_TOKENS", "short"}, "API_TOKENS"},
		{[]string{"API_ADDR", ":0", "API_TOKENS", apiToken + ","}, "API_TOKENS"},
		{[]string{"API_ADDR", ":0", "API_TOKENS", "none," + apiToken}, "API_TOKENS"},
		{[]string{"API_ADDR", ":0", "API_TOKENS_FILE", short}, "API_TOKENS_FILE"},
		{[]string{"API_ADDR", ":0", "API_TOKENS_FILE", short + "er"}, "API_TOKENS_FILE"},
		{[]string{"API_ADDR", "3001"}, "API_ADDR"},
		{[]string{"API_ADDR", "http://x:1"}, "API_ADDR"},
		{[]string{"API_ADDR", ":70000"}, "API_ADDR"},
		{[]string{"API_MAX_BODY", "0"}, "API_MAX_BODY"},
	} {
		_, err := load(test.settings...)
		name := ""
		if wrong := new(SettingError); errors.As(err, &wrong) {
			name = wrong.Name
			if strings.Contains(err.Error(), apiToken) || strings.Contains(err.Error(), `"short"`) {
				t.Errorf("%q: the error tells the token: %v", test.settings, err)
			}
		}
		if name != test.wrong || (err == nil) != (name == "") {
			t.Errorf("%q: %v, want one about %q", test.settings, err, test.wrong)
		}
	}
}
