package monitoring

// What promtool says about Prometheus's configuration and rules.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

const (
	prometheusFile = "../../deploy/prometheus/prometheus.yml"
	rulesFile      = "../../deploy/prometheus/rules/gateway.yml"
	dashboardFile  = "../../deploy/grafana/dashboards/gateway.json"
	unitTests      = "testdata/alerts.yml"
)

func promtool(t *testing.T, args ...string) {
	t.Helper()
	needs.Program(t, "promtool")
	out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusTakesTheConfiguration(t *testing.T) {
	promtool(t, "check", "config", "--syntax-only", prometheusFile) // only: the stack mounts the rules elsewhere
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
}

func TestAlertsFire(t *testing.T) {
	promtool(t, "test", "rules", unitTests)
}

// In the unit tests every alert fires once, and is once quiet although the series that it looks at exist.
func TestEveryAlertIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Name   string
			Checks []struct {
				Expr    string
				Samples []any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	readYAML(t, unitTests, &file)
	fires, quiet := make(map[string]bool), make(map[string]bool)
	for _, test := range file.Tests {
		for _, check := range test.Checks {
			if !strings.Contains(check.Expr, `ALERTS{alertname="`+test.Name+`", alertstate="firing"}`) {
				continue
			}
			if len(check.Samples) > 0 {
				fires[test.Name] = true
			} else {
				quiet[test.Name] = true
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" && (!fires[r.Alert] || !quiet[r.Alert]) {
			t.Errorf("%s is seen firing: %v, seen quiet: %v", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
	}
}

// A rule is a recording or alert rule.
type rule struct{ Alert, Record, Expr string }

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	readYAML(t, rulesFile, &file)
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no rules")
	}
	return all
}

func readYAML(t *testing.T, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
