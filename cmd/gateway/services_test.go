package main

// SERVICE: which service it is, and whose settings are read.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway"
)

func TestServiceMistakesEndWithCode2(t *testing.T) {
	for env, want := range map[string]string{
		"SERVICE=chats": `gateway: SERVICE="chats" is not valid: want chat or backend`,
		"SERVICE=backend": `gateway: BACKEND_URL="" is not valid: ` +
			`want an http:// or https:// URL, without user and fragment; ` +
			`of a Unix socket http://unix:/path/of/the/socket:/path`,
	} {
		code, stdout, stderr := finish(t, nil, env)
		if code != 2 || stdout != "" || stderr != want+"\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", env, code, stdout, stderr)
		}
	}
}

// A setting of the other service is not read, and each serves its own.
func TestServices(t *testing.T) {
	for service, status := range map[string]int{"": 200, "chat": 200, "backend": 404} {
		url := "http://127.0.0.1:1/"
		if service != "backend" {
			url = "nonsense"
		}
		cmd, addr := startUntilListening(t, "SERVICE="+service, "BACKEND_URL="+url)
		response, err := http.Get("http://" + addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%q answers %d", service, response.StatusCode)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it says that it was killed
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestHelpHasAllServices(t *testing.T) {
	_, help, _ := finish(t, []string{"--help"})
	for _, s := range gateway.Settings(services()...) {
		if n := strings.Count(help, "\n  "+s.Name+" "); n != 1 {
			t.Errorf("%s stands there %d times", s.Name, n)
		}
	}
	if !strings.Contains(help, "BACKEND_URL") || !strings.Contains(help, "\n  SERVICE ") {
		t.Error(help)
	}
}
