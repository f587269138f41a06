package deploy_test

// What has to hold between the alerts, the dashboard and docs/OPERATIONS.md. Whether the expressions find anything,
// and the alerts fire, is for test/monitoring.

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A rule is a recording or alert rule of deploy/prometheus/rules/gateway.yml.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/rules/gateway.yml")), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// Whoever an alert wakes finds what it means and what to do, and no section is left of an alert that is gone.
func TestEveryAlertHasItsSection(t *testing.T) {
	const page = "docs/OPERATIONS.md"
	sections := regexp.MustCompile(`(?m)^### (\w+)\n\n(?:.+\n)+`).FindAllStringSubmatch(read(t, page), -1)
	var names, alerts []string
	for _, section := range sections {
		names = append(names, section[1])
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts = append(alerts, r.Alert)
		if !slices.Contains(names, r.Alert) {
			t.Errorf("%s has no section in %s", r.Alert, page)
		}
		if want := page + "#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
			t.Errorf("%s leads to %q, want %q", r.Alert, r.Annotations["runbook"], want)
		}
		// An address means nothing to people; the host does.
		address := strings.Contains(r.Annotations["summary"], "$labels.instance")
		if host := strings.Contains(r.Annotations["host"], `label "hostname"`); address != host {
			t.Errorf("%s names an address without its host, or a host without its address", r.Alert)
		}
	}
	if len(alerts) < 20 {
		t.Errorf("only %d alerts", len(alerts))
	}
	for _, name := range names {
		if !slices.Contains(alerts, name) {
			t.Errorf("%s has a section on %s, and there is no such alert", page, name)
		}
	}
}

// Every line that the gateway logs at info or above is explained, by its message.
func TestEveryLogLineIsExplained(t *testing.T) {
	page := read(t, "docs/OPERATIONS.md")
	// The messages are constants (internal/logthrottle counts by them); of a long one the page has the beginning.
	call := regexp.MustCompile(`\.(?:Info|Warn|Error|limited)\(\s*"([^"]+)"|slog\.LevelInfo, "([^"]+)"`)
	found := 0
	for _, folder := range []string{
		"gateway", "gateway/backend", "gateway/chat", "gateway/forward", "adapter", "adapter/nats", "adapter/presence",
		"socketio", "engineio",
	} {
		files, err := filepath.Glob("../" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range call.FindAllStringSubmatch(read(t, strings.TrimPrefix(file, "../")), -1) {
				found++
				message := match[1] + match[2]
				beginning, _, _ := strings.Cut(message, ":")
				if !strings.Contains(page, "`"+message+"`") && !strings.Contains(page, "`"+beginning+": ...`") {
					t.Errorf("docs/OPERATIONS.md does not explain %q (%s)", message, file)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d log lines found in the code", found)
	}
}

// GatewaysMissing and the dashboard know how many gateways there should be.
func TestTheNumberOfGatewaysIsTheStacks(t *testing.T) {
	replicas := compose(t, stackFile).Services["gateway"].Deploy.Replicas
	want := "job:gateway_up:sum < " + strconv.Itoa(replicas)
	if !slices.ContainsFunc(rules(t), func(r rule) bool { return r.Alert == "GatewaysMissing" && r.Expr == want }) {
		t.Errorf("GatewaysMissing is not %q", want)
	}
	want = `{"color": "green", "value": ` + strconv.Itoa(replicas) + `}`
	if !strings.Contains(read(t, "deploy/grafana/dashboards/gateway.json"), want) {
		t.Errorf("the dashboard has no threshold at %d gateways", replicas)
	}
}

func TestDashboardIsReadable(t *testing.T) {
	type panel struct {
		ID                       int
		Type, Title, Description string
		GridPos                  struct{ X, Y, W, H int }
		Datasource               struct{ UID string }
		Targets                  []struct{ RefID, Expr string }
	}
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/dashboards/gateway.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := make(map[int]string)
	for i, p := range dashboard.Panels {
		if other := ids[p.ID]; other != "" {
			t.Errorf("%q and %q have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		if p.Title == "" || p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d, %q, is at %+v", p.ID, p.Title, p.GridPos)
		}
		for _, q := range dashboard.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%q lies on %q", p.Title, q.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.Datasource.UID != "prometheus" || len(p.Targets) == 0 {
			t.Errorf("%q says %q, asks %q for %d things", p.Title, p.Description, p.Datasource.UID, len(p.Targets))
		}
		refs := make(map[string]bool)
		for _, target := range p.Targets {
			if refs[target.RefID] || target.Expr == "" {
				t.Errorf("%q: target %q is there twice, or asks for nothing", p.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
	}
	rows := slices.DeleteFunc(slices.Clone(dashboard.Panels), func(p panel) bool { return p.Type != "row" })
	var titles []string
	for _, r := range rows {
		titles = append(titles, r.Title)
	}
	if want := []string{"How many", "How fast", "What is wrong", "On which host"}; !slices.Equal(titles, want) {
		t.Errorf("the dashboard's rows are %q, want %q", titles, want)
	}
}
