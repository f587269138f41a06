package monitoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// mayBeZero matches what is zero or absent in a healthy cluster. Everything else must show something that is not zero.
var mayBeZero = regexp.MustCompile(`ALERTS|` +
	`gateway_(adapter_(dropped|malformed|outbox_\w+|stream_trims)|slow_clients|client_limits|recovery_\w+|refused|` +
	`throttled|redis_reconnects|outbound_queue_bytes|drain_stage|forward_tunnels|upgrades)|` +
	`gateway_backend_circuit|gateway_backend_\w+{outcome=~"error|gateway_presence_(waiting|unread)|` +
	`prometheus_rule_evaluation_failures_total|up{job="traefik"}|result="failed"`)

// TestEveryPanelAndRuleFindsSomething finds metrics that were renamed and labels that do not exist. They would leave a
// panel empty and an alert silent for good, and nobody would notice.
func TestEveryPanelAndRuleFindsSomething(t *testing.T) {
	redis := fleet.StartRedis(t)
	gateways := []gateway{
		startGateway(t, redis.URL()), startGateway(t, redis.URL()), startBackend(t, redis.URL()), startOnNATS(t),
	}
	prometheus := startPrometheus(t, gateways)
	talk(t, gateways, 5)

	missing := expressions(t)
	t.Logf("%d expressions", len(missing))
	for deadline := time.Now().Add(patience); len(missing) > 0; time.Sleep(time.Second) {
		disturb(t, gateways)
		var left []expression
		var reasons []error
		for _, e := range missing {
			if err := prometheus.finds(t, e.text); err != nil {
				left, reasons = append(left, e), append(reasons, err)
			}
		}
		if missing = left; len(missing) > 0 && time.Now().After(deadline) {
			for i, e := range missing {
				t.Errorf("%s: %s: %v", e.where, e.text, reasons[i])
			}
			break
		}
	}

	// Prometheus could evaluate every rule, including the templates of alerts that fire.
	var answer struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	if err := prometheus.ask(t, "rules", nil, &answer); err != nil {
		t.Fatal(err)
	}
	states := make(map[string]string)
	for _, group := range answer.Groups {
		for _, r := range group.Rules {
			states[r.Name] = r.State
			if r.Health != "ok" || r.LastError != "" {
				t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	// The gateways have just started, one is on NATS alone, and there is no Traefik. Nothing else is wrong.
	for name, state := range states {
		expected := name == "TraefikDown" || name == "GatewayRestarting" || name == "GatewaysApart"
		if state != "" && (state != "inactive") != expected {
			t.Errorf("alert %s is %s", name, state)
		}
	}
	if len(states) != len(rules(t)) {
		t.Errorf("Prometheus has %d rules, of %d", len(states), len(rules(t)))
	}
}

// finds returns an error unless an expression returns numbers, at least one of them not zero unless mayBeZero matches.
func (p prometheus) finds(t *testing.T, expr string) error {
	t.Helper()
	var answer struct {
		ResultType string
		Result     json.RawMessage
	}
	if err := p.ask(t, "query", url.Values{"query": {expr}}, &answer); err != nil {
		return err
	}
	var values [][2]any
	if answer.ResultType == "scalar" {
		values = make([][2]any, 1)
		if err := json.Unmarshal(answer.Result, &values[0]); err != nil {
			return err
		}
	} else {
		var series []struct {
			Metric map[string]string
			Value  [2]any
		}
		if err := json.Unmarshal(answer.Result, &series); err != nil {
			return err
		}
		for _, s := range series {
			if host, ok := s.Metric["hostname"]; ok && host == "" {
				return errors.New("a series without a host's name")
			}
			values = append(values, s.Value)
		}
	}
	numbers, some := 0, false
	for _, value := range values {
		text, _ := value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("a value %q", value[1])
		}
		if !math.IsNaN(v) {
			numbers++
			some = some || v != 0
		}
	}
	switch {
	case numbers == 0:
		return fmt.Errorf("%d series, and no number among them", len(values))
	case !some && !mayBeZero.MatchString(expr):
		return errors.New("nothing but zeros")
	}
	return nil
}
