// Package child runs the programs that the black-box tests start: each with an environment of its own, its output kept. And
// scripts of node:test tests, which use real clients and browsers.
package child

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
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

// Tail is the last lines, the long ones cut, for a failure's message.
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
	Ended          chan struct{} // closed when it is gone; Cmd.ProcessState says how
}

// Start runs a program with exactly this environment.
func Start(env []string, program string, args ...string) (*Process, error) {
	p := &Process{Cmd: exec.Command(program, args...), Ended: make(chan struct{})}
	p.Cmd.Env = append([]string{}, env...) // never nil, which would be the test's own
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	// A group of its own, so that Kill reaches what the process started (a browser).
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.Cmd.Wait() // how it ended is in ProcessState
		close(p.Ended)
	}()
	return p, nil
}

// Path is the environment in which a program finds others.
func Path() []string { return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} }

// Wait reports whether the process ends in time.
func (p *Process) Wait(timeout time.Duration) bool {
	select {
	case <-p.Ended:
		return true
	case <-time.After(timeout):
		return false
	}
}

// Stop asks the process to end with SIGTERM, and kills it where it does not within the time; it reports false then.
func (p *Process) Stop(timeout time.Duration) bool {
	_ = p.Cmd.Process.Signal(syscall.SIGTERM) // or it has ended
	if p.Wait(timeout) {
		return true
	}
	p.Kill()
	return false
}

// Kill ends the process and everything that it started, if it is still there.
func (p *Process) Kill() {
	select {
	case <-p.Ended:
	default:
		_ = syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL) // or it has ended
		<-p.Ended
	}
}
