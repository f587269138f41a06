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

// A wrapper puts something round a client's connections; nil is none.
type wrapper = func(context.Context, net.Conn) net.Conn

// newClient makes the client for an address. It returns the address as it may be logged, too.
func newClient(address string, wrap wrapper) (redis.UniversalClient, string, error) {
	open, name, err := parseAddress(address)
	if err != nil {
		return nil, "", err
	}
	return open(wrap), name, nil
}

// parseAddress returns what makes clients for an address, and the address as it may be logged.
func parseAddress(address string) (open func(wrapper) redis.UniversalClient, name string, err error) {
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
	at := strings.LastIndexByte(authority, '@') + 1
	hosts := strings.Split(authority[at:], ",")
	u, err := url.Parse(scheme + "://" + authority[:at] + hosts[0] + tail)
	if err != nil {
		return nil, "", errAddress // its text may have the password
	}
	name = scheme + "://" + strings.Join(hosts, ",") + u.Path
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
	// The outbox decides what may be sent twice, so the client sends everything once. And with a pool of their own for
	// pipelines, the outbox's PINGs would say nothing about the connection that it uses.
	const once, noPool = -1, -1
	maint := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // a feature of one vendor's servers
	switch {
	case q.Get("master_name") != "":
		o, err := redis.ParseFailoverURL(text)
		if err != nil {
			return nil, "", addressError(name, err, u)
		}
		o.MaxRetries, o.DialerRetries, o.PipelinePoolSize, o.ContextTimeoutEnabled = once, 1, noPool, true
		o.DialTimeout, o.ReadTimeout = cmp.Or(o.DialTimeout, ioTimeout), cmp.Or(o.ReadTimeout, ioTimeout)
		return func(wrap wrapper) redis.UniversalClient {
			o.Dialer = wrapped(wrap, o.DialTimeout, o.TLSConfig)
			return redis.NewFailoverClient(o)
		}, name, nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(text)
		if err != nil {
			return nil, "", addressError(name, err, u)
		}
		o.MaxRetries, o.DialerRetries, o.PipelinePoolSize, o.ContextTimeoutEnabled = once, 1, noPool, true
		o.DialTimeout, o.ReadTimeout = cmp.Or(o.DialTimeout, ioTimeout), cmp.Or(o.ReadTimeout, ioTimeout)
		o.MaintNotificationsConfig = maint
		return func(wrap wrapper) redis.UniversalClient {
			o.Dialer = wrapped(wrap, o.DialTimeout, o.TLSConfig)
			return redis.NewClusterClient(o)
		}, name, nil
	default:
		o, err := redis.ParseURL(text)
		if err != nil {
			return nil, "", addressError(name, err, u)
		}
		o.MaxRetries, o.DialerRetries, o.PipelinePoolSize, o.ContextTimeoutEnabled = once, 1, noPool, true
		o.DialTimeout, o.ReadTimeout = cmp.Or(o.DialTimeout, ioTimeout), cmp.Or(o.ReadTimeout, ioTimeout)
		o.MaintNotificationsConfig = maint
		return func(wrap wrapper) redis.UniversalClient {
			o.Dialer = wrapped(wrap, o.DialTimeout, o.TLSConfig)
			return redis.NewClient(o)
		}, name, nil
	}
}

// A dialer is what go-redis dials with.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// wrapped is the usual dialer with wrap round its connections. It is nil, which means the usual one, where wrap is.
func wrapped(wrap wrapper, timeout time.Duration, config *tls.Config) dialer {
	if wrap == nil {
		return nil
	}
	dial := redis.NewDialer(&redis.Options{DialTimeout: timeout, TLSConfig: config})
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
