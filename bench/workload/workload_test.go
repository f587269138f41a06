//go:build linux

package workload

// Every workload, briefly, against servers in this process. What is tested is the counting, not the figures.

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/load/loadtest"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// here is a "process" that is this one.
type here struct {
	addr    string
	started time.Time
}

func (h *here) Addr() string       { return h.addr }
func (h *here) Started() time.Time { return h.started }
func (h *here) Stop() string       { return "its last words" }
func (h *here) Usage() (peer.Usage, error) {
	cpu, err := load.OwnCPU()
	return peer.Usage{
		CPU: cpu, User: cpu / 4, System: cpu - cpu/4, RSS: int64(os.Getpagesize()), At: time.Now(),
	}, err
}

// settings returns those of a run that takes a moment. All its servers are the one at addr.
func settings(addr string) Settings {
	return Settings{
		Clients: 20, Storm: 30, Idle: 30,
		Settle: 10 * time.Millisecond, Warm: 20 * time.Millisecond, Measure: 400 * time.Millisecond,
		Server: []int{0}, AllCores: []int{0, 1}, Redis: "redis://unused",
		FreePort: func() (int, error) { return 1, nil },
		Start: func(context.Context, *peer.Peer, peer.Options) (peer.Process, error) {
			return &here{addr, time.Now()}, nil
		},
	}
}

func everything(name string, protocol peer.Protocol) *peer.Peer {
	return &peer.Peer{Name: name, Protocol: protocol, Features: []peer.Feature{
		peer.Chat, peer.Extra, peer.Polling, peer.Cluster, peer.SlowLimit, peer.TwoCores, peer.Origins,
	}}
}

// metrics are what each workload must have measured, by the first part of its name.
var metrics = map[string][]string{
	"fanout": {
		"deliveries_per_second", "messages_per_second", "cpu_per_delivery", "bytes_per_second",
		"server_cpu", "load_cpu", "rss",
	},
	"rooms":   {"deliveries_per_second", "cpu_per_delivery"},
	"size":    {"deliveries_per_second", "bytes_per_second"},
	"binary":  {"deliveries_per_second", "cpu_per_delivery"},
	"polling": {"server_cpu", "load_cpu"},
	"echo":    {"echoes_per_second", "cpu_per_echo"},
	"storm":   {"connections_per_second", "cpu_per_connection", "seconds_to_last"},
	"idle":    {"rss_0", "rss_10", "rss_20", "rss_30", "cpu_per_connection"},
	"churn": {
		"deliveries_per_second", "cpu_per_delivery", "plain_deliveries_per_second", "churn_ratio", "changes_per_second",
	},
	"cluster": {"deliveries_per_second", "cpu_per_delivery"},
	"slow":    {"p99_without", "p99_with"},
	"startup": {"seconds_to_first_connect", "cpu_to_first_connect", "rss"},
	"two":     {"one_core_deliveries_per_second", "deliveries_per_second", "scaling", "scaling_alone"},
	"latency": {"deliveries_per_second", "rate"},
}

func TestEveryWorkloadMeasuresAndLosesNothing(t *testing.T) {
	s := settings(loadtest.Serve(t))
	names := make(map[string]bool)
	for _, w := range All(s) {
		if names[w.Name] || w.Measures == "" || !strings.HasSuffix(w.Measures, ".") {
			t.Errorf("%q is there twice or does not say what it measures: %q", w.Name, w.Measures)
		}
		names[w.Name] = true
		// The higher rates are the same work, and perhaps more than this process can do.
		if w.Of != "" {
			continue
		}
		t.Run(w.Name, func(t *testing.T) {
			result, err := w.Run(t.Context(), s, everything("p", peer.SocketIO), 2)
			if err != nil || result.Error != "" {
				t.Fatalf("%v, %s", err, result.Error)
			}
			if result.Workload != w.Name || result.Peer != "p" || result.Round != 2 {
				t.Errorf("the result is of %s, %s, %d", result.Workload, result.Peer, result.Round)
			}
			prefix, _, _ := strings.Cut(w.Name, "-")
			for _, metric := range metrics[prefix] {
				if result.Values[metric] <= 0 {
					t.Errorf("%s is %v", metric, result.Values[metric])
				}
			}
			// The server says that a quarter of its time is not the kernel's. It may take too little to divide.
			user, system := result.Values["user_each"], result.Values["system_each"]
			if user > 0 && math.Abs(system/user-3) > 0.01 {
				t.Errorf("user %v and system %v, want the system's three times the other", user, system)
			}
			switch prefix {
			case "storm", "idle", "startup":
				return
			}
			if result.Owed == 0 || result.Missing != 0 {
				t.Errorf("%d of %d are missing", result.Missing, result.Owed)
			}
			if prefix != "two" && result.Latency["p50"] <= 0 {
				t.Errorf("latencies %v", result.Latency)
			}
		})
	}
}

