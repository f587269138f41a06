package gateway

// The seam, from a service's side: each thing that one can add, and what becomes of one that cannot be started.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A service cannot take a name that means something else already.
func TestSettingsHaveNamesOfTheirOwn(t *testing.T) {
	var n int
	for name, settings := range map[string][]Setting{
		"PORT": {IntSetting("PORT", "3", "something else", 1, 9, &n)},
		"LEGS": {IntSetting("LEGS", "3", "one", 1, 9, &n), IntSetting("LEGS", "4", "another", 1, 9, &n)},
	} {
		_, err := LoadConfig(gatewaytest.Env(), &parrot{settings: settings})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A service's settings are read, checked, logged and documented as the gateway's own are.
func TestSettingsOfAService(t *testing.T) {
	var perches int
	var nap time.Duration
	var mood, secret string
	service := &parrot{settings: []Setting{
		IntSetting("PERCHES", "3", "how many there are", 1, 9, &perches),
		DurationSetting("NAP", "2s", "how long it sleeps", &nap),
		ChoiceSetting("MOOD", "how it answers", &mood, "cheerful", "dull", "cross"),
		{
			Name: "SECRET", Meaning: "what it does not repeat", Valid: "anything", Secret: true,
			Set: func(v string) bool { secret = v; return v != "" },
		},
	}}
	n := startService(t, service, "PERCHES", "7", "MOOD", "cross", "SECRET", "s3cret")
	if perches != 7 || nap != 2*time.Second || mood != "cross" || secret != "s3cret" {
		t.Errorf("got %d, %v, %s, %s", perches, nap, mood, secret)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	line := n.Log.Find(t, "configuration")[0]
	if line["PERCHES"] != "7" || line["NAP"] != "2s" || line["SECRET"] != "***" || line["HOST"] != "127.0.0.1" {
		t.Errorf("the log's line of the configuration is %v", line)
	}

	mistakes := []struct{ name, value, want string }{
		{"PERCHES", "0", `PERCHES="0" is not valid: want a whole number from 1 to 9`},
		{"NAP", "long", `NAP="long" is not valid: want a duration from 1ms to 24h, such as 25s, 1m30s or 25000 ` +
			`(milliseconds)`},
		{"MOOD", "sad", `MOOD="sad" is not valid: want cheerful, dull or cross`},
		{"SECRET", "", `SECRET="(hidden)" is not valid: want anything`}, // it has no default: it is required
	}
	for _, m := range mistakes {
		_, err := LoadConfig(gatewaytest.Env("SECRET", "x", m.name, m.value), service)
		if setting := new(SettingError); !errors.As(err, &setting) || err.Error() != m.want {
			t.Errorf("got %v\nwant %s", err, m.want)
		}
	}

	var help strings.Builder
	if err := WriteSettings(&help, service); err != nil {
		t.Fatal(err)
	}
	if text := help.String(); !regexp.MustCompile(`(?m)^  PERCHES +3 +how many there are$`).MatchString(text) {
		t.Errorf("no line of --help gives PERCHES, 3, and what it means:\n%s", text)
	}
	row := "| `MOOD` | `cheerful` | how it answers | cheerful, dull or cross |\n"
	if !strings.Contains(MarkdownSettings(service), row) {
		t.Errorf("the table has no row %s", row)
	}
}

// A service gets what the gateway does not answer itself, and what it does not answer either is not found.
func TestRoutesOfAService(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	service := routed{new(parrot), func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.RequestURI)
		mu.Unlock()
		if r.URL.Path != "/seeds" {
			return false
		}
		fmt.Fprint(w, "sunflower")
		return true
	}}
	n := startService(t, service)
	tests := []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/seeds", 200, "sunflower"},
		{"POST", "/seeds?more=1", 200, "sunflower"},
		{"GET", "/", 404, `{"message":"Cannot GET /","error":"Not Found","statusCode":404}`},
		{"DELETE", "/nuts", 404, `{"message":"Cannot DELETE /nuts","error":"Not Found","statusCode":404}`},
		{"POST", "/healthz", 404, `{"message":"Cannot POST /healthz","error":"Not Found","statusCode":404}`},
	}
	for _, test := range tests {
		response, body := n.Request(t, test.method, test.target, "")
		if response.StatusCode != test.status || body != test.body {
			t.Errorf("%s %s: got %d %q", test.method, test.target, response.StatusCode, body)
		}
		if response.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: no CORS headers: %v", test.method, test.target, response.Header)
		}
	}
	for _, target := range []string{"/healthz", "/readyz", "/metrics", "/socket.io/?EIO=5"} {
		n.Request(t, "GET", target, "")
	}
	n.Request(t, "OPTIONS", "/seeds", "")
	mu.Lock()
	defer mu.Unlock()
	want := []string{"GET /seeds", "POST /seeds?more=1", "GET /", "DELETE /nuts", "POST /healthz"}
	if !slices.Equal(asked, want) {
		t.Errorf("the service was asked %q, want %q", asked, want)
	}
}

// A routed service answers requests with a function.
type routed struct {
	*parrot
	route func(w http.ResponseWriter, r *http.Request) bool
}

