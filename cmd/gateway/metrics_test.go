package main

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// scrape asks for the metrics until they are there, and returns the status and the text.
func scrape(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		response, err := client.Get(url)
		if err != nil {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			continue
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
}

// The metrics as Prometheus gets them from the running program, with what says which build it is and where.
func TestMetricsOfTheProgram(t *testing.T) {
	own := freeaddr.Need(t)
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	version, commit := build()
	want := []string{
		`gateway_build_info{commit="` + commit + `",goversion="` + runtime.Version() + `",hostname="` + hostname +
			`",version="` + version + `"} 1`,
		`gateway_sockets{namespace="/",transport="websocket"} 0`,
		"# TYPE gateway_event_duration_seconds histogram",
		"\ngo_goroutines ", "\nprocess_open_fds ",
	}
	for _, setting := range []string{"METRICS_ADDR=", "METRICS_ADDR=" + own} {
		cmd, addr := startUntilListening(t, setting)
		url := "http://" + addr + "/metrics"
		if strings.HasSuffix(setting, own) {
			if status, _ := scrape(t, url); status != 404 {
				t.Errorf("%s: the main port answers %d", setting, status)
			}
			url = "http://" + own + "/metrics"
		}
		status, body := scrape(t, url)
		for _, line := range want {
			if !strings.Contains(body, line) {
				t.Errorf("%s: no %q", setting, line)
			}
		}
		if status != 200 || strings.Contains(body, "gateway_redis") {
			t.Errorf("%s: %d %s", setting, status, body)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
