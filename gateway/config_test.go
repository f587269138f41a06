package gateway

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

var update = flag.Bool("update", false, "rewrite the settings table of docs/SETTINGS.md")

// load reads the configuration of a gateway whose service has no settings.
func load(pairs ...string) (Config, error) { return LoadConfig(gatewaytest.Env(pairs...), new(parrot)) }

func TestDefaults(t *testing.T) {
	got, err := load()
	if err != nil {
		t.Fatal(err)
	}
	got.Effective = nil // see TestEffectiveSettings
	want := Config{
		Host: "0.0.0.0", Port: 3000, RedisURL: "redis://localhost:6379", NodeEnv: "development",
		RedisPrefix: "socket.io", Adapter: "pubsub",
		NATS:     NATSConfig{URLs: "nats://localhost:4222", Prefix: "socket.io"},
		LogLevel: slog.LevelDebug, LogFormat: "text", CORSOrigins: []string{"*"},
		MaxPayload: 1_000_000, MaxQueue: 16 << 20,
		MaxInbound: 1 << 20, MaxAuth: 64 << 10, MaxNamespaces: 100, MaxClusterQueue: 64 << 20, MemoryShare: 80,
		MaxSessions: 250_000, MaxSessionsPerAddress: 20_000, HandshakeRate: 1000,
		MessageRate: 1000, ByteRate: 1_000_000, RecoveryMax: 64 << 20, WriteTimeout: 30 * time.Second,
		StreamMaxBytes: 64 << 20,
		PingInterval:   25 * time.Second, PingTimeout: 20 * time.Second, UpgradeTimeout: 10 * time.Second,
		ConnectTimeout: 45 * time.Second, ShutdownTimeout: 10 * time.Second,
		Forward: true, MetricsAddr: "private", APIAddr: "off", APIMaxBody: 1_000_000,
		Presence: PresenceConfig{Grace: 5 * time.Second, Lease: 10 * time.Second},
		Admin:    AdminConfig{Path: "/admin/"},
		auth: authConfig{
			JWT:    auth.Options{JWKSRefresh: 15 * time.Minute, Leeway: 10 * time.Second, UserClaim: "sub"},
			Notice: 30 * time.Second,
		},
		tracing: tracing{
			exporter: "auto", sampler: "parentbased_always_on", ratio: 1,
			otlp: otlpSettings{compression: "none", timeout: 10 * time.Second},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestProductionLogsJSONWithoutPersonalData(t *testing.T) {
	c, err := load("NODE_ENV", "production")
	if err != nil {
		t.Fatal(err)
	}
	if c.LogFormat != "json" || c.LogLevel != slog.LevelInfo {
		t.Errorf("got format %s, level %s", c.LogFormat, c.LogLevel)
	}
	c, err = load("NODE_ENV", "production", "LOG_FORMAT", "text", "LOG_LEVEL", "debug")
	if err != nil {
		t.Fatal(err)
	}
	if c.LogFormat != "text" || c.LogLevel != slog.LevelDebug {
		t.Errorf("what is set must win: got format %s, level %s", c.LogFormat, c.LogLevel)
	}
}

func TestSettingsAreRead(t *testing.T) {
	tests := []struct {
		name, value string
		got         func(Config) any
		want        any
	}{
		{"PORT", "0", func(c Config) any { return c.Port }, 0},
		{"PORT", "65535", func(c Config) any { return c.Port }, 65535},
		{"PORT", "", func(c Config) any { return c.Port }, 3000}, // empty counts as not set
		{"HOST", "::1", func(c Config) any { return c.Host }, "::1"},
		{"HOST", "localhost", func(c Config) any { return c.Host }, "localhost"},
		{"REDIS_URL", "redis://cache:6379", func(c Config) any { return c.RedisGiven }, true},
		{"REDIS_URL", "", func(c Config) any { return c.RedisGiven }, false},
		{"CORS_ORIGINS", "https://a.example, http://b.example:8080", func(c Config) any { return c.CORSOrigins },
			[]string{"https://a.example", "http://b.example:8080"}},
		{"ALLOW_EIO3", "", func(c Config) any { return c.AllowEIO3 }, false},
		{"ALLOW_EIO3", "true", func(c Config) any { return c.AllowEIO3 }, true},
		{"PING_INTERVAL", "1m30s", func(c Config) any { return c.PingInterval }, 90 * time.Second},
		{"PING_INTERVAL", "300", func(c Config) any { return c.PingInterval }, 300 * time.Millisecond},
		{"PING_TIMEOUT", "24h", func(c Config) any { return c.PingTimeout }, 24 * time.Hour},
		{"UPGRADE_TIMEOUT", "1ms", func(c Config) any { return c.UpgradeTimeout }, time.Millisecond},
		{"CONNECT_TIMEOUT", "2s", func(c Config) any { return c.ConnectTimeout }, 2 * time.Second},
		{"SHUTDOWN_TIMEOUT", "3s", func(c Config) any { return c.ShutdownTimeout }, 3 * time.Second},
		{"DRAIN_DELAY", "0", func(c Config) any { return c.DrainDelay }, time.Duration(0)},
		{"DRAIN_DELAY", "15s", func(c Config) any { return c.DrainDelay }, 15 * time.Second},
		{"DRAIN_WINDOW", "500", func(c Config) any { return c.DrainWindow }, 500 * time.Millisecond},
		{"MAX_PAYLOAD", "1", func(c Config) any { return c.MaxPayload }, 1},
		{"MAX_QUEUE", "65536", func(c Config) any { return c.MaxQueue }, 65536},
		{"MAX_CONNECTIONS", "auto", func(c Config) any { return c.MaxConnections }, 0},
		{"MAX_CONNECTIONS", "off", func(c Config) any { return c.MaxConnections }, -1},
		{"MAX_CONNECTIONS_PER_ADDRESS", "200", func(c Config) any { return c.MaxConnectionsPerAddress }, 200},
		{"MAX_SESSIONS", "1", func(c Config) any { return c.MaxSessions }, 1},
		{"MAX_SESSIONS_PER_ADDRESS", "off", func(c Config) any { return c.MaxSessionsPerAddress }, -1},
		{"HANDSHAKE_RATE", "off", func(c Config) any { return c.HandshakeRate }, -1},
		{"MESSAGE_RATE", "20", func(c Config) any { return c.MessageRate }, 20},
		{"BYTE_RATE", "50000", func(c Config) any { return c.ByteRate }, 50_000},
		{"MAX_INBOUND", "65536", func(c Config) any { return c.MaxInbound }, 65536},
		{"MAX_AUTH", "1", func(c Config) any { return c.MaxAuth }, 1},
		{"MAX_NAMESPACES", "3", func(c Config) any { return c.MaxNamespaces }, 3},
		{"MAX_CLUSTER_QUEUE", "65536", func(c Config) any { return c.MaxClusterQueue }, 65536},
		{"MEMORY_SHARE", "100", func(c Config) any { return c.MemoryShare }, 100},
		{"MEMORY_SHARE", "off", func(c Config) any { return c.MemoryShare }, -1},
		{"RECOVERY_MAX", "65536", func(c Config) any { return c.RecoveryMax }, 65536},
		{"MAX_TOTAL_QUEUE", "auto", func(c Config) any { return c.MaxTotalQueue }, int64(0)},
		{"MAX_TOTAL_QUEUE", "4294967296", func(c Config) any { return c.MaxTotalQueue }, int64(4 << 30)},
		{"WRITE_TIMEOUT", "5s", func(c Config) any { return c.WriteTimeout }, 5 * time.Second},
		{"FORWARD", "off", func(c Config) any { return c.Forward }, false},
		{"ADVERTISE_ADDR", "auto", func(c Config) any { return c.AdvertiseAddr }, ""},
		{"ADVERTISE_ADDR", "node-1:3000", func(c Config) any { return c.AdvertiseAddr }, "node-1:3000"},
		{"ADVERTISE_ADDR", "[fd00::1]:3000", func(c Config) any { return c.AdvertiseAddr }, "[fd00::1]:3000"},
		{"TRUSTED_PROXIES", "none", func(c Config) any { return len(c.TrustedProxies) }, 0},
		{"TRUSTED_PROXIES", "10.1.2.3/16, 192.0.2.7", func(c Config) any { return c.TrustedProxies },
			[]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("192.0.2.7/32")}},
		{"METRICS_ADDR", "", func(c Config) any { return c.MetricsAddr }, "private"},
		{"METRICS_ADDR", "main", func(c Config) any { return c.MetricsAddr }, "main"},
		{"METRICS_ADDR", "off", func(c Config) any { return c.MetricsAddr }, "off"},
		{"METRICS_ADDR", ":9464", func(c Config) any { return c.MetricsAddr }, ":9464"},
		{"METRICS_ADDR", "[::1]:0", func(c Config) any { return c.MetricsAddr }, "[::1]:0"},
		{"LOG_LEVEL", "warn", func(c Config) any { return c.LogLevel }, slog.LevelWarn},
		{"LOG_LEVEL", "error", func(c Config) any { return c.LogLevel }, slog.LevelError},
	}
	for _, test := range tests {
		c, err := load(test.name, test.value)
		if err != nil {
			t.Errorf("%s=%q: %v", test.name, test.value, err)
		} else if got := test.got(c); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s=%q: got %v, want %v", test.name, test.value, got, test.want)
		}
	}
}

func TestMistakesAreNamedOnOneLine(t *testing.T) {
	tests := []struct{ name, value string }{
		{"PORT", "abc"}, {"PORT", "-1"}, {"PORT", "65536"}, {"PORT", "3000 "}, {"PORT", "0x10"}, {"PORT", "1\n2"},
		{"HOST", "localhost:3000"}, {"HOST", "a b"}, {"HOST", "http://x"},
		{"NODE_ENV", "pro duction"},
		{"REDIS_URL", "localhost:6379"}, {"REDIS_URL", "http://localhost"}, {"REDIS_PREFIX", "a b"},
		{"ADAPTER", "redis"},
		{"RECOVERY", "0"}, {"RECOVERY", "on"},
		{"FORWARD", "yes"}, {"ADVERTISE_ADDR", "node-1"}, {"ADVERTISE_ADDR", ":3000"}, {"ADVERTISE_ADDR", "node-1:0"},
		{"ADVERTISE_ADDR", "http://node-1:3000"}, {"ADVERTISE_ADDR", "fd00::1"}, {"ADVERTISE_ADDR", "node-1:http"},
		{"TRUSTED_PROXIES", "traefik"}, {"TRUSTED_PROXIES", "10.0.0.0/33"}, {"TRUSTED_PROXIES", "0.0.0.0/0"},
		{"TRUSTED_PROXIES", "10.0.0.1,"},
		{"METRICS_ADDR", "on"}, {"METRICS_ADDR", "9464"}, {"METRICS_ADDR", ":metrics"}, {"METRICS_ADDR", "a b:9464"},
		{"METRICS_ADDR", ":65536"},
		{"LOG_LEVEL", "verbose"}, {"LOG_LEVEL", "INFO "}, {"LOG_FORMAT", "xml"},
		{"CORS_ORIGINS", "example.com"}, {"CORS_ORIGINS", "https://a.example/"},
		{"CORS_ORIGINS", "*,https://a.example"},
		{"CORS_ORIGINS", "https://a.example,"}, {"CORS_ORIGINS", "https://u:p@a.example"},
		{"MAX_CONNECTIONS", "many"}, {"MAX_CONNECTIONS", "0"}, {"MAX_CONNECTIONS_PER_ADDRESS", "-1"},
		{"MAX_SESSIONS", "auto"}, {"MAX_SESSIONS_PER_ADDRESS", "0"}, {"HANDSHAKE_RATE", "1.5"}, {"MESSAGE_RATE", "1k"},
		{"BYTE_RATE", "99999999999"},
		{"MAX_INBOUND", "0"}, {"MAX_AUTH", "64k"}, {"MAX_NAMESPACES", "0"}, {"MAX_NAMESPACES", "off"},
		{"MAX_CLUSTER_QUEUE", "-1"}, {"MEMORY_SHARE", "101"}, {"MEMORY_SHARE", "0.8"}, {"MEMORY_SHARE", "0"},
		{"MAX_PAYLOAD", "0"}, {"MAX_PAYLOAD", "1MB"}, {"MAX_PAYLOAD", "99999999999"}, {"MAX_QUEUE", "-5"},
		{"ALLOW_EIO3", "yes"},
		{"PING_INTERVAL", "0"}, {"PING_INTERVAL", "25 s"}, {"PING_TIMEOUT", "-20s"}, {"UPGRADE_TIMEOUT", "25h"},
		{"CONNECT_TIMEOUT", "1.5"}, {"SHUTDOWN_TIMEOUT", "9223372036854775807"}, {"SHUTDOWN_TIMEOUT", "1us"},
		{"SHUTDOWN_TIMEOUT", "0"}, {"DRAIN_DELAY", "-1s"}, {"DRAIN_DELAY", "off"}, {"DRAIN_WINDOW", "25h"},
		{"DRAIN_WINDOW", "0s"},
	}
	for _, test := range tests {
		_, err := load(test.name, test.value)
		var setting *SettingError
		if !errors.As(err, &setting) {
			t.Errorf("%s=%q: got error %v, want a SettingError", test.name, test.value, err)
			continue
		}
		value := test.value
		if test.name == "REDIS_URL" {
			value = "(hidden)" // it may hold a password
		}
		if setting.Name != test.name || setting.Value != value || setting.Valid == "" {
			t.Errorf("%s=%q: the error is about %+v", test.name, test.value, setting)
		}
		if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, test.name) {
			t.Errorf("%s=%q: the error is %q", test.name, test.value, text)
		}
	}
}

