package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

const jwtSecret = "thirty-two bytes of a test secret"

// token is one that ends in an hour, with more claims.
func token(t testing.TB, more map[string]any) string {
	t.Helper()
	c := jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, more)
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Who has a token is let in as its user, by every service that the gateway may carry; who has none hears why.
func TestAuth(t *testing.T) {
	users := make(chan string, 10)
	service := &parrot{more: func(io *socketio.Server, _ Node) error {
		io.Use(func(s *socketio.Socket) error {
			users <- UserOf(s)
			if c := ClaimsOf(s); c.User != "ann" || !strings.Contains(string(c.JSON), `"exp"`) {
				t.Errorf("%+v", c)
			}
			return nil
		})
		io.Of("/admin").OnConnect(func(*socketio.Socket) error { t.Error("somebody got in"); return nil })
		return nil
	}}
	n := startService(t, service, "AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret, "AUTH_ROOMS_CLAIM", "rooms")
	bobs := map[string]any{"rooms": []string{UserRoom("bob")}}
	missing := `{"message":"authentication required","data":{"code":"token_missing"}}`
	invalid := `{"message":"the token is not valid","data":{"code":"token_invalid"}}`
	for packets, want := range map[string]string{
		`40`: `44` + missing, `40/admin,`: `44/admin,` + missing, `40{"token":"x"}`: `44` + invalid,
		`40{"token":"` + token(t, nil) + `"}`:  `40{"sid":"`,
		`40{"token":"` + token(t, bobs) + `"}`: `44` + invalid,
	} {
		c := n.Open(t)
		c.Send(packets)
		if got := c.Receive(1)[0]; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", packets, got, want)
		}
	}
	if user := <-users; user != "ann" {
		t.Errorf("the middleware sees the user %q", user)
	}
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_auth_tokens_total{result="admitted"}`: 1, `gateway_auth_tokens_total{result="token_missing"}`: 2,
		`gateway_auth_tokens_total{result="token_invalid"}`: 2, `gateway_auth_ends_total{cause="expired"}`: 0,
		`gateway_auth_keys_age_seconds`: 0,
	})
	if strings.Contains(n.Log.String(), jwtSecret) {
		t.Error("the log has the secret")
	}
}

// Clients of Socket.IO 2 have no auth in the main namespace. In another one it is the query that they name it with.
func TestAuthOfOldClients(t *testing.T) {
	service := &parrot{more: func(io *socketio.Server, _ Node) error { io.Of("/chat"); return nil }}
	n := startService(t, service, "AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret, "ALLOW_EIO3", "true")
	const opens = "/socket.io/?EIO=3&transport=polling"
	for _, test := range []struct{ query, header, connects, want string }{
		{"", "", "", `44{"code":"token_missing"}`},
		{"&token=" + token(t, nil), "", "", `44{"code":"token_missing"}`},
		{"", "Authorization: Bearer " + token(t, nil), "", `40`},
		{"", "", "40/chat", `44/chat,{"code":"token_missing"}`},
		{"", "", "40/chat?token=" + token(t, nil), `40/chat,`},
	} {
		var headers []string
		if test.header != "" {
			headers = append(headers, test.header)
		}
		_, got := n.Request(t, "GET", opens+test.query, "", headers...)
		_, rest, _ := strings.Cut(got, `"sid":"`)
		id, _, opened := strings.Cut(rest, `"`)
		if !opened {
			t.Fatalf("%+v: opened with %s", test, got)
		}
		if test.connects != "" {
			if !strings.Contains(got, "token_missing") { // the main namespace's
				n.Request(t, "GET", opens+"&sid="+id, "")
			}
			n.Request(t, "POST", opens+"&sid="+id, fmt.Sprintf("%d:%s", len(test.connects), test.connects),
				"Content-Type: text/plain")
			_, got = n.Request(t, "GET", opens+"&sid="+id, "")
		} else if !strings.Contains(got, ":4") {
			_, got = n.Request(t, "GET", opens+"&sid="+id, "")
		}
		if want := fmt.Sprintf("%d:%s", len(test.want), test.want); !strings.Contains(got, want) {
			t.Errorf("%+v: got %s, want %s", test, got, want)
		}
		n.Request(t, "POST", opens+"&sid="+id, "1:1", "Content-Type: text/plain") // it leaves
	}
}

