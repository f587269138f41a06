// Command clients measures Go clients: how much memory many of them take in one process, how fast they connect, and how
// fast they receive, all against our server in another process on 127.0.0.1.
//
//	go run ./clients            # 1,000 clients of each library, and 10,000 of ours
//	go run ./clients -n 20000 -kinds ours-shared
//
// It needs 2 files for each client (ulimit -n).
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/bench/clients/measure"
	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// kinds are the libraries measured in this program: those that need no module of their own.
var kinds = map[string]func(url string, received func()) (measure.Client, error){
	"ours":         dialOurs(nil),
	"ours-shared":  dialOurs(new(engine.Dialer)),
	"ours-polling": dialPolling,
	"bare":         dialBare,
}

func main() {
	if kind := kinds[os.Getenv("KIND")]; kind != nil { // one measurement, in a process of its own
		measure.Main(os.Getenv("KIND"), kind)
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

func run() error {
	n := flag.Int("n", 0, "clients (1,000, and 10,000 of ours)")
	which := flag.String("kinds", "bare,ours,ours-shared,zishang3", "libraries, separated by commas")
	rounds := flag.Int("rounds", 1, "rounds")
	messages := flag.Int("messages", 100, "messages to each client")
	serve := flag.Bool("serve", false, "be the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *serve {
		return runServer(ctx)
	}
	url, end, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer end()
	fmt.Println(measure.Header())
	for range *rounds {
		for _, kind := range strings.Split(*which, ",") {
			counts := []int{*n}
			if *n == 0 {
				counts = []int{1000}
				if strings.HasPrefix(kind, "ours") && kind != "ours-polling" {
					counts = append(counts, 10000)
				}
			}
			for _, count := range counts {
				if err := measureOne(ctx, kind, url, count, *messages); err != nil {
					return fmt.Errorf("%s: %w", kind, err)
				}
			}
		}
	}
	return nil
}

// measureOne measures one library in a process of its own.
func measureOne(ctx context.Context, kind, url string, n, messages int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if kinds[kind] == nil {
		folder, err := os.MkdirTemp("", "clients")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		program = filepath.Join(folder, kind)
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, ".")
		build.Dir, build.Stderr = filepath.Join("peers", kind+"client"), os.Stderr
		if err := build.Run(); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, program, "-url", url, "-n", strconv.Itoa(n), "-messages", strconv.Itoa(messages))
	cmd.Env = append(os.Environ(), "KIND="+kind)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// startServer starts the server in a process of its own.
func startServer(ctx context.Context) (url string, end func(), err error) {
	program, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-serve")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	url, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return "", nil, err
	}
	return strings.TrimSpace(url), end, nil
}

// payload is what a message has beside its number: a short chat message.
var payload = strings.Repeat("x", 64)

func runServer(ctx context.Context) error {
	var opts socketio.Options
	opts.MaxConnections, opts.MaxSessionsPerAddress, opts.HandshakeRate = 100_000, -1, -1
	io := socketio.NewServer(opts)
	io.On("trigger", func(e *socketio.Event) error {
		var n int
		if err := e.Bind(&n); err != nil {
			return err
		}
		for i := range n {
			if err := io.Emit("m", i, payload); err != nil {
				return err
			}
		}
		return nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: io}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Printf("http://%s\n", l.Addr())
	if err := server.Serve(io.Listener(l)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ourClient is one of socketio/client.
type ourClient struct{ *client.Socket }

func (c ourClient) Trigger(n int) { _ = c.Emit("trigger", n) }
func (c ourClient) Close()        { c.Conn().Close() }

func dialOurs(d *engine.Dialer) func(string, func()) (measure.Client, error) {
	return func(url string, received func()) (measure.Client, error) {
		return dialWith(url, client.Options{Dialer: d, Transports: []string{engine.WebSocket}}, received)
	}
}

func dialPolling(url string, received func()) (measure.Client, error) {
	return dialWith(url, client.Options{Transports: []string{engine.Polling}}, received)
}

func dialWith(url string, opts client.Options, received func()) (measure.Client, error) {
	s, err := client.New(url, opts)
	if err != nil {
		return nil, err
	}
	s.On("m", func(*client.Event) error { received(); return nil })
	return ourClient{s}, s.Connect(context.Background())
}

// bareClient is no library: a goroutine that reads frames, and knows just enough of the protocol.
type bareClient struct{ net.Conn }

func (c bareClient) Trigger(n int) {
	_ = wsutil.WriteClientText(c.Conn, fmt.Appendf(nil, `42["trigger",%d]`, n))
}

func (c bareClient) Close() { _ = c.Conn.Close() }

func dialBare(url string, received func()) (measure.Client, error) {
	conn, early, _, err := ws.Dial(context.Background(), "ws"+strings.TrimPrefix(url, "http")+
		"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	if early != nil {
		in = early
	}
	if err := wsutil.WriteClientText(conn, []byte("40")); err != nil {
		return nil, err
	}
	connected := make(chan struct{})
	go func() {
		for {
			h, err := ws.ReadHeader(in)
			if err != nil {
				return
			}
			b := make([]byte, h.Length)
			if _, err := readFull(in, b); err != nil {
				return
			}
			switch {
			case strings.HasPrefix(string(b), `42["m"`):
				received()
			case strings.HasPrefix(string(b), "40"):
				close(connected)
			case string(b) == "2":
				_ = wsutil.WriteClientText(conn, []byte("3"))
			}
		}
	}()
	<-connected
	return bareClient{conn}, nil
}

func readFull(in *bufio.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = in.Read(b[n:])
		n += k
	}
	return n, err
}
