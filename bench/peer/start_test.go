package peer

// Processes are bound to their cores, measured, and ended with all that they started.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
)

// shell starts a script in place of a server.
func shell(t *testing.T, ctx context.Context, script string, cores ...int) *process {
	t.Helper()
	p, err := start(ctx, []string{"sh", "-c", script}, nil, cores)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	return p
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !await.Until(patience, holds) {
		t.Fatalf("it does not come about: %s", what)
	}
}

func TestProcessRunsOnItsCores(t *testing.T) {
	before := cores(t, os.Getpid())
	p := shell(t, t.Context(), "sleep 60", 0)
	if got := cores(t, p.cmd.Process.Pid); got != "0" {
		t.Errorf("the process may run on cores %s", got)
	}
	if after := cores(t, os.Getpid()); after != before {
		t.Errorf("the harness may run on cores %s, before it was %s", after, before)
	}
	if _, err := start(t.Context(), []string{"true"}, nil, []int{1000}); err == nil {
		t.Error("a core that is not there is no error")
	}
}

func cores(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	return strings.Fields(rest)[0]
}

// Usage counts the work of a child and of the process itself, compared with what the scheduler says.
func TestUsageCountsChildren(t *testing.T) {
	const busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
	p := shell(t, t.Context(), fmt.Sprintf("(%s; touch /proc/self/comm; exec sleep 60) & %s; wait", busy, busy))
	var pids []int // of one look: the shell has other children for a moment, such as touch
	eventually(t, "both have worked and sleep", func() bool {
		var err error
		pids, err = group(p.cmd.Process.Pid)
		return err == nil && len(pids) == 2 && !slices.ContainsFunc(pids, running) && schedstat(pids) > time.Millisecond
	})
	got, err := p.Usage()
	if want := schedstat(pids); err != nil || got.CPU != want {
		t.Errorf("CPU time %v, %v; schedstat says %v", got.CPU, err, want)
	}
	if got.User <= 0 || got.System < 0 || got.User+got.System != got.CPU {
		t.Errorf("user %v and system %v are not the parts of %v", got.User, got.System, got.CPU)
	}
	var rss int64
	for _, pid := range pids {
		statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			t.Fatal(err)
		}
		pages, _ := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
		rss += pages * int64(os.Getpagesize())
	}
	if got.RSS != rss || rss == 0 {
		t.Errorf("resident memory %d, statm says %d", got.RSS, rss)
	}
	p.Stop()
	if _, err := p.Usage(); !errors.Is(err, ErrEnded) {
		t.Errorf("usage of a process that has ended: %v", err)
	}
}

func running(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "R")
}

// schedstat adds up how long the threads of the processes have run.
func schedstat(pids []int) (sum time.Duration) {
	for _, pid := range pids {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, file := range files {
			content, _ := os.ReadFile(file)
			nanoseconds, _ := strconv.ParseInt(strings.Fields(string(content) + " 0")[0], 10, 64)
			sum += time.Duration(nanoseconds)
		}
	}
	return sum
}

func TestStopEndsTheGroup(t *testing.T) {
	for name, end := range map[string]func(p *process, cancel func()){
		"by Stop":        func(p *process, _ func()) { p.Stop() },
		"by the context": func(_ *process, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := shell(t, ctx, "sleep 60 & echo last words >&2; wait")
			leader := p.cmd.Process.Pid
			eventually(t, "the child runs and the words are said", func() bool {
				pids, _ := group(leader)
				return len(pids) == 2 && p.stderr.String() != ""
			})
			end(p, cancel)
			eventually(t, "nothing of the group is left", func() bool {
				pids, _ := group(leader)
				return len(pids) == 0
			})
			if words := p.Stop(); words != "last words" {
				t.Errorf("its last words were %q", words)
			}
		})
	}
}

func TestStartTellsWhyAPeerFailed(t *testing.T) {
	script := func(s string) *Peer {
		return &Peer{Name: "broken", Command: func(Options) (argv, env []string) {
			return []string{"sh", "-c", s}, nil
		}}
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), script("echo no such luck >&2; exit 3"), Options{Port: port})
	said := fmt.Sprint(err)
	if !errors.Is(err, ErrEnded) || !strings.Contains(said, "no such luck") || !strings.Contains(said, "broken") {
		t.Errorf("a peer that ends: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err = Start(ctx, script("sleep 60"), Options{Port: port}); !errors.Is(err, context.Canceled) {
		t.Errorf("a peer that does not answer, cancelled: %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var words tail
	for i := range 10_000 {
		fmt.Fprintln(&words, "line", i)
	}
	if s := words.String(); len(s) > keptStderr || !strings.HasSuffix(s, "line 9999") {
		t.Errorf("%d bytes, the last of them %q", len(s), s[max(0, len(s)-20):])
	}
}

// The parts of the CPU time are those of utime and stime, whatever the process is called.
func TestTheTimeIsDividedAsItsTicksAre(t *testing.T) {
	const fields = " S 1 2 3 4 5 6 7 8 9 10 %d %d 0 0"
	for _, test := range []struct {
		user, system int
		want         time.Duration // of 8 s
	}{{0, 0, 0}, {100, 300, 2 * time.Second}, {5, 0, 8 * time.Second}} {
		u := Usage{CPU: 8 * time.Second}
		err := u.divide([]byte("7 (a) b (c)" + fmt.Sprintf(fields, test.user, test.system)))
		if err != nil || u.User != test.want || test.want > 0 && u.User+u.System != u.CPU {
			t.Errorf("%d and %d ticks: user %v, system %v, %v", test.user, test.system, u.User, u.System, err)
		}
	}
	for _, stat := range []string{"", "7 (a) S 1", "7 (a)" + strings.ReplaceAll(fields, "%d", "x")} {
		if err := new(Usage).divide([]byte(stat)); err == nil {
			t.Errorf("%q is no error", stat)
		}
	}
}

// A process that only computes has user time, and one that only copies in the kernel has system time.
func TestUserAndSystemAreToldApart(t *testing.T) {
	for script, inKernel := range map[string]bool{
		"while :; do :; done":                     false,
		"exec dd if=/dev/zero of=/dev/null bs=1M": true,
	} {
		p := shell(t, t.Context(), script)
		var u Usage
		eventually(t, script+" has worked", func() bool {
			var err error
			u, err = p.Usage()
			return err == nil && u.CPU > 300*time.Millisecond
		})
		p.Stop()
		if more, less := u.User, u.System; inKernel && less < 2*more || !inKernel && more < 2*less {
			t.Errorf("%s: user %v, system %v", script, u.User, u.System)
		}
	}
}
