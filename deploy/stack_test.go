package deploy_test

// What has to hold between the compose files, the gateway's settings, and what they mount. What Docker itself thinks of
// them, and whether they work, is for scripts/stack-check.sh to find out.

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
)

// redisClose is what a node that stops may take beside the three settings, as SHUTDOWN_TIMEOUT's description says.
const redisClose = 2 * time.Second

// settings is the configuration that a gateway has with the environment that a file gives it.
func settings(t *testing.T, path string) gateway.Config {
	t.Helper()
	environment := compose(t, path).Services["gateway"].Environment
	cfg, err := gateway.LoadConfig(func(name string) string { return environment[name] }, new(chat.Service))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return cfg
}

func TestGatewaysSettingsExist(t *testing.T) {
	known := map[string]bool{"GOMEMLIMIT": true} // the Go runtime's
	for _, s := range gateway.Settings(new(chat.Service)) {
		known[s.Name] = true
	}
	for _, path := range []string{laptopFile, stackFile} {
		for name := range compose(t, path).Services["gateway"].Environment {
			if !known[name] {
				t.Errorf("%s sets %s, which the gateway does not read", path, name)
			}
		}
		if cfg := settings(t, path); !cfg.RedisGiven || cfg.Port != 3000 {
			t.Errorf("%s: REDIS_URL given: %v, port %d", path, cfg.RedisGiven, cfg.Port)
		}
	}
}

func TestStopGracePeriodIsAboveTheDrain(t *testing.T) {
	for _, path := range []string{laptopFile, stackFile} {
		grace, err := time.ParseDuration(compose(t, path).Services["gateway"].StopGracePeriod)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		cfg := settings(t, path)
		longest := cfg.DrainDelay + cfg.DrainWindow + cfg.ShutdownTimeout + redisClose
		if grace < longest+5*time.Second {
			t.Errorf("%s: a gateway gets %v to stop and may take %v: want 5 s more than that", path, grace, longest)
		}
	}
	// Traefik asks every 2 s for at most 1 s, and hears from Swarm every 5 s.
	if delay := settings(t, stackFile).DrainDelay; delay < 8*time.Second {
		t.Errorf("DRAIN_DELAY %v is too short for Traefik to notice", delay)
	}
}

func TestRollingUpdateIsSafe(t *testing.T) {
	deploy := compose(t, stackFile).Services["gateway"].Deploy
	if deploy.Replicas != 3 {
		t.Errorf("%d gateways", deploy.Replicas)
	}
	up, back := deploy.UpdateConfig, deploy.RollbackConfig
	if up.Order != "start-first" || up.Parallelism != 1 || up.FailureAction != "rollback" ||
		up.MaxFailureRatio == nil || *up.MaxFailureRatio != 0 {
		t.Errorf("update_config is %+v", up)
	}
	if back.Order != "start-first" || back.Parallelism != 1 {
		t.Errorf("rollback_config is %+v", back)
	}
	// A failure shows after the health check's start period and its three attempts, as the Dockerfile has them.
	monitor, err := time.ParseDuration(up.Monitor)
	if err != nil || monitor < 45*time.Second {
		t.Errorf("monitor is %q: want at least 45s", up.Monitor)
	}
	// Two tasks must not share a volume.
	for name, s := range compose(t, stackFile).Services {
		if len(s.Volumes) > 0 && s.Deploy.UpdateConfig.Order != "stop-first" {
			t.Errorf("%s has a volume and is updated %q", name, s.Deploy.UpdateConfig.Order)
		}
	}
}

func TestEveryServiceIsBoundedNamedAndWatched(t *testing.T) {
	for name, s := range compose(t, stackFile).Services {
		limits := s.Deploy.Resources.Limits
		if limits.CPUs == "" || limits.Memory == "" || s.Deploy.Resources.Reservations.Memory == "" {
			t.Errorf("%s has no limits of processors and memory, or reserves none", name)
		}
		if !strings.HasPrefix(s.Hostname, "{{.Node.Hostname}}-"+name) {
			t.Errorf("%s is called %q, which does not say where it runs", name, s.Hostname)
		}
		// The gateway's is in its image.
		if s.HealthCheck == nil && name != "gateway" {
			t.Errorf("%s has no health check", name)
		}
		if s.Logging.Driver == "" {
			t.Errorf("%s may fill its node's disk with logs", name)
		}
	}
	g := compose(t, stackFile).Services["gateway"]
	if g.Hostname != "{{.Node.Hostname}}-gateway-{{.Task.Slot}}" {
		t.Errorf("the gateways are called %q, which does not tell the task", g.Hostname)
	}
	if nofile := g.Ulimits["nofile"]; nofile.Soft < 100_000 || nofile.Hard < nofile.Soft {
		t.Errorf("a gateway may have %+v files open", nofile)
	}
	if !g.ReadOnly || !slices.Contains(g.CapDrop, "ALL") {
		t.Error("a gateway may write to its file system, or has capabilities")
	}
	limit, target := bytesOf(t, g.Deploy.Resources.Limits.Memory), bytesOf(t, g.Environment["GOMEMLIMIT"])
	if target >= limit || target < limit*8/10 {
		t.Errorf("GOMEMLIMIT is %d of %d bytes", target, limit)
	}
	check := `HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/gateway", "healthcheck"]`
	if !strings.Contains(read(t, "Dockerfile"), check) {
		t.Error("the image has another health check than update_config's monitor counts with")
	}
}

