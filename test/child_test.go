package test

// Child processes: started with an environment of their own, their output kept, ended with the test.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An output collects what a process writes. It may be read while the process runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// tail is the last lines, the long ones cut, for a failure's message.
func (o *output) tail() string {
	lines := strings.Split(strings.TrimSpace(o.String()), "\n")
	lines = lines[max(0, len(lines)-20):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 300)]
	}
	return strings.Join(lines, "\n")
}

// A child is a process that a test started.
type child struct {
	cmd    *exec.Cmd
	stdout output
	stderr output
	ended  chan struct{} // closed when the process is gone
}

// startChild runs a program with only the given variables, and PATH and HOME, in its environment.
func startChild(env []string, program string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	c.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "GOTRACEBACK=all"}, env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	// A group of its own, so that kill reaches what the process started.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// wait waits for the process to end and returns its exit code; -1 if a signal ended it.
func (c *child) wait(timeout time.Duration) (int, error) {
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode(), nil
	case <-time.After(timeout):
		return 0, fmt.Errorf("process still running after %v", timeout)
	}
}

// kill ends the process and everything that it started.
func (c *child) kill() {
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
}

// stop asks the process to end and kills it if it does not.
func (c *child) stop() error {
	c.cmd.Process.Signal(syscall.SIGTERM)
	if _, err := c.wait(15 * time.Second); err != nil {
		c.kill()
		return errors.Join(errors.New("SIGTERM did not end the process"), err)
	}
	if strings.Contains(c.stderr.String(), "DATA RACE") {
		return fmt.Errorf("the race detector reports:\n%s", c.stderr.String())
	}
	return nil
}
