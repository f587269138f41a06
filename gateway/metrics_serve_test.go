package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

func TestMetricsOnAListenerOfTheirOwn(t *testing.T) {
	n := start(t, "METRICS_ADDR", "127.0.0.1:0", "DRAIN_DELAY", "1s", "LOG_LEVEL", "info")
	response, body := n.Request(t, "GET", "/metrics", "")
	if response.StatusCode != 404 || !strings.Contains(body, `"Cannot GET /metrics"`) {
		t.Errorf("the main port answers %d %s", response.StatusCode, body)
	}
	url := n.Log.Find(t, "metrics")[0]["url"].(string)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: gatewaytest.Patience}
	get := func(url string) (int, string) {
		t.Helper()
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	if status, body := get(url); status != 200 || gatewaytest.ParseSamples(t, body)["gateway_drain_stage"] != 0 {
		t.Errorf("%d %s", status, body)
	}
	for _, path := range []string{"/", "/healthz", "/socket.io/?EIO=4&transport=polling", "/metrics/x"} {
		if status, _ := get(strings.TrimSuffix(url, "/metrics") + path); status != 404 {
			t.Errorf("%s there answers %d", path, status)
		}
	}

	// It answers until the end, so that a node that stops can be watched.
	ended := make(chan error, 1)
	go func() { ended <- n.Stop() }()
	n.stage(t, stageWaiting)
	for deadline := time.Now().Add(gatewaytest.Patience); ; time.Sleep(20 * time.Millisecond) {
		if _, body := get(url); gatewaytest.ParseSamples(t, body)["gateway_drain_stage"] == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the metrics do not know of the drain")
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if response, err := client.Get(url); err == nil {
		response.Body.Close()
		t.Error("the metrics are served on after the end")
	}
}

// By default the public does not see the metrics, whether it comes itself or through a proxy; with main it does.
func TestWhoSeesTheMetrics(t *testing.T) {
	for setting, public := range map[string]bool{"": false, "private": false, "main": true} {
		g, _ := build(t, new(parrot), "METRICS_ADDR", setting)
		for _, c := range []struct {
			peer, header string
			private      bool
		}{
			{"127.0.0.1:1", "", true}, {"[::1]:1", "", true}, {"10.0.0.9:1", "", true}, {"[::ffff:192.168.1.1]:1",
				"", true},
			{"172.18.0.2:1", "", true}, {"100.64.3.1:1", "", true}, {"[fd00::1]:1", "", true}, {"[fe80::1%eth0]:1",
				"", true},
			{"198.51.100.1:1", "", false}, {"[2001:db8::1]:1", "", false}, {"172.32.0.1:1", "", false}, {"@",
				"", false},
			{"10.0.0.9:1", "X-Forwarded-For", false}, {"127.0.0.1:1", "Forwarded", false}, {"127.0.0.1:1",
				"Via", false},
			{"10.0.0.9:1", "X-Real-Ip", false},
		} {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.RemoteAddr = c.peer
			if c.header != "" {
				r.Header.Set(c.header, "10.0.0.1")
			}
			answer := httptest.NewRecorder()
			g.http.Handler.ServeHTTP(answer, r)
			want := http.StatusNotFound
			if public || c.private {
				want = http.StatusOK
			}
			if answer.Code != want {
				t.Errorf("METRICS_ADDR=%s, from %s %s: %d, want %d", setting, c.peer, c.header, answer.Code, want)
			}
		}
	}
}

func TestNoMetrics(t *testing.T) {
	n := start(t, "METRICS_ADDR", "off")
	if response, _ := n.Request(t, "GET", "/metrics", ""); response.StatusCode != 404 {
		t.Errorf("got %d", response.StatusCode)
	}
	c := n.Connect(t) // and nothing asks for them
	join(t, c)
	c.Send(`42["say","oi"]`)
	c.Receive(1)
}

func TestMetricsArePlainOnTheMainPort(t *testing.T) {
	n := start(t)
	response, _ := n.Request(t, "GET", "/metrics", "", "Origin: https://elsewhere.example")
	if h := response.Header.Get("Access-Control-Allow-Origin"); response.StatusCode != 200 || h != "" {
		t.Errorf("%d, pages of %q may read them", response.StatusCode, h)
	}
	if response, body := n.Request(t, "POST", "/metrics", "x"); response.StatusCode != 404 {
		t.Errorf("POST answers %d %s", response.StatusCode, body)
	}
}

func TestMetricsPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	g, _ := build(t, new(parrot), "METRICS_ADDR", taken.Addr().String())
	err = g.Run(context.Background())
	if !errors.Is(err, ErrPortInUse) || !strings.Contains(err.Error(), "METRICS_ADDR "+taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
	if conn, err := net.Dial("tcp", g.Addr().String()); err == nil {
		t.Error("the main port is left open")
		_, _ = bufio.NewReader(conn).ReadByte()
		conn.Close()
	}
}
