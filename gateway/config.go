package gateway

// This file is the configuration: every setting is declared once, in settings, and the parser, --help, the README's
// table and the error messages all come from that declaration.

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
)

// Config is what the environment says about one run of the gateway. LoadConfig fills it; it is not changed afterwards.
type Config struct {
	// Version names the build in logs and in /healthz. It is no setting: the program fills it in.
	Version string
	// Release and Commit are what Version is made of, for the metrics.
	Release, Commit string

	Host     string
	Port     int
	RedisURL string
	// RedisGiven is whether REDIS_URL was set, rather than left at its default.
	RedisGiven  bool
	RedisPrefix string
	Adapter     string // "pubsub", "sharded", "streams" or "memory"
	NodeEnv     string
	LogLevel    slog.Level
	LogFormat   string // "text" or "json"
	// CORSOrigins are the origins that other sites' pages may come from; "*" alone is any.
	CORSOrigins     []string
	MaxPayload      int // bytes
	MaxQueue        int // bytes
	PingInterval    time.Duration
	PingTimeout     time.Duration
	UpgradeTimeout  time.Duration
	ConnectTimeout  time.Duration
	DrainDelay      time.Duration
	DrainWindow     time.Duration
	ShutdownTimeout time.Duration
	Recovery        time.Duration // 0: off
	// Forward is whether requests for other nodes' sessions are passed on to them.
	Forward bool
	// AdvertiseAddr is the "host:port" at which other nodes reach this one, "" where it finds that out itself.
	AdvertiseAddr string
	// MetricsAddr is "main", "off", or the "host:port" of a listener for the metrics alone.
	MetricsAddr string
	// TrustedProxies are believed on where a client comes from.
	TrustedProxies []netip.Prefix

	// Effective are all settings as they hold, by name, for the log: no secrets are among them.
	Effective []slog.Attr
}

// A Setting is one environment variable that the gateway reads.
type Setting struct {
	// Name of the environment variable.
	Name string
	// Default is the value used where the variable is not set or empty.
	Default string
	// ProductionDefault, if not empty, takes Default's place where NODE_ENV is production.
	ProductionDefault string
	// Meaning says in one line what the setting does.
	Meaning string
	// Valid says which values are accepted, as a phrase that follows "want".
	Valid string

	// Secret keeps the value out of error messages, and out of the log but for what shown makes of it.
	Secret bool
	shown  func(value string) string

	// set stores a value in the configuration, and reports whether the value is valid.
	set func(c *Config, value string) bool
}

// A SettingError says which environment variable has a value that the gateway cannot use.
type SettingError struct {
	Name, Value, Valid string
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("%s=%q is not valid: want %s", e.Name, e.Value, e.Valid)
}

// Units and limits of the settings. The upper ends are far past any sensible value; they are there to catch a mistaken
// unit, such as nanoseconds where milliseconds were asked for.
const (
	maxDuration     = 24 * time.Hour
	maxPayloadBytes = 1 << 30
	maxQueueBytes   = 1 << 30
)

const production = "production"

