package gateway

// The configuration: what the environment says about one run. Each setting is declared once, in settings.go; the parser
// here, --help, the table in the documentation and the error messages all come from that declaration.

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Config is what the environment says about one run of the gateway. LoadConfig fills it; it is not changed afterwards.
// The service's settings are not in it: they are the service's.
type Config struct {
	// Version names the build in logs and in /healthz. It is no setting: the program fills it in.
	Version string
	// Release and Commit are what Version is made of, for the metrics.
	Release, Commit string

	Host     string
	Port     int
	RedisURL string
	// TLSCertFile and TLSKeyFile are the certificate of a gateway that speaks TLS itself, "" where it does not.
	TLSCertFile, TLSKeyFile string
	// RedisGiven is whether REDIS_URL was set, rather than left at its default.
	RedisGiven  bool
	RedisPrefix string
	// RedisTLS is how Redis is known, and this gateway to it; nil where REDIS_URL says all.
	RedisTLS      *tls.Config
	redisCertFile string
	Adapter       string // "pubsub", "sharded", "streams", "nats" or "memory"
	NATS          NATSConfig
	NodeEnv       string
	LogLevel      slog.Level
	LogFormat     string // "text" or "json"
	// CORSOrigins are the origins that other sites' pages may come from; "*" alone is any.
	CORSOrigins     []string
	MaxPayload      int   // bytes
	MaxQueue        int   // bytes
	MaxInbound      int   // bytes
	MaxAuth         int   // bytes
	MaxNamespaces   int   // of one client
	MaxClusterQueue int   // bytes
	MaxTotalQueue   int64 // bytes; 0: what engineio.Options has by default
	WriteTimeout    time.Duration
	StreamMaxBytes  int // about so many
	AllowEIO3       bool
	PingInterval    time.Duration
	PingTimeout     time.Duration
	UpgradeTimeout  time.Duration
	ConnectTimeout  time.Duration
	DrainDelay      time.Duration
	DrainWindow     time.Duration
	ShutdownTimeout time.Duration
	Recovery        time.Duration // 0: off
	RecoveryMax     int
	// Forward is whether requests for other nodes' sessions are passed on to them.
	Forward bool
	// AdvertiseAddr is the "host:port" at which other nodes reach this one, "" where it finds that out itself.
	AdvertiseAddr string
	// MetricsAddr is "private", "main", "off", or the "host:port" of a listener for the metrics alone.
	MetricsAddr string
	// APIAddr is "off", or the "host:port" of a listener for the server API.
	APIAddr       string
	APIMaxBody    int // bytes
	apiTokens     []string
	apiTokensFile string // "" where there is none
	apiOpen       bool   // whether it takes no token, said explicitly
	// What clients may cost: 0 is the library's default, a negative one is no limit. See engineio.Options.
	MaxConnections           int
	MaxConnectionsPerAddress int
	MaxSessions              int
	MaxSessionsPerAddress    int
	HandshakeRate            int // per second and address
	MessageRate              int // per second and client
	ByteRate                 int // the same
	MemoryShare              int // percent of GOMEMLIMIT
	Presence                 PresenceConfig
	// TrustedProxies are believed on where a client comes from.
	TrustedProxies []netip.Prefix
	Admin          AdminConfig

	auth    authConfig // see auth_settings.go
	tracing tracing    // where traces go, if anywhere

	// Effective are all settings as they hold, the service's too, by name, for the log: no secrets are among them.
	Effective []slog.Attr
}

// A SettingError says which environment variable has a value that the gateway or its service cannot use.
type SettingError struct {
	Name, Value, Valid string
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("%s=%q is not valid: want %s", e.Name, e.Value, e.Valid)
}

// production is the NODE_ENV that has defaults of its own.
const production = "production"

// LoadConfig reads every setting, the service's too, with getenv (os.Getenv); an empty value counts as not set. The
// error is a *SettingError for the first setting, in the order of Settings, whose value is not valid, or says that the
// service declares a setting a second time.
func LoadConfig(getenv func(string) string, service Service) (Config, error) {
	var c Config
	known := make(map[string]bool)
	for _, s := range append(c.allSettings(), service.Settings()...) {
		if known[s.Name] {
			return Config{}, fmt.Errorf("gateway: the service declares %s, which there is already", s.Name)
		}
		known[s.Name] = true
		value := getenv(s.Name)
		if s.Name == "REDIS_URL" {
			c.RedisGiven = value != ""
		}
		if s.Name == "NATS_URL" {
			c.NATS.Given = value != ""
		}
		if value == "" {
			value = s.Default
			if c.NodeEnv == production && s.ProductionDefault != "" {
				value = s.ProductionDefault
			}
		}
		if !s.Set(value) {
			if s.Secret {
				value = "(hidden)"
			}
			return Config{}, &SettingError{Name: s.Name, Value: value, Valid: s.Valid}
		}
		c.Effective = append(c.Effective, slog.String(s.Name, s.shown(value)))
	}
	if c.Recovery > 0 && c.Adapter != "streams" && c.Adapter != natsAdapter && c.Adapter != "memory" {
		return Config{}, &SettingError{
			Name: "RECOVERY", Value: c.Recovery.String(), Valid: "off, as ADAPTER is " + c.Adapter,
		}
	}
	if err := cmp.Or(c.checkNATS(), c.checkRedisTLS(), c.checkAuth(), c.tracing.check()); err != nil {
		return Config{}, err
	}
	if err := c.checkAPI(); err != nil {
		return Config{}, err
	}
	if err := c.checkAdmin(); err != nil {
		return Config{}, err
	}
	return c, nil
}
