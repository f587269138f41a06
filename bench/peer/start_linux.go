package peer

// Starting and ending a peer's process.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

const (
	// startTimeout is what a peer has to answer its first request; Nest takes a second on a quiet machine.
	startTimeout = 60 * time.Second
	// probeEvery is how finely the moment of the first answer is known.
	probeEvery = time.Millisecond
	// keptStderr is how much of a peer's last words is kept, in bytes.
	keptStderr = 8 << 10
)

// process is a child in a process group of its own.
type process struct {
	cmd     *exec.Cmd
	addr    string
	started time.Time
	stderr  tail
	ended   chan struct{} // closed when it is gone
	stop    func() bool   // lets go of the context
}

// Start runs a peer, prepared before, and waits until it answers a request. The peer ends with Stop, or with ctx, or
// with the harness. Its stdout goes to the null device: its logging costs it what a log line costs, and the harness nothing.
func Start(ctx context.Context, p *Peer, o Options) (Process, error) {
	argv, env := p.Command(o)
	proc, err := start(ctx, argv, env, o.Cores)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	proc.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port))
	if err := proc.await(ctx, answersHTTP); err != nil {
		return nil, fmt.Errorf("start %s: %w\n%s", p.Name, err, proc.Stop())
	}
	return proc, nil
}

// start executes a program on some cores.
func start(ctx context.Context, argv, env []string, cores []int) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	p.cmd.Stderr = &p.stderr
	// The group is for ending what the peer may have started itself; the signal is for a harness that is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// A child that the process leaves behind must not keep Wait from returning.
	p.cmd.WaitDelay = time.Second
	p.started = time.Now()
	if err := onCores(cores, p.cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // how it ended shows in what it wrote
		close(p.ended)
	}()
	p.stop = context.AfterFunc(ctx, p.kill)
	return p, nil
}

// onCores calls f on a thread that is bound to the cores, so that a process which f starts is bound to them from its
// first instruction, when Go's and Node's runtimes count them.
func onCores(cores []int, f func() error) error {
	if len(cores) == 0 {
		return f()
	}
	var before, set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read the cores: %w", err)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind to cores %v: %w", cores, err)
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &before))
}

// await waits until answers does not fail any more.
func (p *process) await(ctx context.Context, answers func(addr string) error) error {
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	for {
		err := answers(p.addr)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			if ctx.Err() != nil { // which is what has ended it
				return ctx.Err()
			}
			return fmt.Errorf("%w: %v", ErrEnded, p.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("no answer within %v: %w", startTimeout, err)
		case <-probe.C:
		}
	}
}

// answersHTTP reports whether there is an HTTP server; what it answers does not matter.
func answersHTTP(addr string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	response, err := client.Get("http://" + addr + "/")
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (p *process) Addr() string { return p.addr }

func (p *process) Started() time.Time { return p.started }

// kill ends the group. The leader stays a zombie until Wait has seen it, so that its id cannot be somebody else's yet.
func (p *process) kill() {
	select {
	case <-p.ended:
	default:
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (p *process) Stop() string {
	p.stop()
	p.kill()
	<-p.ended
	return p.stderr.String()
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - keptStderr; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(bytes.TrimSpace(t.buf)), "")
}

// FreePort is a TCP port on 127.0.0.1 on which nobody listens at the moment.
func FreePort() (int, error) {
	addr, err := freeaddr.Find()
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
