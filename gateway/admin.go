package gateway

// The Admin UI: the namespace that it connects to, and its metrics. admin_page.go has its page.

import (
	"github.com/brunossouza/websocket-escalonavel/adapter/adminstore"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
)

// AdminNamespace is the namespace of the Admin UI where ADMIN is on. It has a login of its own.
const AdminNamespace = admin.DefaultNamespace

// beginAdmin shows the server to the Admin UI, where the configuration says so.
func (g *Gateway) beginAdmin() error {
	c := &g.cfg.Admin
	if !c.On {
		return nil
	}
	opts := admin.Options{NoAuth: c.NoAuth, ReadOnly: c.ReadOnly, Mode: c.Mode, Logger: g.log}
	if !c.NoAuth {
		opts.Basic = &admin.Basic{User: c.User, PasswordHash: c.Hash}
	}
	if g.redis != nil {
		// With the default prefix these are the keys of Node.js' package.
		opts.Store = adminstore.New(g.redis.Client(), g.cfg.RedisPrefix+"-admin")
	}
	var err error
	if g.admin, err = admin.Instrument(g.io, opts); err != nil {
		return err
	}
	if g.adminPage, err = newAdminPage(c.Path, c.NoAuth); err != nil {
		return err
	}
	if _, embedded := public.AdminUI(); embedded {
		g.log.Info("the Admin UI is on", "path", c.Path, "namespace", AdminNamespace, "readonly", c.ReadOnly)
	} else {
		g.log.Warn("the Admin UI is on, and this build has no page of it: use the UI of another place",
			"namespace", AdminNamespace)
	}
	return nil
}

// endAdmin ends it.
func (g *Gateway) endAdmin() {
	if g.admin != nil {
		g.admin.Close()
	}
}

// adminMetrics are those of a gateway whose Admin UI is on.
var adminMetrics = []metrictable.Metric[admin.Stats]{
	{
		Name: "admin_clients", Kind: metrictable.Gauge,
		Help: "Admins connected to this node.",
		Read: func(s *admin.Stats, put metrictable.Put) { put(float64(s.Clients)) },
	},
	{
		Name: "admin_detailed", Kind: metrictable.Gauge,
		Help: "1 while this node's sockets and events are shown to an admin, of whichever node.",
		Read: func(s *admin.Stats, put metrictable.Put) {
			if s.Detailed {
				put(1)
			} else {
				put(0)
			}
		},
	},
	{
		Name: "admin_logins_total", Kind: metrictable.Counter, Labels: []string{"result"},
		Help: "Attempts to log in: ok, failed, or throttled, which were not looked at.",
		Read: func(s *admin.Stats, put metrictable.Put) {
			put(float64(s.Logins), "ok")
			put(float64(s.Failed), "failed")
			put(float64(s.Throttled), "throttled")
		},
	},
	{
		Name: "admin_commands_total", Kind: metrictable.Counter,
		Help: "Commands of this node's admins that have been carried out.",
		Read: func(s *admin.Stats, put metrictable.Put) { put(float64(s.Commands)) },
	},
	{
		Name: "admin_shown_total", Kind: metrictable.Counter, Labels: []string{"shown"},
		Help: "What happened to sockets, rooms and events while an admin looked: shown (yes), or too much for it (no).",
		Read: func(s *admin.Stats, put metrictable.Put) {
			put(float64(s.Shown), "yes")
			put(float64(s.NotShown), "no")
		},
	},
}

// adminStats are read for the metrics.
func (g *Gateway) adminStats() *admin.Stats {
	s := g.admin.Stats()
	return &s
}
