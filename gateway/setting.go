package gateway

// What a setting is, and the kinds of settings that the gateway and most services need.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Setting is one environment variable that the gateway or its service reads.
type Setting struct {
	// Name of the environment variable.
	Name string
	// Default is the value used where the variable is not set or empty. Where Set refuses it, the setting is required.
	Default string
	// ProductionDefault, if not empty, takes Default's place where NODE_ENV is production.
	ProductionDefault string
	// Meaning says in one line what the setting does.
	Meaning string
	// Valid says which values are accepted, as a phrase that follows "want".
	Valid string

	// Secret keeps the value out of error messages, and out of the log but for what Show makes of it.
	Secret bool
	// Show, if not nil, returns what the log may have of a value.
	Show func(value string) string

	// Set stores a value where the program finds it, and reports whether the value is valid.
	Set func(value string) bool
}

// shown is a value as it may be logged.
func (s Setting) shown(value string) string {
	switch {
	case s.Show != nil:
		return s.Show(value)
	case s.Secret && value != "":
		return "***"
	}
	return value
}

// IntSetting declares a setting that is a whole number from low to high. def is its default, as the environment has it.
func IntSetting(name, def, meaning string, low, high int, to *int) Setting {
	return Setting{
		Name: name, Default: def, Meaning: meaning,
		Valid: fmt.Sprintf("a whole number from %d to %d", low, high),
		Set:   func(v string) bool { return parseInt(v, low, high, to) },
	}
}

// DurationSetting declares a setting that is a length of time from 1 ms to 24 h, in Go's form (1m30s) or as a plain
// number of milliseconds. def is its default, as the environment has it.
func DurationSetting(name, def, meaning string, to *time.Duration) Setting {
	return Setting{
		Name: name, Default: def, Meaning: meaning,
		Valid: "a duration from 1ms to 24h, such as 25s, 1m30s or 25000 (milliseconds)",
		Set:   func(v string) bool { return parseDuration(v, to) },
	}
}

// ChoiceSetting declares a setting that is one of at least two words, the first of which is the default.
func ChoiceSetting(name, meaning string, to *string, choices ...string) Setting {
	last := len(choices) - 1
	return Setting{
		Name: name, Default: choices[0], Meaning: meaning,
		Valid: strings.Join(choices[:last], ", ") + " or " + choices[last],
		Set:   func(v string) bool { *to = v; return slices.Contains(choices, v) },
	}
}

// none is the default of a setting that has none.
const none = "none"

// given is a value that is set, or "".
func given(v string) string {
	if v == none {
		return ""
	}
	return v
}

// maxDuration is far past any sensible value. It is there to catch a mistaken unit, such as nanoseconds where
// milliseconds were asked for.
const maxDuration = 24 * time.Hour

func parseInt(v string, low, high int, to *int) bool {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return false
	}
	*to = n
	return true
}

// parseDuration reads Go's form of a duration, or a plain whole number of milliseconds, as the options of Socket.IO for
// Node.js have it.
func parseDuration(v string, to *time.Duration) bool {
	d, err := time.ParseDuration(v)
	if err != nil {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil || ms > int64(maxDuration/time.Millisecond) {
			return false
		}
		d = time.Duration(ms) * time.Millisecond
	}
	*to = d
	return d >= time.Millisecond && d <= maxDuration
}
