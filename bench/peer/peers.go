package peer

// The servers that are compared. service.md says what each serves, and what makes the comparison fair.

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// All returns new peers in the order of the tables, ours first.
func All() []*Peer {
	root, err := projectRoot()
	if err != nil {
		root = "." // Prepare reports the error
	}
	node := func(script string, args ...string) []string {
		return append([]string{"node", filepath.Join(root, script)}, args...)
	}
	program := func(name string) func(Options) ([]string, []string) {
		return func(o Options) ([]string, []string) {
			return []string{binary(root, name)}, environment(o)
		}
	}
	// All clients of the load generator have one address, and some say as much as they can. The limits are kept, so
	// that they cost what they cost, but not reached.
	limits := []string{
		"MAX_CONNECTIONS_PER_ADDRESS=1000000", "MAX_SESSIONS_PER_ADDRESS=1000000", "HANDSHAKE_RATE=1000000",
		"MESSAGE_RATE=100000000", "BYTE_RATE=2000000000",
	}
	gateway := func(o Options) (argv, env []string) {
		env = append(environment(o), limits...)
		if len(o.Origins) > 0 {
			env = append(env, "CORS_ORIGINS="+strings.Join(o.Origins, ","), "TRUSTED_PROXIES=127.0.0.0/8")
		}
		if o.Production {
			env = append(environment(o), "NODE_ENV=production", "CHAT=gateway", "GOMEMLIMIT=900MiB")
		}
		if o.Extra {
			return []string{binary(root, "ours")}, env
		}
		env = append(env, "NODE_ENV=production", "ADAPTER=memory")
		if o.RedisURL != "" {
			env[len(env)-1] = "ADAPTER=pubsub"
		}
		return []string{binary(root, "gateway")}, env
	}
	before := func(name, title string, backend func(BackendURLs) string) *Peer {
		return &Peer{
			Name: name, Title: title, Protocol: SocketIO, Features: []Feature{Extra, NeedsBackend},
			Command: func(o Options) (argv, env []string) {
				env = append(environment(o), limits...)
				return []string{binary(root, "gateway")}, append(env, "NODE_ENV=production", "ADAPTER=memory",
					"SERVICE=backend", "BACKEND_URL="+backend(o.Backend), "BACKEND_SECRET=the secret of the benchmark")
			},
			prepare: []step{buildGateway},
		}
	}
	return []*Peer{
		{
			Name:     "ours",
			Title:    "this project",
			Protocol: SocketIO,
			// It can do without Redis, but Nest cannot. Both are measured as they run in production.
			Features: []Feature{Chat, Extra, Polling, Cluster, SlowLimit, TwoCores, Origins, NeedsRedis},
			Command:  gateway,
			prepare:  []step{buildGateway, buildGo("ours", true)},
		},
		{
			Name:     "ours-memory",
			Title:    "this project, in memory",
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, SlowLimit, TwoCores, Origins},
			Command: func(o Options) (argv, env []string) {
				o.RedisURL = ""
				return gateway(o)
			},
			prepare: []step{buildGateway, buildGo("ours", true)},
		},
		before("ours-backend", "this project, SERVICE=backend, in memory; a trivial Go backend on the load's core",
			func(b BackendURLs) string { return b.TCP }),
		before("ours-socket", "this project, as ours-backend, and the backend on a Unix socket",
			func(b BackendURLs) string { return b.Socket }),
		{
			Name:     "nest",
			Title:    nestTitle(root, testPackages),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, Cluster, Origins, NeedsRedis},
			Command: func(o Options) (argv, env []string) {
				env = append(environment(o), "NODE_ENV=production", "NO_COLOR=1")
				if o.Extra || len(o.Origins) > 0 {
					return node("bench/peers/nest/main.mjs"), env
				}
				return node("test/js/nest/main.mjs"), env
			},
			prepare: []step{needsNode(testPackages)},
		},
		{
			Name:     "nest12",
			Title:    nestTitle(root, nest12Packages),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, Cluster, Origins, NeedsRedis},
			Command: func(o Options) (argv, env []string) {
				return node("bench/peers/nest/main.mjs", filepath.Join(root, nest12Packages)),
					append(environment(o), "NODE_ENV=production", "NO_COLOR=1")
			},
			prepare: []step{needsNode(nest12Packages)},
		},
		{
			Name: "node-ws",
			Title: fmt.Sprintf("Node socket.io %s, engine.io %s, ws %s", npmVersion(root, testPackages, "socket.io"),
				npmVersion(root, testPackages, "engine.io"), npmVersion(root, testPackages, "ws")),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, Origins},
			Command: func(o Options) (argv, env []string) {
				return node("bench/peers/node/main.mjs"), append(environment(o), "NODE_ENV=production")
			},
			prepare: []step{needsNode(testPackages)},
		},
		{
			Name: "uws",
			Title: fmt.Sprintf("Node socket.io %s, uWebSockets.js %s", npmVersion(root, uwsPackages, "socket.io"),
				npmVersion(root, uwsPackages, "@trufflesuite/uws-js-unofficial")),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, Origins},
			Command: func(o Options) (argv, env []string) {
				return node("bench/peers/uws/main.mjs"), append(environment(o), "NODE_ENV=production")
			},
			prepare: []step{needsNode(uwsPackages)},
		},
		{
			Name: "bun",
			Title: fmt.Sprintf("Bun %s socket.io %s, @socket.io/bun-engine %s", bunVersion(root),
				npmVersion(root, bunPackages, "socket.io"), npmVersion(root, bunPackages, "@socket.io/bun-engine")),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, Origins},
			Command: func(o Options) (argv, env []string) {
				return []string{bun(root), filepath.Join(root, "bench/peers/bun/main.mjs")},
					append(environment(o), "NODE_ENV=production")
			},
			prepare: []step{needsPackages(bunPackages), needsBun},
		},
		{
			Name: "zishang520-v2",
			Title: "zishang520/socket.io " + moduleVersion(root, "peers/zishang2/go.mod",
				"github.com/zishang520/socket.io/v2"),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, TwoCores, Origins},
			Command:  program("zishang2"),
			prepare:  []step{buildGo("zishang2", false)},
		},
		{
			Name: "zishang520-v3",
			Title: "zishang520/socket.io " + moduleVersion(root, "go.mod",
				"github.com/zishang520/socket.io/servers/socket/v3"),
			Protocol: SocketIO,
			Features: []Feature{Chat, Extra, Polling, TwoCores, Origins},
			Command:  program("zishang3"),
			prepare:  []step{buildGo("zishang3", false)},
		},
		{
			Name:     "floor",
			Title:    "one write(2) per recipient and nothing else",
			Protocol: Floor,
			Features: []Feature{Raw, TwoCores},
			Command:  program("floor"),
			prepare:  []step{buildGo("floor", false)},
		},
		{
			Name:     "centrifuge",
			Title:    "centrifuge " + moduleVersion(root, "go.mod", "github.com/centrifugal/centrifuge"),
			Protocol: Centrifuge,
			Features: []Feature{Raw, TwoCores},
			Command:  program("centrifuge"),
			prepare:  []step{buildGo("centrifuge", false)},
		},
	}
}

// environment returns the variables that every peer reads.
func environment(o Options) []string {
	env := []string{"HOST=127.0.0.1", "PORT=" + strconv.Itoa(o.Port)}
	if o.RedisURL != "" {
		env = append(env, "REDIS_URL="+o.RedisURL)
	}
	if len(o.Origins) > 0 {
		env = append(env, "ORIGINS="+strings.Join(o.Origins, ","))
	}
	if o.MaxQueue > 0 {
		env = append(env, "MAX_QUEUE="+strconv.Itoa(o.MaxQueue))
	}
	return append(env, o.Env...)
}

// nestTitle is the title of the Nest service on the packages of a folder.
func nestTitle(root, folder string) string {
	return fmt.Sprintf("NestJS %s, socket.io %s, @socket.io/redis-adapter %s", npmVersion(root, folder, "@nestjs/core"),
		npmVersion(root, folder, "socket.io"), npmVersion(root, folder, "@socket.io/redis-adapter"))
}
