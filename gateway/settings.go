package gateway

// The gateway's own settings, each declared once.

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
)

// The upper ends are far past any sensible value, to catch a mistaken unit.
const (
	maxPayloadBytes = 1 << 30
	maxQueueBytes   = 1 << 30
	// maxRecoveryBytes is 16 GiB, or what an int takes.
	maxRecoveryBytes = min(16<<30, math.MaxInt)
	// More than one node may have.
	maxTotalQueueBytes int64 = 1 << 40
	maxStreamBytes           = 1<<31 - 1
	maxNamespaces            = 1_000_000
)

// Settings lists every environment variable that the gateway and these services read, in the order in which --help
// shows them. What it returns is to be looked at: values that are set go nowhere.
func Settings(services ...Service) []Setting {
	all := new(Config).allSettings()
	for _, s := range services {
		all = append(all, s.Settings()...)
	}
	return all
}

// allSettings declares the gateway's settings.
func (c *Config) allSettings() []Setting {
	return slices.Concat(c.settings(), c.natsSettings(), c.tlsSettings(), c.authSettings(), c.presenceSettings(),
		c.apiSettings(), c.adminSettings(), c.tracingSettings())
}

// settings declares those of the gateway's core, whose values go to c. NODE_ENV comes first, because the defaults of
// others depend on it.
func (c *Config) settings() []Setting {
	return []Setting{
		{
			Name: "NODE_ENV", Default: "development",
			Meaning: "production logs JSON without personal data; anything else logs readable text, " +
				"messages and nicknames among it",
			Valid: "a name of letters, digits, - and _",
			Set: func(v string) bool {
				c.NodeEnv = v
				return strings.IndexFunc(v, func(r rune) bool { return !isWord(r) }) < 0
			},
		},
		{
			Name: "HOST", Default: "0.0.0.0",
			Meaning: "address to listen on",
			Valid:   "an IP address or a host name, without a port",
			Set:     func(v string) bool { c.Host = v; return validHost(v) },
		},
		IntSetting("PORT", "3000", "TCP port to listen on; 0 takes any free one and logs it", 0, 65535, &c.Port),
		{
			Name: "REDIS_URL", Default: "redis://localhost:6379",
			Meaning: "Redis that joins several nodes; where it is not set and the default does not answer, " +
				"the node stands alone",
			Valid: "redis://, rediss:// (TLS) or unix://, with user:password@, /database; several hosts for Cluster, " +
				"?master_name= for Sentinel",
			Secret: true,
			Show:   adapter.SafeName,
			Set:    func(v string) bool { c.RedisURL = v; return adapter.CheckAddress(v) == nil },
		},
		fileSetting("REDIS_CA_FILE",
			"authorities that the certificate of a rediss:// REDIS_URL comes from; none: the system's",
			c.setRedisCA),
		fileSetting("REDIS_CERT_FILE",
			"certificate that the gateway shows to a rediss:// REDIS_URL; none: it shows none",
			c.setRedisCertificate),
		fileSetting("REDIS_KEY_FILE", "its key", c.setRedisKey),
		{
			Name: "REDIS_PREFIX", Default: "socket.io",
			Meaning: "beginning of the names of all channels and streams; the same on all nodes",
			Valid:   "a name of letters, digits, ., :, - and _",
			Set: func(v string) bool {
				c.RedisPrefix = v
				return strings.IndexFunc(v, func(r rune) bool { return !isWord(r) && r != '.' && r != ':' }) < 0
			},
		},
		ChoiceSetting("ADAPTER",
			"how nodes tell each other: pubsub is what the Nest service speaks, sharded is for Redis Cluster, "+
				"streams loses nothing in an outage, nats is for NATS in Redis' place, memory is one node alone",
			&c.Adapter, "pubsub", "sharded", "streams", natsAdapter, "memory"),
		bytesSetting("STREAM_MAX_BYTES", "67108864",
			"about how many bytes of messages Redis keeps with ADAPTER streams, well below its maxmemory; or "+
				"JetStream with ADAPTER nats and RECOVERY",
			maxStreamBytes, &c.StreamMaxBytes),
		{
			Name: "FORWARD", Default: "on",
			Meaning: "whether a request for another node's session is passed on to that node, so that balancers need " +
				"no sticky cookie; it takes Redis, or NATS with JetStream",
			Valid: "on or off",
			Set:   func(v string) bool { c.Forward = v == "on"; return v == "on" || v == "off" },
		},
		{
			Name: "ADVERTISE_ADDR", Default: "auto",
			Meaning: "address at which the other nodes reach this one; auto is HOST, or where that is all interfaces " +
				"the one that leads to Redis or NATS, with PORT",
			Valid: "auto, or host:port of this one node, not of a balancer",
			Set:   func(v string) bool { return parseAdvertised(v, &c.AdvertiseAddr) },
		},
		{
			Name: "TRUSTED_PROXIES", Default: "none",
			Meaning: "proxies whose X-Forwarded-For is believed on a client's address; not a network that clients " +
				"come from, as with Swarm's routing mesh they all do",
			Valid: "none, or IP addresses and networks such as 10.0.9.0/24, separated by commas",
			Set:   func(v string) bool { return parseProxies(v, &c.TrustedProxies) },
		},
		{
			Name: "METRICS_ADDR", Default: metricsPrivate,
			Meaning: "where Prometheus finds /metrics: private is the port of everything else, for peers with a " +
				"private address that ask for themselves, main the same for everybody, off is nowhere",
			Valid: "private, main, off, or [host]:port of a listener of its own, such as :9464",
			Set:   func(v string) bool { c.MetricsAddr = v; return validMetricsAddr(v) },
		},
		{
			Name: "LOG_LEVEL", Default: "debug", ProductionDefault: "info",
			Meaning: "least severe level that is logged; personal data (messages, nicknames) is logged at debug only",
			Valid:   "debug, info, warn or error",
			Set:     func(v string) bool { return parseLevel(v, &c.LogLevel) },
		},
		inProduction("json", ChoiceSetting("LOG_FORMAT", "form of the log lines", &c.LogFormat, "text", "json")),
		{
			Name: "CORS_ORIGINS", Default: "*",
			Meaning: "origins whose pages may use this server, beside its own, separated by commas; those of others " +
				"get 403; * is any",
			Valid: "* or origins such as https://chat.example.com, separated by commas",
			Set:   func(v string) bool { return parseOrigins(v, &c.CORSOrigins) },
		},
		bytesSetting("MAX_PAYLOAD", "1000000",
			"largest message that a client may send, in bytes", maxPayloadBytes, &c.MaxPayload),
		bytesSetting("MAX_QUEUE", "16777216",
			"bytes that may wait for one slow client before it is disconnected", maxQueueBytes, &c.MaxQueue),
		autoSetting("MAX_CONNECTIONS", "the limit of open files, less a 16th of it for everything else",
			"TCP connections at once; further ones get 503, but health checks from this host pass",
			&c.MaxConnections),
		autoSetting("MAX_CONNECTIONS_PER_ADDRESS", "three quarters of MAX_CONNECTIONS",
			"those from one address that is none of TRUSTED_PROXIES", &c.MaxConnectionsPerAddress),
		limitSetting("MAX_SESSIONS", "250000",
			"clients at once, whatever their transport; further ones get 503", &c.MaxSessions),
		limitSetting("MAX_SESSIONS_PER_ADDRESS", "20000",
			"those from one address, of IPv6 from one /64; further ones get 429", &c.MaxSessionsPerAddress),
		limitSetting("HANDSHAKE_RATE", "1000",
			"clients that may come per second from one address, and five times as many at one moment",
			&c.HandshakeRate),
		limitSetting("MESSAGE_RATE", "1000",
			"messages that a client may send per second, and five times as many at one moment; one that sends more "+
				"is made to wait", &c.MessageRate),
		limitSetting("BYTE_RATE", "1000000",
			"the same in bytes, and eight times as many at one moment", &c.ByteRate),
		bytesSetting("MAX_INBOUND", "1048576",
			"bytes of a client's events that may wait for their handlers before it is made to wait; what it has "+
				"connected with may be as much", maxQueueBytes, &c.MaxInbound),
		bytesSetting("MAX_AUTH", "65536",
			"bytes of auth that a client may send for a namespace; past it that gets a connect_error",
			maxPayloadBytes, &c.MaxAuth),
		IntSetting("MAX_NAMESPACES", "100",
			"namespaces that a client may be in at once; past it that gets a connect_error", 1, maxNamespaces,
			&c.MaxNamespaces),
		percentSetting("MEMORY_SHARE", "80",
			"share of GOMEMLIMIT, in percent, that may be alive for a new client to be let in; further ones get 503",
			&c.MemoryShare),
		bytesSetting("MAX_CLUSTER_QUEUE", "67108864",
			"bytes that may wait for other nodes while Redis or NATS is away or slow, and as many that have come from "+
				"them; past it they are dropped", maxQueueBytes, &c.MaxClusterQueue),
		{
			Name: "MAX_TOTAL_QUEUE", Default: "auto",
			Meaning: "bytes of memory that may wait for all clients together before those are disconnected for whom " +
				"the most waits; auto is a third of GOMEMLIMIT, or 1 GiB without one",
			Valid: fmt.Sprintf("auto, or a whole number of bytes from 1 to %d", maxTotalQueueBytes),
			Set:   func(v string) bool { return parseTotalQueue(v, &c.MaxTotalQueue) },
		},
		DurationSetting("WRITE_TIMEOUT", "30s",
			"time for which a client may take nothing of what is written to it before it is disconnected",
			&c.WriteTimeout),
		{
			Name: "ALLOW_EIO3", Default: "false",
			Meaning: "whether clients of Socket.IO 2 and older may connect too",
			Valid:   "true or false",
			Set:     func(v string) bool { c.AllowEIO3 = v == "true"; return v == "true" || v == "false" },
		},
		DurationSetting("PING_INTERVAL", "25s", "time between two heartbeats of a client", &c.PingInterval),
		DurationSetting("PING_TIMEOUT", "20s", "time that a client has to answer a heartbeat", &c.PingTimeout),
		DurationSetting("UPGRADE_TIMEOUT", "10s",
			"time that a change from polling to WebSocket may take", &c.UpgradeTimeout),
		DurationSetting("CONNECT_TIMEOUT", "45s", "time that a client has to join a namespace", &c.ConnectTimeout),
		{
			Name: "RECOVERY", Default: "off",
			Meaning: "time for which a client that lost its connection may resume its session, with what it missed; " +
				"needs ADAPTER streams, nats or memory",
			Valid: "off, or a duration from 1ms to 24h, such as 2m or 120000 (milliseconds)",
			Set:   func(v string) bool { return v == "off" || parseDuration(v, &c.Recovery) },
		},
		bytesSetting("RECOVERY_MAX", "67108864",
			"bytes that ADAPTER memory may keep for RECOVERY; past it the oldest go, and a client that missed them "+
				"begins anew", maxRecoveryBytes, &c.RecoveryMax),
		drainSetting("DRAIN_DELAY", "10s",
			"time from SIGTERM, when /readyz turns 503, until clients are let go: what balancers need to notice",
			&c.DrainDelay),
		drainSetting("DRAIN_WINDOW", "20s",
			"time over which the clients of a node that stops are let go, so that they do not all come back at one "+
				"moment",
			&c.DrainWindow),
		DurationSetting("SHUTDOWN_TIMEOUT", "10s",
			"time that those get who have not left by then; DRAIN_DELAY, DRAIN_WINDOW, this and 2s are the longest "+
				"that a stop takes",
			&c.ShutdownTimeout),
	}
}

