package needs

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A fake is a test that records how it has ended.
type fake struct {
	testing.TB
	ended string
}

func (f *fake) Helper() {}

func (f *fake) Fatalf(format string, args ...any) { f.end("failed: "+format, args...) }

func (f *fake) Skipf(format string, args ...any) { f.end("skipped: "+format, args...) }

func (f *fake) end(format string, args ...any) {
	f.ended = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// end runs a test to its end and says what that was.
func end(test func(t testing.TB)) string {
	f := new(fake)
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(f)
	}()
	<-done
	return f.ended
}

func TestProgram(t *testing.T) {
	missing := func(t testing.TB) { Program(t, "go", "no-such-program") }
	for _, test := range []struct {
		required, want string
		test           func(t testing.TB)
	}{
		{"", "", func(t testing.TB) { Program(t, "go") }},
		{"", "skipped: missing: no-such-program", missing},
		{"1", "", func(t testing.TB) { Program(t, "go") }},
		{"1", "failed: missing: no-such-program", missing},
		{"", "skipped: missing: /no/such/program", func(t testing.TB) { Program(t, "/no/such/program") }},
	} {
		t.Setenv(RequireAll, test.required)
		got := end(test.test)
		if !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") || strings.Contains(got, "\n") {
			t.Errorf("with %s=%q: %q, want %q", RequireAll, test.required, got, test.want)
		}
	}
}

func TestWithoutAnything(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, test := range []struct {
		required, nodeJS string
		race             int
	}{
		{"", "skipped: missing: node", 0},
		{"1", "failed: missing: node", 1},
	} {
		t.Setenv(RequireAll, test.required)
		if got := end(NodeJS); !strings.HasPrefix(got, test.nodeJS) {
			t.Errorf("with %s=%q: %q, want %q", RequireAll, test.required, got, test.nodeJS)
		}
		if got := Race(); len(got) != test.race {
			t.Errorf("with %s=%q: build flags %q", RequireAll, test.required, got)
		}
	}
}
