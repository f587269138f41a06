package adapter

// Redis addresses: from the text of REDIS_URL to a client.

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

var errAddress = errors.New("adapter: not a Redis address: want redis://, rediss:// or unix://, " +
	"with what is special in a user's name or password percent-encoded")

// ioTimeout bounds a dial, a read and a write where the address does not say otherwise. A connection to a Redis that
// has frozen is to be given up soon.
const ioTimeout = 2 * time.Second

// A maker makes clients to one deployment. wrap, if not nil, is put round a client's connections.
type maker func(wrap func(context.Context, net.Conn) net.Conn) redis.UniversalClient

// newMaker reads an address. It returns the address as it may be logged, too. config, if not nil, is for TLS.
func newMaker(address string, config *tls.Config) (maker, string, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	// An @ behind the host means that the password has a character which ends the host. What looks like the host or the
	// path, and would be logged, is a part of the password.
	if scheme != "redis" && scheme != "rediss" && scheme != "unix" || strings.ContainsAny(tail, "@#") {
		return nil, "", errAddress
	}
	if config != nil && scheme != "rediss" {
		return nil, "", errNoTLS
	}
	at := strings.LastIndexByte(authority, '@') + 1
	hosts := strings.Split(authority[at:], ",")
	u, err := url.Parse(scheme + "://" + authority[:at] + hosts[0] + tail)
	if err != nil {
		return nil, "", errAddress // its text may have the password
	}
	name := scheme + "://" + strings.Join(hosts, ",") + u.Path
	for i, h := range hosts {
		if hosts[i], err = withPort(h); err != nil && scheme != "unix" {
			return nil, "", errAddress
		}
	}
	q := u.Query()
	for _, h := range hosts[1:] {
		q.Add("addr", h)
	}
	u.RawQuery = q.Encode()
	text := u.String()
	switch {
	case q.Get("master_name") != "":
		o, err := redis.ParseFailoverURL(text)
		if err != nil {
			return nil, "", addressError(name, err, u)
		}
		o.TLSConfig = mergeTLS(config, o.TLSConfig)
		return func(wrap func(context.Context, net.Conn) net.Conn) redis.UniversalClient {
			o := *o
			o.MaxRetries, o.DialerRetries, o.PipelinePoolSize, o.ContextTimeoutEnabled = noRetries, 1, noPool, true
			o.DialTimeout, o.ReadTimeout = cmp.Or(o.DialTimeout, ioTimeout), cmp.Or(o.ReadTimeout, ioTimeout)
			o.Dialer = wrapped(nil, wrap, o.DialTimeout, o.TLSConfig)
			return redis.NewFailoverClient(&o)
		}, name, nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(text)
		if err != nil {
			return nil, "", addressError(name, err, u)
		}
		o.TLSConfig = mergeTLS(config, o.TLSConfig)
		return clusterMaker(*o), name, nil
	default:
		o, err := redis.ParseURL(text)
		if err != nil {
			return nil, "", addressError(name, err, u)
		}
		o.TLSConfig = mergeTLS(config, o.TLSConfig)
		return singleMaker(*o), name, nil
	}
}

// The outbox decides what may be sent twice, so the client sends everything once. And with a pool of their own for
// pipelines, the outbox's PINGs would say nothing about the connection that it uses.
const noRetries, noPool = -1, -1

// noMaintenance switches off a feature of one vendor's servers.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func clusterMaker(o redis.ClusterOptions) maker {
	return func(wrap func(context.Context, net.Conn) net.Conn) redis.UniversalClient {
		o := o
		o.MaxRetries, o.DialerRetries, o.PipelinePoolSize, o.ContextTimeoutEnabled = noRetries, 1, noPool, true
		o.DialTimeout, o.ReadTimeout = cmp.Or(o.DialTimeout, ioTimeout), cmp.Or(o.ReadTimeout, ioTimeout)
		o.MaintNotificationsConfig = noMaintenance()
		o.Dialer = wrapped(o.Dialer, wrap, o.DialTimeout, o.TLSConfig)
		return redis.NewClusterClient(&o)
	}
}

