package monitoring

// The expressions to ask Prometheus for, so that each part of a panel or a rule is seen to find something.

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An expression must return data from a running cluster.
type expression struct {
	where, text string
}

// expressions returns those of the dashboard's panels, those of the recording rules, and what the alerts compare.
func expressions(t *testing.T) []expression {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []expression
	for _, panel := range dashboard.Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			// $__rate_interval is Grafana's variable for a window with at least four scrapes.
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "10s")
			all = append(all, expression{"panel " + panel.Title, expr})
		}
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			all = append(all, expression{"record " + r.Record, r.Record}, expression{"record " + r.Record, r.Expr})
			continue
		}
		for _, operand := range operands(r.Expr) {
			all = append(all, expression{"alert " + r.Alert, operand})
		}
	}
	return all
}

var (
	// comparison matches an operator that stands between an alert's operands. The whole alert returns nothing while all
	// is well, so its operands are asked for one by one.
	comparison = regexp.MustCompile(`^(==|!=|>=|<=|>|<|\band\b|\bor\b|\bunless\b)`)
	number     = regexp.MustCompile(`^[0-9.e+-]+$`)
)

// operands returns what stands between the comparisons of an alert's expression that are outside parentheses, without
// plain numbers.
func operands(expr string) []string {
	if inner, ok := strings.CutPrefix(expr, "absent("); ok {
		return operands(strings.TrimSuffix(inner, ")"))
	}
	var parts []string
	depth, quoted, begin := 0, false, 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("({[", c) >= 0:
			depth++
		case strings.IndexByte(")}]", c) >= 0:
			depth--
		case depth == 0 && (i == 0 || expr[i-1] == ' '):
			if op := comparison.FindString(expr[i:]); op != "" {
				parts = append(parts, expr[begin:i])
				i += len(op) - 1
				begin = i + 1
			}
		}
	}
	parts = append(parts, expr[begin:])
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return slices.DeleteFunc(parts, number.MatchString)
}

func TestOperands(t *testing.T) {
	for expr, want := range map[string][]string{
		`up{job="gateway"} == 0`:         {`up{job="gateway"}`},
		`absent(up{job="gateway"} == 1)`: {`up{job="gateway"}`},
		`rate(a{x!="b > c"}[5m]) > 0.1`:  {`rate(a{x!="b > c"}[5m])`},
		`a < scalar(b) - 1`:              {`a`, `scalar(b) - 1`},
		`a > 0 or b / c > 0.01`:          {`a`, `b / c`},
		`orders < minor`:                 {`orders`, `minor`},
		// Without spaces it is no comparison: the rules have spaces round their operators.
		`sum(a) > 100 + 0.3 * b unless c>0`: {`sum(a)`, `100 + 0.3 * b`, `c>0`},
		`min(time() - start) < 120`:         {`min(time() - start)`},
	} {
		if got := operands(expr); !slices.Equal(got, want) {
			t.Errorf("operands(%s) = %q, want %q", expr, got, want)
		}
	}
}
