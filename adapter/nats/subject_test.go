package nats

import (
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	for name, want := range map[string]string{
		"":              "=",
		"/":             "=2F",
		"room":          "room",
		"user:1_a-B":    "user:1_a-B",
		"a.b":           "a=2Eb",
		"*":             "=2A",
		">":             "=3E",
		" \r\n\t":       "=20=0D=0A=09",
		"=":             "=3D",
		"=2F":           "=3D2F",
		"São":           "S=C3=A3o",
		"\x00\xff":      "=00=FF",
		"$SYS":          "=24SYS",
		"{a}#%":         "=7Ba=7D=23=25",
		"日本":            "=E6=97=A5=E6=9C=AC",
		"=h" + "x":      "=3Dhx",
		"00000000000=h": "00000000000=3Dh",
	} {
		if got := Token(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// A name may be as long as it likes; what a client says may be one.
func TestTokensOfLongNames(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		strings.Repeat("x", longestToken), strings.Repeat("x", longestToken+1), strings.Repeat("x", 1<<20),
		strings.Repeat(".", longestToken/3), strings.Repeat(".", longestToken/3+1),
	} {
		token := Token(name)
		if len(token) > longestToken || strings.ContainsAny(token, ".*> \t\r\n") || seen[token] != "" {
			t.Errorf("%d bytes: %q", len(name), token)
		}
		if hashed := strings.HasPrefix(token, "=h"); hashed != (len(name)+2*strings.Count(name, ".") > longestToken) {
			t.Errorf("%d bytes: %q", len(name), token)
		}
		seen[token] = name
	}
}

func FuzzToken(f *testing.F) {
	f.Add("", "a")
	f.Add("=", "=3D")
	f.Add("a.b", "a=2Eb")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Token(a), Token(b)
		if (x == y) != (a == b) {
			t.Errorf("%q and %q are %q and %q", a, b, x, y)
		}
		if x == "" || len(x) > longestToken || strings.ContainsFunc(x, func(r rune) bool {
			return r > 127 || r != '=' && !isPlain(byte(r))
		}) {
			t.Errorf("%q is %q", a, x)
		}
	})
}

func TestValidPrefix(t *testing.T) {
	for prefix, want := range map[string]bool{
		"socket.io": true, "a": true, "a.b:c-d_e": true, "": false, ".": false, "a.": false, ".a": false, "a..b": false,
		"a.*": false, ">": false, "a b": false, "ü": false,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
	} {
		if ValidPrefix(prefix) != want {
			t.Errorf("%q: want %v", prefix, want)
		}
	}
}

func TestURLs(t *testing.T) {
	for urls, name := range map[string]string{
		"nats://h":                               "nats://h",
		"tls://u:p@h:4222":                       "tls://h:4222",
		"nats://a:1,nats://token@b:2":            "nats://a:1,nats://b:2",
		" nats://a , tls://b":                    "nats://a,tls://b",
		"wss://h:443":                            "wss://h:443",
		"nats://[::1]:4222":                      "nats://[::1]:4222",
		"":                                       "",
		"h:4222":                                 "",
		"redis://h":                              "",
		"nats://":                                "",
		"nats://h:0":                             "",
		"nats://h:":                              "",
		"nats://h:99999":                         "",
		"nats://h/x":                             "",
		"nats://h?x=1":                           "",
		"nats://a,":                              "",
		"nats://a,ws://b":                        "",
		"nats://u:p ass@h":                       "",
		"nats://" + strings.Repeat("a", 2) + "#": "nats://aa",
	} {
		err := CheckURLs(urls)
		if got := SafeName(urls); got != name || (err == nil) != (name != "") {
			t.Errorf("%q: %q, %v; want %q", urls, got, err, name)
		}
		if err != nil && strings.Contains(err.Error(), "p ass") {
			t.Errorf("%q: the error has the password: %v", urls, err)
		}
	}
}