// inProduction gives a setting another default in production.
func inProduction(def string, s Setting) Setting {
	s.ProductionDefault = def
	return s
}

// bytesSetting declares a setting that is a number of bytes.
func bytesSetting(name, def, meaning string, most int, to *int) Setting {
	s := IntSetting(name, def, meaning, 1, most, to)
	s.Valid = fmt.Sprintf("a whole number of bytes from 1 to %d", most)
	return s
}

// limitOff is the value of a limit that there is not to be.
const limitOff = "off"

// limitSetting declares a setting that is a limit, or off.
func limitSetting(name, def, meaning string, to *int) Setting {
	s := IntSetting(name, def, meaning, 1, math.MaxInt32, to)
	s.Valid = "off, or " + s.Valid
	set := s.Set
	s.Set = func(v string) bool {
		if v == limitOff {
			*to = -1
			return true
		}
		return set(v)
	}
	return s
}

// percentSetting declares a limit in percent.
func percentSetting(name, def, meaning string, to *int) Setting {
	s := limitSetting(name, def, meaning, to)
	s.Valid = "off, or a whole number from 1 to 100"
	set := s.Set
	s.Set = func(v string) bool { return set(v) && *to <= 100 }
	return s
}

// autoSetting declares a limit that the library finds by default.
func autoSetting(name, found, meaning string, to *int) Setting {
	s := limitSetting(name, "auto", meaning+"; auto is "+found, to)
	s.Valid = "auto, " + s.Valid
	set := s.Set
	s.Set = func(v string) bool {
		if v == "auto" {
			*to = 0
			return true
		}
		return set(v)
	}
	return s
}

