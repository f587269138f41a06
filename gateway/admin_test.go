package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// adminHash is the hash of "correct horse".
func adminHash(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), admin.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

// A mistake names the variable and what would be right, and never a password.
func TestAdminSettings(t *testing.T) {
	hash := adminHash(t)
	for _, c := range []struct {
		env   []string
		wrong string // the variable, "" where all is well
	}{
		{nil, ""},
		{[]string{"ADMIN", "off", "ADMIN_AUTH", "basic"}, ""},
		{[]string{"ADMIN", "on", "ADMIN_USER", "ana", "ADMIN_PASSWORD_HASH", hash}, ""},
		{[]string{"ADMIN", "on", "ADMIN_AUTH", "none"}, ""},
		{[]string{"ADMIN", "yes"}, "ADMIN"},
		{[]string{"ADMIN", "on"}, "ADMIN_USER"},
		{[]string{"ADMIN", "on", "ADMIN_USER", "ana"}, "ADMIN_PASSWORD_HASH"},
		{[]string{"ADMIN", "on", "ADMIN_USER", "ana", "ADMIN_PASSWORD_HASH", "hunter2"}, "ADMIN_PASSWORD_HASH"},
		{[]string{"ADMIN_PASSWORD_HASH", strings.Replace(hash, "$08$", "$04$", 1)}, "ADMIN_PASSWORD_HASH"},
		{[]string{"ADMIN_PASSWORD_HASH", strings.Replace(hash, "$08$", "$31$", 1)}, "ADMIN_PASSWORD_HASH"},
		{[]string{"ADMIN", "on", "ADMIN_AUTH", "none", "ADMIN_PASSWORD_HASH", hash}, "ADMIN_AUTH"},
		{[]string{"ADMIN_AUTH", "token"}, "ADMIN_AUTH"},
		{[]string{"ADMIN_USER", strings.Repeat("a", 65)}, "ADMIN_USER"},
		{[]string{"ADMIN_READONLY", "on"}, "ADMIN_READONLY"},
		{[]string{"ADMIN_MODE", "prod"}, "ADMIN_MODE"},
		{[]string{"ADMIN_PATH", "/ops/look/"}, ""},
		{[]string{"ADMIN_PATH", "/"}, "ADMIN_PATH"},
		{[]string{"ADMIN_PATH", "/admin"}, "ADMIN_PATH"},
		{[]string{"ADMIN_PATH", "admin/"}, "ADMIN_PATH"},
		{[]string{"ADMIN_PATH", "/a//b/"}, "ADMIN_PATH"},
		{[]string{"ADMIN_PATH", "/a/../b/"}, "ADMIN_PATH"},
		{[]string{"ADMIN_PATH", "/socket.io/admin/"}, "ADMIN_PATH"},
		{[]string{"ADMIN_PATH", `/"><script>/`}, "ADMIN_PATH"},
	} {
		cfg, err := load(c.env...)
		var setting *SettingError
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%q: %v", c.env, err)
		case c.wrong != "" && (!errors.As(err, &setting) || setting.Name != c.wrong):
			t.Errorf("%q: %v, want one about %s", c.env, err, c.wrong)
		case err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), hash)):
			t.Errorf("%q: the error tells the password: %v", c.env, err)
		}
		var text bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).LogAttrs(t.Context(), slog.LevelInfo, "", cfg.Effective...)
		if strings.Contains(text.String(), hash) {
			t.Errorf("%q: the log's line has the hash", c.env)
		}
	}
}

