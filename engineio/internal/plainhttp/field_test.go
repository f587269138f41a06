package plainhttp

import (
	"net/textproto"
	"testing"
)

func TestAppendCanonical(t *testing.T) {
	for _, name := range []string{"host", "HOST", "sec-websocket-KEY", "x-1a-2B", "-x", "x-", "a--b", "eTag"} {
		got, want := string(appendCanonical(nil, []byte(name))), textproto.CanonicalMIMEHeaderKey(name)
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestHasToken(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   bool
	}{
		{nil, false},
		{[]string{"upgrade"}, true},
		{[]string{"keep-alive, \tUpGrade "}, true},
		{[]string{"keep-alive", "upgrade"}, true},
		{[]string{"upgrades, keep-alive"}, false},
		{[]string{"keep-alive upgrade"}, false},
	} {
		if got := HasToken(tt.values, "upgrade"); got != tt.want {
			t.Errorf("%q: %v", tt.values, got)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"deflate, GZIP ;q=0.1"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; Q = 0.0, *"}, false},
		{[]string{"gzip;q=x"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"*;q=0, gzip"}, true},
		{[]string{"x-gzip, deflate"}, false},
	} {
		if got := AcceptsGzip(tt.values); got != tt.want {
			t.Errorf("%q: %v", tt.values, got)
		}
	}
}