// drainSetting declares a setting of the orderly stop. In development it is 0: nobody there has a balancer, and
// somebody waits.
func drainSetting(name, production, meaning string, to *time.Duration) Setting {
	return inProduction(production, Setting{
		Name: name, Default: "0", Meaning: meaning,
		Valid: "0, or a duration from 1ms to 24h, such as 15s or 15000 (milliseconds)",
		Set:   func(v string) bool { return v == "0" || parseDuration(v, to) },
	})
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
			// An origin is a scheme, a host and perhaps a port (RFC 6454 section 7). A browser never sends more, so an
			// entry that has more, a last slash too, would silently match nothing.
			if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
				return false
			}
		}
		*to = append(*to, origin)
	}
	return len(*to) == 1 || !slices.Contains(*to, "*")
}

// parseTotalQueue reads MAX_TOTAL_QUEUE; auto is 0.
func parseTotalQueue(v string, to *int64) bool {
	if v == "auto" {
		return true
	}
	n, err := strconv.ParseInt(v, 10, 64)
	*to = n
	return err == nil && n >= 1 && n <= maxTotalQueueBytes
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
		// The one never matches; the other trusts everybody, which is to trust nobody.
		if prefix.Addr().Is4In6() || prefix.Bits() == 0 {
			return false
		}
		*to = append(*to, prefix.Masked())
	}
	return true
}

// parseAdvertised reads ADVERTISE_ADDR.
func parseAdvertised(v string, to *string) bool {
	if v == "auto" {
		return true
	}
	*to = v
	host, port, err := net.SplitHostPort(v)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && n != 0 && host != "" && validHost(host)
}

// validMetricsAddr checks METRICS_ADDR.
func validMetricsAddr(v string) bool {
	if v == metricsPrivate || v == metricsOnMain || v == metricsOff {
		return true
	}
	return validListenAddr(v)
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
