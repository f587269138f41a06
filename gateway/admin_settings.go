package gateway

// The settings of the Admin UI.

import (
	"fmt"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
)

// AdminConfig is what the environment says about the Admin UI.
type AdminConfig struct {
	On       bool
	NoAuth   bool
	User     string // "" where there is none
	Hash     string // of the password, the same
	ReadOnly bool
	Mode     admin.Mode
	Path     string // of the page, with a slash at both ends
}

// adminModes are the values of ADMIN_MODE.
var adminModes = map[string]admin.Mode{
	"auto": admin.Auto, "development": admin.Development, "production": admin.Production,
}

// adminSettings declares them.
func (c *Config) adminSettings() []Setting {
	a := &c.Admin
	return []Setting{
		{
			Name: "ADMIN", Default: "off",
			Meaning: "whether the Socket.IO Admin UI may connect, and is served: who is connected, to which rooms, " +
				"and what is said",
			Valid: "on or off",
			Set:   func(v string) bool { a.On = v == "on"; return v == "on" || v == "off" },
		},
		{
			Name: "ADMIN_AUTH", Default: "basic",
			Meaning: "who may: basic asks for ADMIN_USER and the password, none lets in everybody who reaches the port",
			Valid:   "basic or none",
			Set:     func(v string) bool { a.NoAuth = v == none; return v == "basic" || v == none },
		},
		{
			Name: "ADMIN_USER", Default: none,
			Meaning: "name to log in to the Admin UI with",
			Valid:   "none, or a name of at most 64 bytes",
			Set:     func(v string) bool { a.User = given(v); return len(v) <= 64 },
		},
		{
			Name: "ADMIN_PASSWORD_HASH", Default: none,
			Meaning: "bcrypt hash of the password, as gateway hash-password makes it",
			Valid: fmt.Sprintf("none, or a bcrypt hash with a cost from %d to %d, which `gateway hash-password` makes "+
				"of a password on its standard input; in a compose file each $ of it is written $$",
				admin.MinCost, admin.MaxCost),
			Secret: true,
			Show:   shownHash,
			Set: func(v string) bool {
				a.Hash = given(v)
				return a.Hash == "" || admin.CheckHash(v) == nil
			},
		},
		{
			Name: "ADMIN_READONLY", Default: "false",
			Meaning: "whether the Admin UI may look only, and not emit, join, leave or disconnect",
			Valid:   "true or false",
			Set:     func(v string) bool { a.ReadOnly = v == "true"; return v == "true" || v == "false" },
		},
		{
			Name: "ADMIN_MODE", Default: "auto",
			Meaning: "what the Admin UI shows: development every socket and event, production numbers only, auto the " +
				"first with fewer than 1,000 sockets",
			Valid: "auto, development or production",
			Set: func(v string) bool {
				mode, known := adminModes[v]
				a.Mode = mode
				return known
			},
		},
		{
			Name: "ADMIN_PATH", Default: "/admin/",
			Meaning: "where the Admin UI's page is",
			Valid: "a path such as /admin/, of letters, digits, -, _ and /, with a slash at both ends, not below " +
				SocketPath,
			Set: func(v string) bool { a.Path = v; return validAdminPath(v) },
		},
	}
}

// shownHash is what the log may have of a hash.
func shownHash(v string) string {
	if v == none {
		return none
	}
	return "***"
}

func validAdminPath(v string) bool {
	if len(v) < 3 || len(v) > 100 || v[0] != '/' || v[len(v)-1] != '/' || strings.Contains(v, "//") {
		return false
	}
	for _, r := range v {
		if !isWord(r) && r != '/' {
			return false
		}
	}
	return !strings.HasPrefix(v, SocketPath)
}

// checkAdmin says what does not go together.
func (c *Config) checkAdmin() error {
	a := &c.Admin
	switch {
	case !a.On:
		return nil
	case a.NoAuth && a.Hash != "":
		return &SettingError{"ADMIN_AUTH", none, "basic, as ADMIN_PASSWORD_HASH is set"}
	case !a.NoAuth && a.User == "":
		return &SettingError{"ADMIN_USER", none, "a name, as ADMIN is on"}
	case !a.NoAuth && a.Hash == "":
		return &SettingError{"ADMIN_PASSWORD_HASH", none,
			"a bcrypt hash, as ADMIN is on: `gateway hash-password` makes one of a password on its standard input"}
	}
	return nil
}
