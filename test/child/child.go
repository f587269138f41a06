// Package child runs the programs that the black-box tests start, each in an environment of its own and with its output
// kept. It also runs scripts of node:test tests, which use real clients and browsers.
package child

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
)

// An Output collects what a process writes. It may be read while the process runs.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Tail returns the last 20 lines, each cut to 300 bytes, for the message of a failure.
func (o *Output) Tail() string {
	lines := strings.Split(strings.TrimSpace(o.String()), "\n")
	lines = lines[max(0, len(lines)-20):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 300)]
	}
	return strings.Join(lines, "\n")
}

// A Process is a program that a test has started.
type Process struct {
	Cmd            *exec.Cmd
	Stdout, Stderr Output
	Ended          chan struct{} // closed once the process is gone; Cmd.ProcessState then says how it ended
}

// Start runs a program with exactly this environment: nothing is inherited.
func Start(env []string, program string, args ...string) (*Process, error) {
	p := &Process{Cmd: exec.Command(program, args...), Ended: make(chan struct{})}
	p.Cmd.Env = append([]string{}, env...) // never nil, which would mean the test's own
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	// A process group, so that Kill also reaches what the process started, such as a browser.
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.Cmd.Wait() // ProcessState has the result
		close(p.Ended)
	}()
	return p, nil
}

// Build compiles a Go command into a program, with further flags of go build.
func Build(program, pkg string, flags ...string) error {
	args := append(append([]string{"build"}, flags...), "-o", program, pkg)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Path returns the environment that a program needs to find other programs.
func Path() []string { return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} }

// Wait reports whether the process ends within timeout.
func (p *Process) Wait(timeout time.Duration) bool {
	select {
	case <-p.Ended:
		return true
	case <-time.After(timeout):
		return false
	}
}

// Await waits until ready reports true. If the process ends first, or timeout passes, the error has its last lines.
func (p *Process) Await(timeout time.Duration, ready func() bool) error {
	ended := false
	answered := await.Until(timeout, func() bool {
		select {
		case <-p.Ended:
			ended = true
			return true
		default:
			return ready()
		}
	})
	switch {
	case ended:
		return fmt.Errorf("%s ended with %v:\n%s\n%s", p.Cmd.Path, p.Cmd.ProcessState, p.Stdout.Tail(), p.Stderr.Tail())
	case !answered:
		return fmt.Errorf("%s is not ready after %v:\n%s\n%s", p.Cmd.Path, timeout, p.Stdout.Tail(), p.Stderr.Tail())
	}
	return nil
}

// Stop sends SIGTERM. If the process does not end within timeout, Stop kills it and reports false.
func (p *Process) Stop(timeout time.Duration) bool {
	_ = p.Cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended, which is fine
	if p.Wait(timeout) {
		return true
	}
	p.Kill()
	return false
}

// Kill ends the process, if it still runs, and everything that it started.
func (p *Process) Kill() {
	select {
	case <-p.Ended:
	default:
		_ = syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL) // fails if it has ended, which is fine
		<-p.Ended
	}
}
