package gateway

// The examples of docs/API.md, run as they stand: each is answered, and with the fields that the page shows.

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// fields are the names of an object's members, and of those inside.
func fields(value any, at string) (names []string) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			names = append(names, at+name)
			if name != "data" {
				names = append(names, fields(member, at+name+".")...)
			}
		}
	case []any:
		for _, member := range v {
			names = append(names, fields(member, at)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestAPIExamples(t *testing.T) {
	needs.Program(t, "curl")
	n := startAPI(t)
	c := n.Open(t)
	c.Send(`40{"user":"ana"}`)
	c.Receive(1)
	n.done(t, "/v1/join", `{"all":true,"rooms":["team-1"]}`)
	silent := n.Connect(t)
	n.done(t, "/v1/join", `{"in":["`+silent.ID+`"],"rooms":["team-1"]}`)
	go func() { // one of the two answers
		for {
			packets, err := c.Poll()
			if err != nil || slices.Contains(packets, "1") {
				return
			}
			for _, p := range packets {
				if p == "2" {
					_, _ = c.Post("3")
				}
				if id, found := strings.CutSuffix(p, `["are you there?"]`); found {
					response, err := c.Post("43" + strings.TrimPrefix(id, "42") + `["yes"]`)
					if err == nil {
						response.Body.Close()
					}
				}
			}
		}
	}()
	for _, page := range []string{"../docs/API.md", "../docs/pt-BR/API.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```(sh|json)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
		ran := 0
		for i, block := range blocks {
			if block[1] != "sh" {
				continue
			}
			script := strings.ReplaceAll(block[2], "curl ", "curl --fail-with-body -sS ")
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
			cmd.Env = append(os.Environ(), "API=http://"+n.api.listener.Addr().String(), "TOKEN="+apiToken)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", page, block[2], err, out)
			}
			ran++
			if i+1 == len(blocks) || blocks[i+1][1] != "json" {
				continue
			}
			var got, want any
			if err := json.Unmarshal([]byte(blocks[i+1][2]), &want); err != nil {
				t.Errorf("%s: %s: %v", page, blocks[i+1][2], err)
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Errorf("%s: %s answers %s: %v", page, block[2], out, err)
			}
			have := fields(got, "")
			for _, name := range fields(want, "") {
				if !slices.Contains(have, name) && name != "sockets.handshake.userAgent" {
					t.Errorf("%s: %s answers %s, without %s", page, block[2], out, name)
				}
			}
		}
		if ran < 7 {
			t.Errorf("%s has %d examples", page, ran)
		}
	}
}

// The page knows every type of problem that there is.
func TestAPIPageHasTheProblems(t *testing.T) {
	source, err := os.ReadFile("api/problem.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/API.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^\tproblem\w+ += "(.*)"$`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 10 {
		t.Errorf("the source has %q", names)
	}
	for _, name := range names {
		if !strings.Contains(string(page), name[1]) {
			t.Errorf("docs/API.md does not name %s", name[1])
		}
	}
}
