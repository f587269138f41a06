package admin

// The configuration.

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// DefaultNamespace is where the Admin UI looks for a server.
const DefaultNamespace = "/admin"

// A Mode says how much is shown.
type Mode int

const (
	// Auto is Development with fewer than Options.Threshold sockets, and Production from there on.
	Auto Mode = iota
	// Development shows every connection, room and event.
	Development
	// Production shows numbers only.
	Production
)

// Basic is a name and a password to log in with.
type Basic struct {
	User string
	// PasswordHash is the password's bcrypt hash, with a cost from MinCost to MaxCost.
	PasswordHash string
}

// The costs of a bcrypt hash that are taken: less is quickly tried out, more takes seconds for each login.
const (
	MinCost = 8
	MaxCost = 14
)

// Options configure an Admin. Either Basic or NoAuth must be set.
type Options struct {
	// Namespace is the name of the admin namespace. Default DefaultNamespace.
	Namespace string
	// Basic is what an admin logs in with.
	Basic *Basic
	// NoAuth lets everybody in (Node.js: auth: false) who comes from a page of this very host, or from no page at all:
	// it is for networks without strangers.
	NoAuth bool
	// Origins are further origins of pages that NoAuth lets in, such as "https://admin.socket.io".
	Origins []string
	// ReadOnly takes no commands.
	ReadOnly bool
	// Mode is how much is shown. Default Auto.
	Mode Mode
	// Threshold is the number of sockets, of the whole cluster as far as it is known, from which Auto is Production.
	// Default 1,000.
	Threshold int
	// ServerID is this server's name in the UI; no two servers may have the same. Default the host's name and the
	// process's number.
	ServerID string
	// Store keeps who has logged in. Default one in memory, which only this server knows.
	Store Store
	// SessionLife is how long a login holds. Default 24 h.
	SessionLife time.Duration
	// MaxClients bounds the admins connected to this server. Default 16.
	MaxClients int
	// EventRate is how many events per second, received and sent each, are shown; further ones are counted. Default
	// 200.
	EventRate int
	// MaxEventBytes is the size from which an event is shown by its name only. Default 8 KiB.
	MaxEventBytes int
	// PollInterval is how often the cluster is asked whether an admin is connected to a server on Node.js. Default
	// 10 s; negative: never.
	PollInterval time.Duration
	// Logger gets logins, failed ones and commands. Default slog.Default().
	Logger *slog.Logger

	statsInterval time.Duration // 2 s; tests have less
}

// The bounds that nobody needs to set.
const (
	defaultThreshold     = 1000
	defaultSessionLife   = 24 * time.Hour
	defaultMaxClients    = 16
	defaultEventRate     = 200
	defaultMaxEventBytes = 8 << 10
	defaultPollInterval  = 10 * time.Second
	defaultStatsInterval = 2 * time.Second // Node.js's
)

// withDefaults returns o with every default filled in. The error says what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Basic == nil && !o.NoAuth:
		return o, errors.New("admin: set Basic, or NoAuth explicitly")
	case o.Basic != nil && o.NoAuth:
		return o, errors.New("admin: Basic and NoAuth exclude each other")
	case o.Basic != nil && o.Basic.User == "":
		return o, errors.New("admin: Basic has no User")
	case o.Basic != nil:
		if err := CheckHash(o.Basic.PasswordHash); err != nil {
			return o, err
		}
	}
	if o.ServerID == "" {
		host, err := os.Hostname()
		if err != nil {
			return o, fmt.Errorf("admin: find the host's name: %w", err)
		}
		o.ServerID = host + "#" + strconv.Itoa(os.Getpid())
	}
	o.Namespace = cmp.Or(o.Namespace, DefaultNamespace)
	if o.Namespace[0] != '/' {
		o.Namespace = "/" + o.Namespace
	}
	if o.Store == nil {
		o.Store = NewMemoryStore()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Threshold = cmp.Or(max(o.Threshold, 0), defaultThreshold)
	o.SessionLife = cmp.Or(max(o.SessionLife, 0), defaultSessionLife)
	o.MaxClients = cmp.Or(max(o.MaxClients, 0), defaultMaxClients)
	o.EventRate = cmp.Or(max(o.EventRate, 0), defaultEventRate)
	o.MaxEventBytes = cmp.Or(max(o.MaxEventBytes, 0), defaultMaxEventBytes)
	o.PollInterval = cmp.Or(o.PollInterval, defaultPollInterval)
	o.statsInterval = cmp.Or(o.statsInterval, defaultStatsInterval)
	return o, nil
}

// CheckHash says what is wrong with a Basic.PasswordHash. The error does not have the hash in it.
func CheckHash(hash string) error {
	cost, err := bcrypt.Cost([]byte(hash))
	switch {
	case err != nil:
		return errors.New("admin: the password's hash is no bcrypt hash")
	case cost < MinCost || cost > MaxCost:
		return fmt.Errorf("admin: the password's hash has a cost of %d: want %d to %d", cost, MinCost, MaxCost)
	}
	return nil
}

// defaultCost is that of HashPassword: about a fifth of a second.
const defaultCost = 12

// HashPassword returns the bcrypt hash of a password of 1 to 72 bytes.
func HashPassword(password string) (string, error) {
	if password == "" || len(password) > maxPasswordBytes {
		return "", fmt.Errorf("admin: a password has 1 to %d bytes, this one has %d", maxPasswordBytes, len(password))
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), defaultCost)
	if err != nil {
		return "", fmt.Errorf("admin: hash a password: %w", err)
	}
	return string(hash), nil
}

// maxPasswordBytes is what bcrypt looks at.
const maxPasswordBytes = 72