func singleMaker(o redis.Options) maker {
	return func(wrap func(context.Context, net.Conn) net.Conn) redis.UniversalClient {
		o := o
		o.MaxRetries, o.DialerRetries, o.PipelinePoolSize, o.ContextTimeoutEnabled = noRetries, 1, noPool, true
		o.DialTimeout, o.ReadTimeout = cmp.Or(o.DialTimeout, ioTimeout), cmp.Or(o.ReadTimeout, ioTimeout)
		o.MaintNotificationsConfig = noMaintenance()
		o.Dialer = wrapped(o.Dialer, wrap, o.DialTimeout, o.TLSConfig)
		return redis.NewClient(&o)
	}
}

var (
	errNoTLS  = errors.New("adapter: Options.TLS is for an address that begins with rediss://")
	errClient = errors.New("adapter: the client is neither a *redis.Client nor a *redis.ClusterClient")
)

// makerOf makes clients like one that there is, and returns the name of its deployment.
func makerOf(client redis.UniversalClient) (maker, string, error) {
	scheme := func(config *tls.Config) string {
		if config != nil {
			return "rediss://"
		}
		return "redis://"
	}
	switch c := client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.ReadTimeout = min(o.ReadTimeout, ioTimeout) // go-redis has filled in its own defaults, which are longer
		o.DialTimeout = min(o.DialTimeout, ioTimeout)
		name := scheme(o.TLSConfig) + o.Addr
		if o.Network == "unix" {
			name = "unix://" + o.Addr
		}
		return singleMaker(o), name, nil
	case *redis.ClusterClient:
		o := *c.Options()
		o.ReadTimeout = min(o.ReadTimeout, ioTimeout)
		o.DialTimeout = min(o.DialTimeout, ioTimeout)
		return clusterMaker(o), scheme(o.TLSConfig) + strings.Join(o.Addrs, ","), nil
	}
	return nil, "", errClient
}

// mergeTLS is the caller's configuration where there is one, with the server's name that the address says.
func mergeTLS(given, parsed *tls.Config) *tls.Config {
	if given == nil || parsed == nil {
		return parsed
	}
	config := given.Clone()
	config.ServerName = cmp.Or(config.ServerName, parsed.ServerName)
	config.MinVersion = cmp.Or(config.MinVersion, parsed.MinVersion)
	config.InsecureSkipVerify = config.InsecureSkipVerify || parsed.InsecureSkipVerify
	return config
}

// A dialer is what go-redis dials with.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// wrapped is dial, or where that is nil the usual dialer, with wrap round its connections. It is dial where wrap is
// nil.
func wrapped(
	dial dialer, wrap func(context.Context, net.Conn) net.Conn, timeout time.Duration, config *tls.Config,
) dialer {
	if wrap == nil {
		return dial
	}
	if dial == nil {
		dial = redis.NewDialer(&redis.Options{DialTimeout: timeout, TLSConfig: config})
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(ctx, c), nil
	}
}

// withPort is host with Redis's port where it has none.
func withPort(host string) (string, error) {
	if name := strings.Trim(host, "[]"); !strings.Contains(host, ":") || len(name) == len(host)-2 {
		return net.JoinHostPort(name, "6379"), nil
	}
	_, port, err := net.SplitHostPort(host)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return host, err
}

// addressError is err without the credentials of u, in whatever spelling.
func addressError(name string, err error, u *url.URL) error {
	secrets := []string{u.User.Username()}
	if p, ok := u.User.Password(); ok {
		secrets = append(secrets, p)
	}
	for key, values := range u.Query() {
		if strings.Contains(key, "password") || strings.Contains(key, "username") {
			secrets = append(secrets, values...)
		}
	}
	text := err.Error()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		for _, spelling := range []string{s, url.PathEscape(s), url.QueryEscape(s)} {
			if spelling != "" {
				text = strings.ReplaceAll(text, spelling, "***")
			}
		}
	}
	return fmt.Errorf("adapter: Redis address %s: %s", name, text)
}
