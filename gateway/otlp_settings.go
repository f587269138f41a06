package gateway

// The settings of the way to a collector (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). Each has a
// variable for all signals, and one for traces alone that goes before it.

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strings"
	"time"
)

// otlpSettings are how traces travel.
type otlpSettings struct {
	headers     map[string]string
	timeout     time.Duration
	compression string           // "none" or "gzip"
	roots       *x509.CertPool   // that the collector's certificate comes from; nil: the system's
	client      *tls.Certificate // that the gateway shows to a collector; nil: none
}

// settings declares them. What is for traces alone comes after what is for all signals, so that it stays.
func (s *otlpSettings) settings() []Setting {
	all := []Setting{
		{
			Name: "OTEL_EXPORTER_OTLP_HEADERS", Default: none,
			Meaning: "headers for the collector, such as its token",
			Valid:   "none, or name=value pairs, separated by commas, values percent-encoded",
			Secret:  true,
			Set:     s.setHeaders,
		},
		{
			Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Default: "http/protobuf",
			Meaning: "how traces travel; there is no other way",
			Valid:   "http/protobuf",
			Set:     func(v string) bool { return v == "http/protobuf" },
		},
		DurationSetting("OTEL_EXPORTER_OTLP_TIMEOUT", "10s",
			"how long a batch of spans may take to the collector, with all attempts", &s.timeout),
		ChoiceSetting("OTEL_EXPORTER_OTLP_COMPRESSION", "how batches are compressed", &s.compression, none, "gzip"),
		fileSetting("OTEL_EXPORTER_OTLP_CERTIFICATE",
			"authorities that the certificate of an https:// collector comes from; none: the system's", s.setRoots),
	}
	for _, general := range all {
		all = append(all, general.forTraces())
	}
	return append(append(all, s.clientSettings("OTEL_EXPORTER_OTLP_", "none: it shows none")...),
		s.clientSettings("OTEL_EXPORTER_OTLP_TRACES_", "none: that of OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")...)
}

// same is the value of a variable for traces alone that changes nothing.
const same = "same"

// forTraces is the setting for traces alone.
func (s Setting) forTraces() Setting {
	set := s.Set
	s.Name = strings.Replace(s.Name, "_OTLP_", "_OTLP_TRACES_", 1)
	s.Meaning = "the same for traces alone; same: as for all signals"
	s.Default, s.Valid = same, same+", "+s.Valid
	s.Set = func(v string) bool { return v == same || set(v) }
	return s
}

// clientSettings declares a certificate and its key, which go together.
func (s *otlpSettings) clientSettings(prefix, unset string) []Setting {
	var file string
	certificate := fileSetting(prefix+"CLIENT_CERTIFICATE",
		"certificate that the gateway shows to an https:// collector; "+unset, func(v string) bool {
			if file = given(v); file == "" {
				return true
			}
			_, err := os.ReadFile(file)
			return err == nil
		})
	key := fileSetting(prefix+"CLIENT_KEY", "its key", func(v string) bool {
		if v == none || file == "" {
			return v == none && file == ""
		}
		pair, err := tls.LoadX509KeyPair(file, v)
		s.client = &pair
		return err == nil
	})
	key.Valid = "a readable PEM file with the key of " + certificate.Name + ", or none where that is none"
	return []Setting{certificate, key}
}

func (s *otlpSettings) setHeaders(v string) bool {
	if s.headers = nil; v == none {
		return true
	}
	s.headers = make(map[string]string)
	valid := true
	return eachPair(v, func(name, value string) {
		s.headers[name] = value
		valid = valid && validHeader(name, value)
	}) && valid
}

// validHeader reports whether HTTP has such a header (RFC 9110 section 5).
func validHeader(name, value string) bool {
	const signs = "!#$%&'*+.^`|~" // of a token, beside those of a word
	return !strings.ContainsFunc(name, func(r rune) bool { return !isWord(r) && !strings.ContainsRune(signs, r) }) &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func (s *otlpSettings) setRoots(file string) bool {
	s.roots = nil
	if file == none {
		return true
	}
	text, err := os.ReadFile(file)
	s.roots = x509.NewCertPool()
	return err == nil && s.roots.AppendCertsFromPEM(text)
}

// tls is how the collector is known, and the gateway to it; nil where nothing is set.
func (s *otlpSettings) tls() *tls.Config {
	if s.roots == nil && s.client == nil {
		return nil
	}
	c := &tls.Config{RootCAs: s.roots}
	if s.client != nil {
		c.Certificates = []tls.Certificate{*s.client}
	}
	return c
}

// check returns an error where there is TLS to configure that the collector's URL does not ask for.
func (t *tracing) check() error {
	to, err := url.Parse(t.url())
	if err != nil || to.Scheme != "http" || t.otlp.tls() == nil {
		return err
	}
	name := "OTEL_EXPORTER_OTLP_ENDPOINT"
	if t.traces != "" {
		name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	}
	return &SettingError{
		Name: name, Value: to.Redacted(), Valid: "an https:// URL, as there is a certificate for it",
	}
}