// Settings lists every environment variable that the gateway reads, in the order in which --help shows them. NODE_ENV
// comes first, because the defaults of others depend on it.
func Settings() []Setting {
	return []Setting{
		{
			Name: "NODE_ENV", Default: "development",
			Meaning: "production logs JSON without personal data; anything else logs readable text, messages and nicknames among it",
			Valid:   "a name of letters, digits, - and _",
			set: func(c *Config, v string) bool {
				c.NodeEnv = v
				return strings.IndexFunc(v, func(r rune) bool { return !isWord(r) }) < 0
			},
		},
		{
			Name: "HOST", Default: "0.0.0.0",
			Meaning: "address to listen on",
			Valid:   "an IP address or a host name, without a port",
			set:     func(c *Config, v string) bool { c.Host = v; return validHost(v) },
		},
		{
			Name: "PORT", Default: "3000",
			Meaning: "TCP port to listen on; 0 takes any free one and logs it",
			Valid:   "a whole number from 0 to 65535",
			set:     func(c *Config, v string) bool { return parseInt(v, 0, 65535, &c.Port) },
		},
		{
			Name: "REDIS_URL", Default: "redis://localhost:6379",
			Meaning: "Redis that joins several nodes; where it is not set and the default does not answer, the node stands alone",
			Valid:   "redis://, rediss:// (TLS) or unix://, with user:password@, /database; several hosts for Cluster, ?master_name= for Sentinel",
			Secret:  true,
			shown:   adapter.SafeName,
			set:     func(c *Config, v string) bool { c.RedisURL = v; return adapter.CheckAddress(v) == nil },
		},
		{
			Name: "REDIS_PREFIX", Default: "socket.io",
			Meaning: "beginning of the names of all channels and streams; the same on all nodes",
			Valid:   "a name of letters, digits, ., :, - and _",
			set: func(c *Config, v string) bool {
				c.RedisPrefix = v
				return strings.IndexFunc(v, func(r rune) bool { return !isWord(r) && r != '.' && r != ':' }) < 0
			},
		},
		{
			Name: "ADAPTER", Default: "pubsub",
			Meaning: "how nodes tell each other: pubsub is what the Nest service speaks, sharded is for Redis Cluster, streams loses nothing in an outage, memory is one node alone",
			Valid:   "pubsub, sharded, streams or memory",
			set: func(c *Config, v string) bool {
				c.Adapter = v
				return slices.Contains([]string{"pubsub", "sharded", "streams", "memory"}, v)
			},
		},
		forwardSetting(),
		advertiseSetting(),
		trustedProxiesSetting(),
		metricsSetting(),
		{
			Name: "LOG_LEVEL", Default: "debug", ProductionDefault: "info",
			Meaning: "least severe level that is logged; personal data (messages, nicknames) is logged at debug only",
			Valid:   "debug, info, warn or error",
			set:     func(c *Config, v string) bool { return parseLevel(v, &c.LogLevel) },
		},
		{
			Name: "LOG_FORMAT", Default: "text", ProductionDefault: "json",
			Meaning: "form of the log lines",
			Valid:   "text or json",
			set:     func(c *Config, v string) bool { c.LogFormat = v; return v == "text" || v == "json" },
		},
		{
			Name: "CORS_ORIGINS", Default: "*",
			Meaning: "origins whose pages may use this server, separated by commas; * is any",
			Valid:   "* or origins such as https://chat.example.com, separated by commas",
			set:     func(c *Config, v string) bool { return parseOrigins(v, &c.CORSOrigins) },
		},
		{
			Name: "MAX_PAYLOAD", Default: "1000000",
			Meaning: "largest message that a client may send, in bytes",
			Valid:   fmt.Sprintf("a whole number of bytes from 1 to %d", maxPayloadBytes),
			set:     func(c *Config, v string) bool { return parseInt(v, 1, maxPayloadBytes, &c.MaxPayload) },
		},
		{
			Name: "MAX_QUEUE", Default: "16777216",
			Meaning: "bytes that may wait for one slow client before it is disconnected",
			Valid:   fmt.Sprintf("a whole number of bytes from 1 to %d", maxQueueBytes),
			set:     func(c *Config, v string) bool { return parseInt(v, 1, maxQueueBytes, &c.MaxQueue) },
		},
		duration("PING_INTERVAL", "25s", "time between two heartbeats of a client", func(c *Config) *time.Duration { return &c.PingInterval }),
		duration("PING_TIMEOUT", "20s", "time that a client has to answer a heartbeat", func(c *Config) *time.Duration { return &c.PingTimeout }),
		duration("UPGRADE_TIMEOUT", "10s", "time that a change from polling to WebSocket may take", func(c *Config) *time.Duration { return &c.UpgradeTimeout }),
		duration("CONNECT_TIMEOUT", "45s", "time that a client has to join a namespace", func(c *Config) *time.Duration { return &c.ConnectTimeout }),
		{
			Name: "RECOVERY", Default: "off",
			Meaning: "time for which a client that lost its connection may resume its session, with what it missed; needs ADAPTER streams or memory",
			Valid:   "off, or a duration from 1ms to 24h, such as 2m or 120000 (milliseconds)",
			set:     func(c *Config, v string) bool { return v == "off" || parseDuration(v, &c.Recovery) },
		},
		drain("DRAIN_DELAY", "10s", "time from SIGTERM, when /readyz turns 503, until clients are let go: what balancers need to notice", func(c *Config) *time.Duration { return &c.DrainDelay }),
		drain("DRAIN_WINDOW", "20s", "time over which the clients of a node that stops are let go, so that they do not all come back at one moment", func(c *Config) *time.Duration { return &c.DrainWindow }),
		duration("SHUTDOWN_TIMEOUT", "10s", "time that those get who have not left by then; DRAIN_DELAY, DRAIN_WINDOW, this and 2s are the longest that a stop takes", func(c *Config) *time.Duration { return &c.ShutdownTimeout }),
	}
}