// bytesOf reads 1G, 512M, 900MiB.
func bytesOf(t *testing.T, size string) int64 {
	t.Helper()
	parts := regexp.MustCompile(`^(\d+)(M|G)(iB)?$`).FindStringSubmatch(size)
	if parts == nil {
		t.Fatalf("size %q", size)
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << map[string]int{"M": 20, "G": 30}[parts[2]]
}

func TestOnlyWhatMustBePublicIs(t *testing.T) {
	stack := compose(t, stackFile)
	for name, s := range stack.Services {
		if public := name == "traefik" || name == "gateway"; (len(s.Ports) > 0) != public {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
		socket := slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.Contains(v, "docker.sock") })
		if socket != (name == "traefik") {
			t.Errorf("%s has Docker's socket: %v", name, socket)
		}
		routed := s.Deploy.Labels["traefik.enable"] == "true"
		entry := s.Deploy.Labels["traefik.http.routers."+name+".entrypoints"]
		want := map[string]string{"gateway": "web", "prometheus": "ops", "grafana": "ops", "redisinsight": "ops"}[name]
		if entry != want || routed != (want != "") {
			t.Errorf("Traefik serves %s on %q, want %q", name, entry, want)
		}
		// Those two have no login of their own.
		guard := s.Deploy.Labels["traefik.http.routers."+name+".middlewares"]
		if (name == "prometheus" || name == "redisinsight") && guard != "ops-users" {
			t.Errorf("%s is open to everybody", name)
		}
		// Traefik reaches a service on a network that both are on.
		if network := s.Deploy.Labels["traefik.swarm.network"]; routed {
			short := strings.TrimPrefix(network, "chat_")
			if !slices.Contains(s.Networks, short) || !slices.Contains(stack.Services["traefik"].Networks, short) ||
				stack.Networks[short].Name != network {
				t.Errorf("Traefik is to reach %s on %q", name, network)
			}
		}
	}
	for name, n := range stack.Networks {
		if n.Internal != (name != "edge") {
			t.Errorf("network %s leads outside: %v", name, !n.Internal)
		}
	}
	want := map[string]string{
		"gateway": "backend edge metrics", "redis": "backend", "traefik": "edge metrics ops",
		"prometheus": "metrics ops", "grafana": "ops", "redisinsight": "backend ops",
	}
	for name, s := range stack.Services {
		if on := strings.Join(slices.Sorted(slices.Values(s.Networks)), " "); on != want[name] {
			t.Errorf("%s is on %s, want %s", name, on, want[name])
		}
	}
	for name, s := range compose(t, laptopFile).Services {
		for _, port := range s.Ports {
			if text, _ := port.(string); !strings.HasPrefix(text, "127.0.0.1:") {
				t.Errorf("%s: %s is open to the network by %v", laptopFile, name, port)
			}
		}
	}
}

// Nobody outside sees the metrics: they have a port of their own, which nothing publishes and Traefik does not lead to.
func TestTheMetricsAreNotPublic(t *testing.T) {
	g := compose(t, stackFile).Services["gateway"]
	if rule := g.Deploy.Labels["traefik.http.routers.gateway.rule"]; !strings.Contains(rule, "!Path(`/metrics`)") {
		t.Errorf("Traefik leads to the metrics: %s", rule)
	}
	_, port, err := net.SplitHostPort(g.Environment["METRICS_ADDR"])
	if err != nil || port == g.Deploy.Labels["traefik.http.services.gateway.loadbalancer.server.port"] {
		t.Errorf("METRICS_ADDR is %q: %v", g.Environment["METRICS_ADDR"], err)
	}
	for _, published := range g.Ports {
		if strings.Contains(fmt.Sprint(published), port) {
			t.Errorf("the metrics' port is published: %v", published)
		}
	}
}

