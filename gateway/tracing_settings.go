package gateway

// The settings of traces: OpenTelemetry's own variables. How they travel is in otlp_settings.go. Those that are not
// declared at all (the queue of OTEL_BSP_*, OTEL_SPAN_*) its library reads.

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// tracing is what the environment says about traces.
type tracing struct {
	disabled bool
	exporter string // "auto", "otlp" or "none"
	endpoint string // of all signals, "" where none is set
	traces   string // of traces alone
	otlp     otlpSettings
	service  string
	resource []attribute.KeyValue
	sampler  string
	ratio    float64
}

// url is where traces go, or "" where they go nowhere.
func (t *tracing) url() string {
	switch {
	case t.disabled || t.exporter == "none":
		return ""
	case t.traces != "":
		return t.traces
	case t.endpoint != "":
		return strings.TrimSuffix(t.endpoint, "/") + tracesPath
	case t.exporter == "otlp":
		return "http://localhost:4318" + tracesPath
	}
	return ""
}

// tracesPath is where collectors take traces (OTLP specification, OTLP/HTTP request).
const tracesPath = "/v1/traces"

// samplers are those of the specification that need nothing else. A trace begins with an event, and goes on with what
// other nodes send, whose decision the parentbased ones keep.
var samplers = map[string]func(ratio float64) sdktrace.Sampler{
	"parentbased_always_on": func(float64) sdktrace.Sampler { return sdktrace.ParentBased(sdktrace.AlwaysSample()) },
	"parentbased_always_off": func(float64) sdktrace.Sampler {
		return sdktrace.ParentBased(sdktrace.NeverSample())
	},
	"parentbased_traceidratio": func(ratio float64) sdktrace.Sampler {
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))
	},
	"always_on":    func(float64) sdktrace.Sampler { return sdktrace.AlwaysSample() },
	"always_off":   func(float64) sdktrace.Sampler { return sdktrace.NeverSample() },
	"traceidratio": sdktrace.TraceIDRatioBased,
}

// tracingSettings declares the settings of traces.
func (c *Config) tracingSettings() []Setting {
	t := &c.tracing
	return slices.Concat([]Setting{
		{
			Name: "OTEL_SDK_DISABLED", Default: "false",
			Meaning: "true traces nothing, whatever the other OTEL_ variables say",
			Valid:   "true or false",
			Set:     func(v string) bool { t.disabled = v == "true"; return v == "true" || v == "false" },
		},
		{
			Name: "OTEL_TRACES_EXPORTER", Default: "auto",
			Meaning: "where traces go: auto is otlp where one of the two endpoints is set, else none",
			Valid:   "auto, otlp or none",
			Set:     func(v string) bool { t.exporter = v; return v == "auto" || v == "otlp" || v == "none" },
		},
		endpointSetting("OTEL_EXPORTER_OTLP_ENDPOINT",
			"collector that takes OTLP over HTTP; traces go to /v1/traces below it; with OTEL_TRACES_EXPORTER otlp "+
				"none is http://localhost:4318",
			&t.endpoint),
		endpointSetting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "the same for traces alone, with the path", &t.traces),
	}, t.otlp.settings(), []Setting{
		{
			Name: "OTEL_SERVICE_NAME", Default: none,
			Meaning: "name of the service in traces; none: that of OTEL_RESOURCE_ATTRIBUTES, or gateway",
			Valid:   "a name",
			Set:     func(v string) bool { t.service = given(v); return true },
		},
		{
			Name: "OTEL_RESOURCE_ATTRIBUTES", Default: none,
			Meaning: "what traces say of this node beside its name, version and host",
			Valid:   "none, or name=value pairs, separated by commas, values percent-encoded",
			Set: func(v string) bool {
				t.resource = nil
				return eachPair(v, func(name, value string) {
					t.resource = append(t.resource, attribute.String(name, value))
				})
			},
		},
		ChoiceSetting("OTEL_TRACES_SAMPLER", "which events are traced", &t.sampler,
			"parentbased_always_on", "parentbased_traceidratio", "parentbased_always_off", "always_on", "traceidratio",
			"always_off"),
		{
			Name: "OTEL_TRACES_SAMPLER_ARG", Default: "1",
			Meaning: "share of the events that the traceidratio samplers trace",
			Valid:   "a number from 0 to 1",
			Set: func(v string) bool {
				ratio, err := strconv.ParseFloat(v, 64)
				t.ratio = ratio
				return err == nil && ratio >= 0 && ratio <= 1
			},
		},
	})
}

func endpointSetting(name, meaning string, to *string) Setting {
	return Setting{
		Name: name, Default: none, Meaning: meaning,
		Valid: "none, or an http:// or https:// URL such as http://collector:4318",
		Show: func(v string) string {
			u, err := url.Parse(v)
			if err != nil {
				return ""
			}
			return u.Redacted()
		},
		Set: func(v string) bool {
			if *to = given(v); *to == "" {
				return true
			}
			u, err := url.Parse(v)
			return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == ""
		},
	}
}

// eachPair calls set with each pair of a list such as a=1,b=2 (the format of W3C's baggage, without properties). It
// reports whether the list is one.
func eachPair(list string, set func(name, value string)) bool {
	for pair := range strings.SplitSeq(given(list), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || name == "" || err != nil {
			return false
		}
		set(name, value)
	}
	return true
}

// named are the attributes of the resource, of which the later one of two with one name counts.
func (t *tracing) named(own ...attribute.KeyValue) []attribute.KeyValue {
	all := slices.Concat(own, t.resource)
	if t.service != "" {
		all = append(all, semconv.ServiceName(t.service))
	}
	return all
}
