package backend

// Signatures, as a backend checks them: this verifier shares nothing with the signer.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// newTestCaller is one that signs with these secrets.
func newTestCaller(secrets ...string) *caller {
	return newCaller(settings{url: new(url.URL), secrets: secrets}, gateway.Node{Hostname: "node", Log: slog.Default()})
}

// verify checks the signature of a request.
func verify(h http.Header, body []byte, secret string, now time.Time) error {
	var t string
	var given []string
	for _, part := range strings.Split(h.Get("gateway-signature"), ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			t = value
		case "v1":
			given = append(given, value)
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return errors.New("not signed")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > 5*time.Minute || age < -5*time.Minute {
		return fmt.Errorf("signed %v ago", age)
	}
	var lines []string
	for name, values := range h {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "ce-") || name == "content-type" {
			lines = append(lines, name+":"+values[0]+"\n")
		}
	}
	sort.Strings(lines)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n%s\n%s", t, strings.Join(lines, ""), body)
	for _, text := range given {
		if sum, err := hex.DecodeString(text); err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return nil
		}
	}
	return errors.New("signed by somebody else, or changed")
}

// What is changed on the way shows, whatever it is; and either of two secrets will do.
func TestSignature(t *testing.T) {
	const other = "another secret of the tests"
	c := newTestCaller(secret, other)
	defer c.close()
	m := c.messageOf(kindEvent, "/a b", "12345678901234567890", "José", []byte(`{"args":[]}`))
	m.name, m.ack = "e", "false"
	now := time.Now()
	signed := func() http.Header { return header(m, c.signature(m, now)) }
	for _, s := range []string{secret, other} {
		if err := verify(signed(), m.body, s, now); err != nil {
			t.Error(err)
		}
	}
	if err := verify(signed(), m.body, "who does not know a secret", now); err == nil {
		t.Error("a wrong secret will do")
	}
	if err := verify(signed(), append([]byte(" "), m.body...), secret, now); err == nil {
		t.Error("another body will do")
	}
	if err := verify(signed(), m.body, secret, now.Add(6*time.Minute)); err == nil {
		t.Error("a late one will do")
	}
	for name := range signed() {
		h := signed()
		h.Set(name, h.Get(name)+"x")
		err := verify(h, m.body, secret, now)
		if signs := name != "User-Agent" && name != "Gateway-Signature"; signs && err == nil {
			t.Errorf("another %s will do", name)
		}
		if h.Del(name); name != "User-Agent" && verify(h, m.body, secret, now) == nil {
			t.Errorf("it will do without %s", name)
		}
	}
	later := signed()
	later.Set("gateway-signature", strings.Replace(later.Get("gateway-signature"), "t=", "t=1", 1))
	if err := verify(later, m.body, secret, now); err == nil {
		t.Error("another time will do")
	}
	if h := signed(); h.Get("ce-user") != "Jos%C3%A9" || h.Get("ce-namespace") != "/a%20b" ||
		h.Get("ce-source") != "/socket.io/a%2520b" {
		t.Errorf("got %v", h)
	}
}

// The verifiers of BACKEND.md, with a request that they must take, and others.
func TestDocsVerify(t *testing.T) {
	needs.Program(t, "python3")
	for _, path := range docsPages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// From its import to the first line that is not indented.
		code := regexp.MustCompile(`(?m)^    import hashlib.*\n(?:    .*\n|\n)+`).FindString(string(page))
		if !strings.Contains(code, "def genuine") {
			t.Fatalf("%s: it is not there", path)
		}
		verifyAsInDocs(t, path, code)
	}
}

func verifyAsInDocs(t *testing.T, path, code string) {
	c := newTestCaller(secret, "another secret")
	defer c.close()
	m := c.messageOf(kindEvent, "/a b", "12345678901234567890", "José", []byte(`{"args":["é"]}`))
	m.name, m.ack = "e", "false"
	for _, test := range []struct {
		secret, body string
		late         time.Duration
		want         string
	}{
		{secret, string(m.body), 0, "True"}, {"another secret", string(m.body), 0, "True"},
		{"a third", string(m.body), 0, "False"}, {secret, "{}", 0, "False"},
		{secret, string(m.body), time.Hour, "False"},
	} {
		headers := make(map[string]string)
		for name, values := range header(m, c.signature(m, time.Now().Add(-test.late))) {
			headers[strings.ToLower(name)] = values[0]
		}
		given, err := json.Marshal(headers)
		if err != nil {
			t.Fatal(err)
		}
		script := strings.ReplaceAll("\n"+code, "\n    ", "\n") +
			"\nimport json, sys\nprint(genuine(json.loads(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()))\n"
		out, err := exec.Command("python3", "-c", script, string(given), test.body, test.secret).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s, %+v: got %s, %v", path, test, got, err)
		}
	}
}