func TestRedisSecretsStayOutOfErrors(t *testing.T) {
	for _, url := range []string{
		"s3cret", "redis://us%zzer:s3cret@cache", "redis://:s3cret@cache:port", "http://:s3cret@cache",
	} {
		_, err := load("REDIS_URL", url)
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "REDIS_URL") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

// Production has a balancer, which needs time to notice; development has somebody who waits.
func TestDrainByDefault(t *testing.T) {
	for environment, want := range map[string][2]time.Duration{
		"development": {0, 0}, "production": {10 * time.Second, 20 * time.Second},
	} {
		c, err := load("NODE_ENV", environment)
		if err != nil || [2]time.Duration{c.DrainDelay, c.DrainWindow} != want {
			t.Errorf("%s: delay %v, window %v, %v", environment, c.DrainDelay, c.DrainWindow, err)
		}
	}
	c, err := load("NODE_ENV", "production", "DRAIN_DELAY", "0", "DRAIN_WINDOW", "0")
	if err != nil || c.DrainDelay != 0 || c.DrainWindow != 0 {
		t.Errorf("switched off: delay %v, window %v, %v", c.DrainDelay, c.DrainWindow, err)
	}
}

func TestEffectiveSettings(t *testing.T) {
	c, err := load("NODE_ENV", "production", "PING_INTERVAL", "5000", "REDIS_URL",
		"redis://user:s3cret@cache:6380/2?dial_timeout=3s")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, a := range c.Effective {
		got[a.Key] = a.Value.String()
	}
	for name, want := range map[string]string{
		"PORT": "3000", "PING_INTERVAL": "5000", "LOG_FORMAT": "json", "DRAIN_DELAY": "10s",
		"REDIS_URL": "redis://cache:6380/2",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if len(c.Effective) != len(Settings()) {
		t.Errorf("%d of %d settings", len(c.Effective), len(Settings()))
	}
	if s := (Setting{Secret: true}); s.shown("s3cret") != "***" || s.shown("") != "" {
		t.Error("a secret is shown")
	}
}

func TestRecoveryNeedsAnAdapterThatHasIt(t *testing.T) {
	if _, err := load("RECOVERY", "2m"); err == nil || !strings.Contains(err.Error(), "ADAPTER is pubsub") {
		t.Errorf("got %v", err)
	}
	for _, adapter := range []string{"streams", "nats", "memory"} {
		if c, err := load("RECOVERY", "2m", "ADAPTER", adapter); err != nil || c.Recovery != 2*time.Minute {
			t.Errorf("%s: got %v, %v", adapter, c.Recovery, err)
		}
	}
}

func TestHelpListsEverySettingWithItsDefault(t *testing.T) {
	var help strings.Builder
	if err := WriteSettings(&help); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(help.String(), "\n")
	for _, s := range Settings() {
		found := false
		for _, line := range lines {
			fields := strings.Fields(line)
			if len(fields) > 2 && fields[0] == s.Name && strings.TrimSuffix(fields[1], ",") == s.Default {
				found = strings.Contains(line, s.Meaning)
			}
		}
		if !found {
			t.Errorf("no line gives %s with its default %s and what it means", s.Name, s.Default)
		}
	}
	if !strings.Contains(help.String(), "milliseconds") {
		t.Error("the help does not say what a plain number means as a duration")
	}
}

// The table of docs/SETTINGS.md is made from Settings; `go test ./gateway -run Docs -update` rewrites it.
func TestDocsHaveTheSettings(t *testing.T) {
	const begin, end = "<!-- settings: begin, made by gateway/config_test.go -->\n", "<!-- settings: end -->"
	for _, name := range []string{"docs/SETTINGS.md", "docs/pt-BR/SETTINGS.md"} {
		path := filepath.Join("..", name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, found := strings.Cut(string(content), begin)
		table, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Errorf("%s: the marks round the table are not there", name)
			continue
		}
		if table == MarkdownSettings() {
			continue
		}
		if !*update {
			t.Errorf("%s: the table is not that of Settings; run go test ./gateway -run Docs -update", name)
			continue
		}
		if err := os.WriteFile(path, []byte(before+begin+MarkdownSettings()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
