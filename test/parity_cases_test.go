package test

// The format of testdata/parity: recorded conversations with the Nest service, one case under each heading.
//
//	### name of the case
//	> what the test does
//	< what the service answers
//
// Each ">" line is one step; the "<" lines after it are the answers. Blank lines and lines that begin with "# " are
// skipped. These are the steps; an @name after the verb tells several WebSockets of one case apart.
//
//	GET /path {"Header": "value"} body="text"   sends an HTTP request on a new connection (also HEAD, POST, ...)
//	hold POST /path ...                         the same, but leaves the answer unread and the connection open
//	session                                     opens a polling session; ${sid} is its id from here on
//	poll                                        polls the session; "pending" if no answer comes for half a second
//	begin poll, end poll                        poll in two steps, with others between them
//	wait                                        gives the service time to finish what it does
//	abort                                       closes the connection of a pending poll
//	websocket [/path]                           opens a WebSocket (default: of a new session)
//	handshake /path {"Header": "value"}         the same, and shows the answer to the handshake
//	connected                                   opens a WebSocket and joins the main namespace; shows nothing
//	send text                                   sends a text message
//	binary 010203                               sends a binary message, given in hexadecimal
//	frame {"opcode": 1, "hex": "00"}            sends a frame as described
//	ping text, close 1000 reason                sends a control frame
//	settle                                      waits until nothing more comes; "open" if the connection still is
//
// In a text, {x*N} means N times the letter x. In an answer, <SID> is any session id and <HOSTNAME> the host's name.

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A parityCase is one conversation.
type parityCase struct {
	file   string // base name
	name   string
	reason string // for a listed difference: why the gateway answers otherwise
	steps  []parityStep
}

// A parityStep is one thing that the test does, and the answers to it.
type parityStep struct {
	do   string
	want []string
}

// String returns the case as it stands in its file.
func (c parityCase) String() string {
	var b strings.Builder
	for _, s := range c.steps {
		fmt.Fprintf(&b, "> %s\n", s.do)
		for _, w := range s.want {
			fmt.Fprintf(&b, "< %s\n", w)
		}
	}
	return b.String()
}

// readCases reads one file of cases. A line "= text" under a heading gives the case's reason.
func readCases(path string) ([]parityCase, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var cases []parityCase
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "### "); ok {
			cases = append(cases, parityCase{file: filepath.Base(path), name: name})
			continue
		}
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if len(cases) == 0 || len(line) < 2 || line[1] != ' ' {
			return nil, fmt.Errorf("%s:%d: cannot understand %q", path, n, line)
		}
		c := &cases[len(cases)-1]
		switch {
		case line[0] == '=':
			c.reason = strings.TrimSpace(c.reason + line[1:])
		case line[0] == '>':
			c.steps = append(c.steps, parityStep{do: line[2:]})
		case line[0] == '<' && len(c.steps) > 0:
			last := &c.steps[len(c.steps)-1]
			last.want = append(last.want, line[2:])
		default:
			return nil, fmt.Errorf("%s:%d: cannot understand %q", path, n, line)
		}
	}
	return cases, lines.Err()
}

// parityCases reads all cases of testdata/parity, and the list of differences by case name.
func parityCases(t *testing.T) (cases []parityCase, differences map[string]parityCase) {
	t.Helper()
	files, err := filepath.Glob("testdata/parity/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		more, err := readCases(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range more {
			if seen[c.name] {
				t.Fatalf("%s: two cases are called %q", file, c.name)
			}
			seen[c.name] = true
		}
		cases = append(cases, more...)
	}
	listed, err := readCases("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	differences = map[string]parityCase{}
	for _, d := range listed {
		if d.reason == "" || !seen[d.name] || differences[d.name].name != "" {
			t.Fatalf("differences.txt: %q has no reason, names no case, or is listed twice", d.name)
		}
		differences[d.name] = d
	}
	return cases, differences
}