func (s routed) Start(io *socketio.Server, node Node) (Parts, error) {
	parts, err := s.parrot.Start(io, node)
	parts.Route = s.route
	return parts, err
}

// Events that a namespace has handlers for, and those that the service names, are measured by name in that namespace.
// What clients make up, events as well as dynamic namespaces, is counted together.
func TestEventsOfAService(t *testing.T) {
	service := &parrot{
		parts: Parts{Events: []string{"whistle"}},
		more: func(io *socketio.Server, _ Node) error {
			io.OnAny(func(*socketio.Event) error { return nil })
			io.Of("/nest").On("hatch", func(*socketio.Event) error { return nil })
			io.OfPattern(regexp.MustCompile(`^/guest-`)).On("visit", func(*socketio.Event) error { return nil })
			return nil
		},
	}
	n := startService(t, service, "LOG_LEVEL", "error")
	count := func(namespace, event string) string {
		return `gateway_event_duration_seconds_count{event="` + event + `",namespace="` + namespace + `"}`
	}
	n.WantSamples(t, gatewaytest.Samples{
		count("/", "join"): 0, count("/", "say"): 0, count("/", "whistle"): 0, count("/", "other"): 0,
		count("/nest", "hatch"): 0, count("/nest", "whistle"): 0, count("/nest", "other"): 0,
	})
	c := n.Connect(t)
	for _, namespace := range []string{"/nest", "/guest-1", "/guest-2"} {
		c.Send("40" + namespace + ",")
		c.Receive(1)
	}
	c.Send(`42["whistle"]`, `42["shriek"]`, `42["hatch"]`, `42/nest,["hatch"]`, `42/nest,["say"]`,
		`42/guest-1,["visit"]`, `42/guest-2,["visit"]`, `42/guest-2,["whistle"]`)
	got := n.WantSamples(t, gatewaytest.Samples{
		count("/", "whistle"): 1, count("/", "other"): 2, count("/", "join"): 0,
		count("/nest", "hatch"): 1, count("/nest", "other"): 1,
		count("other", "whistle"): 1, count("other", "other"): 2,
		`gateway_sockets{namespace="/nest",transport="polling"}`: 1,
		`gateway_sockets{namespace="other",transport="polling"}`: 2,
	})
	for series := range got {
		if strings.Contains(series, "guest") || strings.Contains(series, "visit") ||
			strings.Contains(series, "shriek") {
			t.Errorf("a client has made a series: %s", series)
		}
	}
}

func TestMetricsOfAService(t *testing.T) {
	seeds := prometheus.NewCounter(prometheus.CounterOpts{Name: "parrot_seeds_total", Help: "Seeds that it has eaten."})
	seeds.Add(12)
	n := startService(t, &parrot{parts: Parts{Metrics: []prometheus.Collector{seeds}}})
	n.WantSamples(t, gatewaytest.Samples{"parrot_seeds_total": 12, "gateway_drain_stage": 0})

	closed := 0
	taken := prometheus.NewCounter(prometheus.CounterOpts{Name: "gateway_upgrades_total", Help: "Not this one."})
	parts := Parts{
		Metrics: []prometheus.Collector{taken},
		Close:   func(context.Context) error { closed++; return nil },
	}
	_, err := newGateway(t, &parrot{parts: parts}, new(gatewaytest.Log))
	if err == nil || !strings.Contains(err.Error(), "gateway_upgrades_total") || closed != 1 {
		t.Errorf("a name that is taken: %v, and the service was closed %d times", err, closed)
	}
}

// A service is closed once, when its handlers have ended.
func TestCloseOfAService(t *testing.T) {
	failed := errors.New("the seeds are wet")
	var began, ended []string
	parts := Parts{Close: func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("it may take for ever")
		}
		ended = append(ended, "closed")
		return failed
	}}
	service := &parrot{parts: parts, more: func(io *socketio.Server, _ Node) error {
		began = append(began, "started")
		io.OnDisconnect(func(*socketio.Socket, socketio.Reason) { ended = append(ended, "disconnected") })
		return nil
	}}
	g, log := build(t, service)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := g.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- g.Run(ctx) }()
	n := &gatewaytest.Node{Address: g.Addr().String(), Log: log}
	c := n.Connect(t)
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		_, _ = c.Poll()
	}()
	cancel()
	<-polled
	if err := <-result; !errors.Is(err, failed) {
		t.Errorf("Run returned %v", err)
	}
	if !slices.Equal(began, []string{"started"}) || !slices.Equal(ended, []string{"disconnected", "closed"}) {
		t.Errorf("%q, then %q", began, ended)
	}
}

// A service that cannot be started leaves nothing behind, and says why.
func TestAServiceThatCannotBeStarted(t *testing.T) {
	want := &SettingError{Name: "NAP", Value: "1h", Valid: "less than DAY"}
	service := &parrot{more: func(*socketio.Server, Node) error { return want }}
	_, err := newGateway(t, service, new(gatewaytest.Log), "ADAPTER", "pubsub", "REDIS_URL", "redis://127.0.0.1:1")
	if got := new(SettingError); !errors.As(err, &got) || got != want {
		t.Errorf("got %v", err)
	}
}