func TestTheTimeIsDividedOnlyWhereThereIsEnoughOfIt(t *testing.T) {
	for _, test := range []struct {
		s    span
		n    float64
		want map[string]float64
	}{
		{span{serverCPU: 0.4, user: 0.1}, 10, map[string]float64{"cpu": 0.04, "user_each": 0.01, "system_each": 0.03}},
		{span{serverCPU: 0.05, user: 0.05}, 10, map[string]float64{"cpu": 0.005}},
		{span{serverCPU: 0.4, user: 0.1}, 0, map[string]float64{}},
	} {
		r := &run{result: &report.Result{Values: make(map[string]float64)}}
		r.each("cpu", &test.s, test.n)
		if len(r.result.Values) != len(test.want) {
			t.Errorf("%+v: %v", test.s, r.result.Values)
		}
		for name, want := range test.want {
			if got := r.result.Values[name]; math.Abs(got-want) > 1e-12 {
				t.Errorf("%+v: %s is %v, want %v", test.s, name, got, want)
			}
		}
	}
}

// measureFloor runs a workload against a server at fault.
func measureFloor(t *testing.T, s Settings, f func(*run) error) report.Result {
	t.Helper()
	w := &Workload{Name: "w", Raw: true, run: f}
	result, err := w.Run(t.Context(), s, everything("p", peer.Floor), 1)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestALossIsCountedExactlyAndDoesNotEndTheMeasuring(t *testing.T) {
	// Client 3 misses 20 messages, more than may be in flight: nothing is sent until they are given up. Client 7 misses
	// one.
	s := settings(loadtest.Floor(t, func(client, message int) int {
		if client == 3 && message >= 5 && message < 25 || client == 7 && message == 6 {
			return 0
		}
		return 1
	}))
	s.Warm = 2 * stallAfter
	result := measureFloor(t, s, fanout(16, 0, textSize))
	if result.Missing != 21 || result.Values["stalls"] < 1 ||
		result.Values["deliveries_per_second"] <= 0 || result.Error != "" {
		t.Errorf("%d missing, %v stalls, %.0f deliveries/s, %s", result.Missing, result.Values["stalls"],
			result.Values["deliveries_per_second"], result.Error)
	}
}

func TestAMessageThatComesTwiceIsAnError(t *testing.T) {
	s := settings(loadtest.Floor(t, func(client, message int) int {
		if client == 1 && message == 4 {
			return 2
		}
		return 1
	}))
	result := measureFloor(t, s, fanout(1, 0, textSize))
	if !strings.Contains(result.Error, "too many") || result.Missing != 0 {
		t.Errorf("%d missing, %q", result.Missing, result.Error)
	}
}

func TestTheSweptBroadcastNoticesALoss(t *testing.T) {
	s := settings(loadtest.Floor(t, func(client, message int) int {
		if client == 5 && message == 30 {
			return 0
		}
		return 1
	}))
	result := measureFloor(t, s, cores)
	if result.Missing != 1 {
		t.Errorf("%d of %d missing, %s", result.Missing, result.Owed, result.Error)
	}
}

func TestARateThatCannotBeKeptEndsTheMeasuring(t *testing.T) {
	// The first client gets nothing.
	s := settings(loadtest.Floor(t, func(client, message int) int { return min(client, 1) }))
	s.Warm = time.Minute
	result := measureFloor(t, s, fanout(0, 200, textSize))
	if !strings.Contains(result.Error, errOverload.Error()) || result.Values["overloaded"] != 1 {
		t.Errorf("%q, %v", result.Error, result.Values)
	}
}

func TestAPeerThatFailsIsReportedWithItsWords(t *testing.T) {
	s := settings("127.0.0.1:1")
	result := measureFloor(t, s, storm)
	if !strings.Contains(result.Error, "refused") || !strings.Contains(result.Error, "its last words") {
		t.Errorf("%q", result.Error)
	}
	s.Start = func(context.Context, *peer.Peer, peer.Options) (peer.Process, error) {
		return nil, errors.New("no such program")
	}
	if result := measureFloor(t, s, storm); !strings.Contains(result.Error, "no such program") {
		t.Errorf("%q", result.Error)
	}
}

func TestTheEndOfTheContextEndsAWorkload(t *testing.T) {
	s := settings(loadtest.Floor(t, nil))
	s.Measure = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	w := &Workload{Raw: true, run: fanout(4, 0, textSize)}
	if _, err := w.Run(ctx, s, everything("p", peer.Floor), 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestWhoTakesPart(t *testing.T) {
	socket := &peer.Peer{Name: "a", Protocol: peer.SocketIO, Features: []peer.Feature{peer.Chat, peer.Extra}}
	floor := &peer.Peer{Name: "floor", Protocol: peer.Floor, Features: []peer.Feature{peer.Raw, peer.TwoCores}}
	centrifuge := &peer.Peer{Name: "c", Protocol: peer.Centrifuge, Features: []peer.Feature{peer.Raw, peer.TwoCores}}
	tests := []struct {
		name                      string
		w                         Workload
		socket, floor, centrifuge bool
	}{
		{"the chat, and raw", Workload{Needs: chat, Raw: true}, true, true, true},
		{"the chat alone", Workload{Needs: chat}, true, false, false},
		{"polling", Workload{Needs: polling}, false, false, false},
		{"two cores, equal frames",
			Workload{Needs: []peer.Feature{peer.Chat, peer.TwoCores}, Raw: true, EqualFrames: true},
			false, true, false},
	}
	for _, test := range tests {
		for p, want := range map[*peer.Peer]bool{socket: test.socket, floor: test.floor, centrifuge: test.centrifuge} {
			if got := test.w.Suits(p); got != want {
				t.Errorf("%s: %s %v", test.name, p.Name, got)
			}
			test.w.Peers = []string{"somebody"}
			if test.w.Wanted(p) {
				t.Errorf("%s: %s is not asked for", test.name, p.Name)
			}
		}
	}
}

// A peer that was meant to take part and cannot is left out with its reason, and fails nothing.
func TestWhoIsLeftOutAndWhy(t *testing.T) {
	one := &peer.Peer{Name: "one", Protocol: peer.SocketIO, Features: []peer.Feature{peer.Chat},
		Cannot: map[string]string{"big": "closes its clients"}}
	floor := &peer.Peer{Name: "floor", Protocol: peer.Floor, Features: []peer.Feature{peer.Raw}}
	for _, test := range []struct {
		name    string
		w       Workload
		p       *peer.Peer
		suits   bool
		leftOut string
	}{
		{"it can", Workload{Name: "small", Needs: chat}, one, true, ""},
		{"it fails this one", Workload{Name: "big", Needs: chat}, one, false, "closes its clients"},
		{"it lacks a feature", Workload{Name: "two", Needs: []peer.Feature{peer.Chat, peer.TwoCores}}, one, false,
			"uses one core"},
		{"nobody asked it", Workload{Name: "big", Needs: chat, Peers: []string{"two"}}, one, false, ""},
		{"another protocol", Workload{Name: "polls", Needs: polling}, floor, false, ""},
	} {
		if got := test.w.Suits(test.p); got != test.suits {
			t.Errorf("%s: suits %v", test.name, got)
		}
		if got := test.w.LeftOut(test.p); got != test.leftOut {
			t.Errorf("%s: left out %q", test.name, got)
		}
	}
	for _, w := range All(settings("")) {
		for _, f := range w.Needs {
			if lacks[f] == "" {
				t.Errorf("%s needs %s, and nothing says what lacking it means", w.Name, f)
			}
		}
	}
}