// Off, there is nothing: no page, and no namespace.
func TestAdminIsOff(t *testing.T) {
	n := start(t)
	for _, path := range []string{"/admin", "/admin/", "/admin/defaults.js"} {
		if response, _ := n.Request(t, "GET", path, ""); response.StatusCode != 404 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	c := n.Open(t)
	c.Send("40/admin,")
	if got := c.Receive(1)[0]; got != `44/admin,{"message":"Invalid namespace"}` {
		t.Errorf("got %s", got)
	}
}

// The chat's clients, and whoever is no admin, get no further than the door.
func TestAdminRefusesTheChatsClients(t *testing.T) {
	n := start(t, "ADMIN", "on", "ADMIN_USER", "ana", "ADMIN_PASSWORD_HASH", adminHash(t))
	victim, c := n.Connect(t), n.Connect(t)
	join(t, victim)
	for _, payload := range []string{"", "{}", `{"username":"ana","password":"x"}`, `{"sessionId":"x"}`} {
		c.Send("40/admin," + payload)
		if got := c.Receive(1)[0]; got != `44/admin,{"message":"invalid credentials"}` {
			t.Errorf("%s: got %s", payload, got)
		}
	}
	c.Send(`42["_disconnect","/",true]`, `42["emit","/",null,"said","fake"]`)
	victim.Send(`42["say","still here"]`)
	if got := victim.Receive(1)[0]; got != `42["said","still here"]` {
		t.Errorf("got %s", got)
	}
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_admin_clients`: 0, `gateway_admin_detailed`: 0, `gateway_admin_commands_total`: 0,
		`gateway_admin_logins_total{result="ok"}`: 0, `gateway_admin_logins_total{result="failed"}`: 2,
	})
}

func TestAdminLooks(t *testing.T) {
	n := start(t, "ADMIN", "on", "ADMIN_USER", "ana", "ADMIN_PASSWORD_HASH", adminHash(t))
	c := n.Open(t)
	c.Send(`40/admin,{"username":"ana","password":"correct horse"}`)
	var got []string
	for _, want := range []string{
		`40/admin,{"sid":`, `42/admin,["session",`, `42/admin,["config",`, `42/admin,["all_sockets",`,
	} {
		for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], want) {
			got = append(got, c.Receive(1)[0])
		}
	}
	c.Send(`42/admin,["join","/","ops",null]`)
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_admin_clients`: 1, `gateway_admin_detailed`: 1, `gateway_admin_commands_total`: 1,
		`gateway_admin_logins_total{result="ok"}`: 1,
	})
	if lines := n.Log.Find(t, "admin: a command"); len(lines) != 1 || lines[0]["command"] != "join" {
		t.Errorf("the log has %v", lines)
	}
}

// The page is another project's script, and may do what it needs and no more.
func TestAdminPage(t *testing.T) {
	if _, embedded := public.AdminUI(); !embedded {
		needs.Missing(t, "the Admin UI", "make client")
	}
	n := start(t, "ADMIN", "on", "ADMIN_AUTH", "none", "ADMIN_PATH", "/ops/")
	response, page := n.Request(t, "GET", "/ops/", "")
	policy := response.Header.Get("Content-Security-Policy")
	if response.StatusCode != 200 || !strings.Contains(page, `data-auth="none" data-namespace="/admin"`) {
		t.Errorf("%d %s", response.StatusCode, page)
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'",
		"form-action 'none'", "connect-src 'self' ws://chat.example wss://chat.example"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy has no %q: %s", want, policy)
		}
	}
	for _, unwanted := range []string{"unsafe", "*", "https:"} {
		if strings.Contains(policy, unwanted) {
			t.Errorf("the policy has %q: %s", unwanted, policy)
		}
	}
	if strings.Contains(page, "https://") {
		t.Errorf("the page loads something from elsewhere: %s", page)
	}
	const icons = "mdi/css/materialdesignicons.min.css"
	for _, link := range []string{"defaults.js", icons, "favicon.png"} {
		response, body := n.Request(t, "GET", "/ops/"+link, "")
		if !strings.Contains(page, link) || response.StatusCode != 200 || body == "" {
			t.Errorf("%s: %d", link, response.StatusCode)
		}
		if response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", link, response.Header)
		}
	}
	plain, text := n.Request(t, "GET", "/ops/"+icons, "", "Accept-Encoding: identity")
	zipped, body := n.Request(t, "GET", "/ops/"+icons, "", "Accept-Encoding: gzip")
	zr, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := io.ReadAll(zr)
	if err != nil || string(unzipped) != text || !strings.Contains(text, "@font-face") {
		t.Errorf("the %d compressed bytes are %d, and plain it is %d (%v)", len(body), len(unzipped), len(text), err)
	}
	if p, z := plain.Header, zipped.Header; p.Get("Content-Encoding") != "" || z.Get("Content-Encoding") != "gzip" ||
		p.Get("Vary") != "Accept-Encoding" || z.Get("Vary") != "Accept-Encoding" || p.Get("ETag") == z.Get("ETag") {
		t.Errorf("as it is %v, compressed %v", p, z)
	}
	again, body := n.Request(t, "GET", "/ops/", "", "If-None-Match: "+response.Header.Get("ETag"))
	if again.StatusCode != 304 || body != "" {
		t.Errorf("again: %d", again.StatusCode)
	}
	if moved, _ := n.Request(t, "GET", "/ops", ""); moved.StatusCode != 308 || moved.Header.Get("Location") != "/ops/" {
		t.Errorf("without the slash: %d %v", moved.StatusCode, moved.Header)
	}
	for _, path := range []string{
		"/ops/README.md", "/ops/index.html", "/ops/.pin", "/ops/../go.mod", "/ops/js/", "/admin/",
	} {
		if response, body := n.Request(t, "GET", path, ""); response.StatusCode != 404 {
			t.Errorf("%s: %d %.100s", path, response.StatusCode, body)
		}
	}
	for _, host := range []string{"a b", "x; script-src *", "'unsafe-inline'"} {
		if got := webSocketsOf(host); got != "" {
			t.Errorf("the host %q gets into the policy: %q", host, got)
		}
	}
}
