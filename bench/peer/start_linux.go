package peer

// Starts and ends a peer's process.

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
	// startTimeout bounds a peer's time to its first answer. Nest takes a second on a quiet machine.
	startTimeout = 60 * time.Second
	// probeEvery is how precisely the moment of the first answer is known.
	probeEvery = time.Millisecond
	// keptStderr is how much of a peer's stderr is kept: its last bytes.
	keptStderr = 8 << 10
)

// A process is a child in a process group of its own.
type process struct {
	cmd     *exec.Cmd
	addr    string
	started time.Time
	stderr  tail
	ended   chan struct{} // closed once it is gone
	stop    func() bool   // detaches it from the context
}

// Start runs a peer that has been prepared and waits until it answers a request. The peer ends with Stop, with ctx, or
// with the harness. Its stdout is the null device: a log line costs the peer a system call and the harness nothing.
func Start(ctx context.Context, p *Peer, o Options) (Process, error) {
	argv, env := p.Command(o)
	if o.Files > 0 {
		argv = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, o.Files), "sh"}, argv...)
	}
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
	// The group ends what the peer has started itself. The signal ends the peer if the harness is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// Wait must return even if a child that the process leaves behind holds stderr.
	p.cmd.WaitDelay = time.Second
	p.started = time.Now()
	if err := onCores(cores, p.cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // stderr shows how it ended
		close(p.ended)
	}()
	p.stop = context.AfterFunc(ctx, p.kill)
	return p, nil
}

// onCores calls f on a thread that is bound to the cores. A process that f starts is then bound from its first
// instruction, when the runtimes of Go and Node.js count the cores.
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

// await waits until answers returns nil.
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
			if ctx.Err() != nil { // which has ended it
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

// answersHTTP returns nil if an HTTP server answers, whatever it says.
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

// kill ends the group. Its leader stays a zombie until Wait has seen it, so no other process can have its id yet.
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

// FreePort returns a TCP port of 127.0.0.1 on which nobody listens.
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