func TestNoPasswordThatEverybodyKnows(t *testing.T) {
	text := read(t, stackFile)
	seen := make(map[string]bool)
	for _, v := range variables(text) {
		if strings.HasSuffix(v.name, "_PASSWORD") || v.name == "OPS_USERS" {
			seen[v.name] = true
			if v.operator != ":?" {
				t.Errorf("%s may be left out", v.name)
			}
		}
		// Docker's parser takes the first - of what follows a name for the operator of a default: with "see the
		// head of compose-swarm-stack.yml" as its message, REDIS_PASSWORD was always "swarm-stack.yml".
		if v.operator == ":?" && strings.ContainsAny(v.operand, "-+") {
			t.Errorf("${%s:?%s}: the message must have no - or +", v.name, v.operand)
		}
	}
	want := []string{"GRAFANA_PASSWORD", "OPS_USERS", "REDIS_PASSWORD"}
	if !slices.Equal(slices.Sorted(maps.Keys(seen)), want) {
		t.Errorf("passwords are %v, want %v", slices.Sorted(maps.Keys(seen)), want)
	}
	secrets := regexp.MustCompile(`(?i)[^\n]*(password|requirepass|secret|token)[^\n]*`)
	for _, line := range secrets.FindAllString(compact(text), -1) {
		if !strings.Contains(line, "${") {
			t.Errorf("a password in clear? %s", line)
		}
	}
}

// compact is text without its comments.
func compact(text string) string {
	return regexp.MustCompile(`(?m)(^|\s)#.*$`).ReplaceAllString(text, "")
}

func TestTraefikAsksWhatTheGatewayAnswers(t *testing.T) {
	stack := compose(t, stackFile)
	labels := stack.Services["gateway"].Deploy.Labels
	const of = "traefik.http.services.gateway.loadbalancer."
	for label, want := range map[string]string{
		of + "server.port": "3000", of + "healthcheck.path": "/readyz", of + "healthcheck.interval": "2s",
		of + "healthcheck.timeout": "1s", of + "sticky.cookie": "true",
		// What is refused is not tried again.
		"traefik.http.routers.gateway.middlewares": "gateway-rate,gateway-connections,gateway-retry",

		"traefik.http.middlewares.gateway-rate.ratelimit.average":                                        "200",
		"traefik.http.middlewares.gateway-rate.ratelimit.burst":                                          "2000",
		"traefik.http.middlewares.gateway-connections.inflightreq.amount":                                "5000",
		"traefik.http.middlewares.gateway-rate.ratelimit.sourcecriterion.ipstrategy.ipv6subnet":          "64",
		"traefik.http.middlewares.gateway-connections.inflightreq.sourcecriterion.ipstrategy.ipv6subnet": "64",

		"traefik.http.middlewares.gateway-retry.retry.attempts": "4",
	} {
		if labels[label] != want {
			t.Errorf("%s is %q, want %q", label, labels[label], want)
		}
	}
	// Nobody but Traefik is believed on clients' addresses.
	edge, trusted := stack.Networks["edge"].IPAM.Config, settings(t, stackFile).TrustedProxies
	if len(edge) != 1 || len(trusted) != 1 || trusted[0].String() != edge[0].Subnet {
		t.Errorf("the gateways trust %v, Traefik is on %v", trusted, edge)
	}
	command := stack.Services["traefik"].Command
	for _, want := range []string{
		"--providers.swarm.exposedbydefault=false", "--providers.swarm.refreshseconds=5", "--ping=true",
		"--metrics.prometheus=true",
	} {
		if !slices.Contains(command, want) {
			t.Errorf("Traefik is not told %s", want)
		}
	}
	if slices.ContainsFunc(command, func(a string) bool { return strings.HasPrefix(a, "--api") }) {
		t.Error("Traefik serves its own interface")
	}
}

func TestRedisKeepsWhatStreamsPromise(t *testing.T) {
	conf := regexp.MustCompile(`\s+`).ReplaceAllString(compact(read(t, "deploy/redis/redis.conf")), " ")
	for _, want := range []string{
		" appendonly yes ", " appendfsync everysec ", " maxmemory-policy noeviction ", " maxmemory 512mb ",
	} {
		if !strings.Contains(conf, want) {
			t.Errorf("redis.conf has no%s", want)
		}
	}
	redis := compose(t, stackFile).Services["redis"]
	if !slices.Contains(redis.Volumes, "redis_data:/data") || redis.Deploy.EndpointMode != "dnsrr" {
		t.Errorf("Redis has volumes %v and the endpoint mode %q", redis.Volumes, redis.Deploy.EndpointMode)
	}
	if bytesOf(t, redis.Deploy.Resources.Limits.Memory) < 2*512<<20 {
		t.Error("Redis has no room to rewrite its file beside maxmemory")
	}
}
