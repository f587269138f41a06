package engineio

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// A program makes ids of its own and finds them again in requests.
func TestIDsOfTheProgramsOwn(t *testing.T) {
	h := start(t, setup{opts: Options{NewID: func() string { return "of-my-own~1" }}})
	a, err := h.request("GET", "transport=polling", "")
	if err != nil || !strings.HasPrefix(a.body, `0{"sid":"of-my-own~1",`) {
		t.Fatalf("handshake: %v %v", a, err)
	}
	if a, err := h.request("POST", "transport=polling&sid=of-my-own%7e1", "4hello"); err != nil || a.status != 200 {
		t.Errorf("a request for it: %v %v", a, err)
	}
}

func TestSessionID(t *testing.T) {
	for target, want := range map[string]string{
		"/":                        "",
		"/?EIO=4":                  "",
		"/?sid=":                   "",
		"/?transport=x&sid=abc":    "abc",
		"/?sid=a&sid=b":            "b", // the last counts, as in Node
		"/?sid=a%62c&x=1":          "abc",
		"/?sid=%zz":                "%zz",
		"/?SID=abc&asid=1&sid2=23": "",
	} {
		if got := SessionID(httptest.NewRequest("GET", target, nil)); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}