// duration declares a setting that is a length of time.
func duration(name, def, meaning string, field func(*Config) *time.Duration) Setting {
	return Setting{
		Name: name, Default: def, Meaning: meaning,
		Valid: "a duration from 1ms to 24h, such as 25s, 1m30s or 25000 (milliseconds)",
		set:   func(c *Config, v string) bool { return parseDuration(v, field(c)) },
	}
}

// drain declares a setting of the orderly stop. In development it is 0: nobody there has a balancer, and somebody waits.
func drain(name, inProduction, meaning string, field func(*Config) *time.Duration) Setting {
	return Setting{
		Name: name, Default: "0", ProductionDefault: inProduction, Meaning: meaning,
		Valid: "0, or a duration from 1ms to 24h, such as 15s or 15000 (milliseconds)",
		set:   func(c *Config, v string) bool { return v == "0" || parseDuration(v, field(c)) },
	}
}

// LoadConfig reads every setting with getenv (os.Getenv), where an empty value counts as not set. The error is a
// *SettingError for the first setting, in the order of Settings, whose value is not valid.
func LoadConfig(getenv func(string) string) (Config, error) {
	var c Config
	for _, s := range Settings() {
		value := getenv(s.Name)
		if s.Name == "REDIS_URL" {
			c.RedisGiven = value != ""
		}
		if value == "" {
			value = s.Default
			if c.NodeEnv == production && s.ProductionDefault != "" {
				value = s.ProductionDefault
			}
		}
		if !s.set(&c, value) {
			if s.Secret {
				value = "(hidden)"
			}
			return Config{}, &SettingError{Name: s.Name, Value: value, Valid: s.Valid}
		}
		c.Effective = append(c.Effective, slog.String(s.Name, s.show(value)))
	}
	if c.Recovery > 0 && c.Adapter != "streams" && c.Adapter != "memory" {
		return Config{}, &SettingError{Name: "RECOVERY", Value: c.Recovery.String(), Valid: "off, as ADAPTER is " + c.Adapter}
	}
	return c, nil
}

// show is a value as it may be logged.
func (s Setting) show(value string) string {
	switch {
	case s.shown != nil:
		return s.shown(value)
	case s.Secret && value != "":
		return "***"
	}
	return value
}

func parseInt(v string, low, high int64, to *int) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < low || n > high || int64(int(n)) != n {
		return false
	}
	*to = int(n)
	return true
}

// parseDuration reads Go's form of a duration, or a plain whole number of milliseconds as the options of Node's
// Socket.IO have it.
func parseDuration(v string, to *time.Duration) bool {
	d, err := time.ParseDuration(v)
	if err != nil {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil || ms > int64(maxDuration/time.Millisecond) {
			return false
		}
		d = time.Duration(ms) * time.Millisecond
	}
	*to = d
	return d >= time.Millisecond && d <= maxDuration
}

func parseLevel(v string, to *slog.Level) bool {
	switch v {
	case "debug":
		*to = slog.LevelDebug
	case "info":
		*to = slog.LevelInfo
	case "warn":
		*to = slog.LevelWarn
	case "error":
		*to = slog.LevelError
	default:
		return false
	}
	return true
}

func parseOrigins(v string, to *[]string) bool {
	for origin := range strings.SplitSeq(v, ",") {
		origin = strings.TrimSpace(origin)
		if origin != "*" {
			u, err := url.Parse(origin)
			// An origin is a scheme, a host and perhaps a port (RFC 6454 section 7): a browser never sends more, so
			// an entry that has more, a last slash too, would silently match nothing.
			if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
				return false
			}
		}
		*to = append(*to, origin)
	}
	return len(*to) == 1 || !slices.Contains(*to, "*")
}

// parseProxies reads TRUSTED_PROXIES.
func parseProxies(v string, to *[]netip.Prefix) bool {
	if v == "none" {
		return true
	}
	for entry := range strings.SplitSeq(v, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, addrErr := netip.ParseAddr(entry)
			if addrErr != nil || addr.Zone() != "" {
				return false
			}
			addr = addr.Unmap()
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() || prefix.Bits() == 0 { // never matches; trusts everybody, which is to trust nobody
			return false
		}
		*to = append(*to, prefix.Masked())
	}
	return true
}

func validHost(v string) bool {
	for _, r := range v {
		if !isWord(r) && r != '.' && r != ':' && r != '%' {
			return false
		}
	}
	// A colon means an IPv6 address; one alone would be a port.
	return strings.Count(v, ":") != 1
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