// A user's room is made in a middleware, before the socket is connected, whichever adapter keeps it, and other nodes
// see the user.
func TestIdentifyBeforeConnecting(t *testing.T) {
	server := fleet.StartRedis(t)
	for _, adapter := range []string{"memory", "pubsub", "sharded", "streams"} {
		t.Run(adapter, func(t *testing.T) {
			settings := []string{"AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret, "ADAPTER", adapter, "LOG_LEVEL", "error",
				"REDIS_PREFIX", adapter}
			if adapter != "memory" {
				settings = append(settings, "REDIS_URL", server.URL())
			}
			if adapter == "streams" || adapter == "memory" {
				settings = append(settings, "RECOVERY", "1m")
			}
			a := start(t, settings...)
			b := a
			if adapter != "memory" {
				b = start(t, settings...)
			}
			refused, c := a.Open(t), a.Open(t)
			refused.Send(`40{"token":"x"}`)
			refused.Receive(1)
			c.Send(`40{"token":"` + token(t, nil) + `"}`)
			c.Receive(1)
			eventually(t, "the other node sees ann", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), gatewaytest.Patience)
				defer cancel()
				found, err := b.io.In(UserRoom("ann")).FetchSockets(ctx)
				return err == nil && len(found) == 1 && UserOf(found[0]) == "ann"
			})
			if err := b.io.To(UserRoom("ann")).Emit("hello"); err != nil {
				t.Fatal(err)
			}
			if got := c.Receive(1)[0]; !strings.HasPrefix(got, `42["hello"`) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestSettingsOfAuth(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := certificate.Files(t)
	secret, short := file("secret", jwtSecret+"\n"), file("few", "short\n")
	large, url := file("large", strings.Repeat("x", maxKeyFile+1)), "https://issuer.example/keys"
	for _, test := range []struct {
		settings []string
		wrong    string
	}{
		{nil, ""},
		{[]string{"AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret}, ""},
		{[]string{"AUTH", "jwt", "AUTH_JWT_SECRET_FILE", secret}, ""},
		{[]string{"AUTH", "jwt", "AUTH_JWT_KEY_FILE", cert}, ""},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_JWT_AUDIENCE", "a, b", "AUTH_JWT_LEEWAY", "0"}, ""},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_COOKIE", "t", "CORS_ORIGINS", "https://a.example"}, ""},
		{[]string{"AUTH", "on"}, "AUTH"},
		{[]string{"AUTH", "jwt"}, "AUTH"}, // a variable that is empty by mistake leaves no door open
		{[]string{"AUTH_JWT_SECRET", jwtSecret}, "AUTH"},
		{[]string{"AUTH_JWT_ISSUER", "x"}, "AUTH"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret, "AUTH_JWT_KEY_FILE", cert}, "AUTH"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_SECRET", "short"}, "AUTH_JWT_SECRET"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_SECRET_FILE", short}, "AUTH_JWT_SECRET_FILE"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_SECRET_FILE", cert}, "AUTH_JWT_SECRET_FILE"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_KEY_FILE", key}, "AUTH_JWT_KEY_FILE"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_KEY_FILE", dir}, "AUTH_JWT_KEY_FILE"},
		{[]string{"AUTH", "jwt", "AUTH_JWT_KEY_FILE", large}, "AUTH_JWT_KEY_FILE"},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", "issuer.example"}, "AUTH_JWKS_URL"},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_JWKS_REFRESH", "0"}, "AUTH_JWKS_REFRESH"},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_JWT_AUDIENCE", "a,,b"}, "AUTH_JWT_AUDIENCE"},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_JWT_LEEWAY", "-1s"}, "AUTH_JWT_LEEWAY"},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_JWT_REQUIRE_EXP", "no"}, "AUTH_JWT_REQUIRE_EXP"},
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_COOKIE", "a b"}, "AUTH_COOKIE"},
		// Any page could connect with its reader's cookie.
		{[]string{"AUTH", "jwt", "AUTH_JWKS_URL", url, "AUTH_COOKIE", "t"}, "AUTH_COOKIE"},
		{[]string{"AUTH_EXPIRY_NOTICE", "off"}, "AUTH_EXPIRY_NOTICE"},
	} {
		_, err := load(test.settings...)
		setting := new(SettingError)
		if named := errors.As(err, &setting); setting.Name != test.wrong || named != (err != nil) {
			t.Errorf("%q: %v", test.settings, err)
		}
		if err != nil && (strings.Contains(err.Error(), "short\"") || strings.Contains(err.Error(), jwtSecret)) {
			t.Errorf("%q: the error shows a secret: %v", test.settings, err)
		}
	}
	cfg, err := load("AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(cfg.Effective)
	if !strings.Contains(text, "AUTH_JWT_SECRET=***") || strings.Contains(text, jwtSecret) {
		t.Errorf("the log would say %s", text)
	}
}

// A key that comes from elsewhere may have signed tokens for others.
func TestWarningOfAudience(t *testing.T) {
	n := start(t, "AUTH", "jwt", "AUTH_JWKS_URL", "http://127.0.0.1:1/")
	eventually(t, "it warns, and says that there are no keys", func() bool {
		text := n.Log.String()
		return strings.Contains(text, "AUTH_JWT_AUDIENCE is none") && strings.Contains(text, "keys cannot be fetched")
	})
	c := n.Open(t)
	c.Send(`40{"token":"` + token(t, nil) + `"}`)
	if got := c.Receive(1)[0]; !strings.Contains(got, string(auth.KeysUnavailable)) {
		t.Errorf("got %s", got)
	}
}

// The metrics of a gateway that asks for tokens are no others' than those of the table.
func TestAuthMetricsAreOnlyThereWithAuth(t *testing.T) {
	names := func(n *node) []string {
		others := func(s string) bool { return !strings.HasPrefix(s, "gateway_auth") }
		return slices.DeleteFunc(n.Scrape(t).Own(), others)
	}
	if got := names(start(t, "LOG_LEVEL", "error")); len(got) > 0 {
		t.Errorf("without AUTH there are %q", got)
	}
	if got := names(start(t, "LOG_LEVEL", "error", "AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret)); len(got) != 15 {
		t.Errorf("with AUTH there are %q", got)
	}
}
