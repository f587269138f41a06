// Command gateway serves the chat, or what SERVICE says. Its settings are environment variables; gateway --help lists
// them. gateway healthcheck, with the same environment, asks a gateway that runs on this host whether it is well;
// gateway hash-password makes an ADMIN_PASSWORD_HASH of a password on its standard input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/redis/go-redis/v9/logging"

	"github.com/brunossouza/websocket-escalonavel/gateway"
)

// The linker fills these in (-X main.version=... -X main.commit=...). Without it the build information has to do.
var version, commit string

// Exit codes.
const (
	exitStopped   = 0
	exitFailed    = 1
	exitMisconfig = 2
	// exitSignal and the signal's number are what shells and Docker report of a program that a signal has ended.
	exitSignal = 128
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is main with its exit code for a result.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	service := choose(getenv)
	if len(args) > 0 {
		if len(args) == 1 && args[0] == "healthcheck" {
			return healthcheck(getenv, service, stdout, stderr)
		}
		if len(args) == 1 && args[0] == "hash-password" {
			return hashPassword(os.Stdin, stdout, stderr)
		}
		return runFlag(args, stdout, stderr)
	}
	cfg, err := gateway.LoadConfig(getenv, service)
	if err != nil {
		fmt.Fprintln(stderr, "gateway:", err)
		return exitMisconfig
	}
	cfg.Version = describe()
	cfg.Release, cfg.Commit = build()

	logging.Disable() // go-redis prints to stderr by itself what the gateway logs anyway

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, cfg, service, stdout) }()
	for stopping := false; ; stopping = true {
		select {
		case err := <-ended:
			return report(err, stderr)
		case s := <-signals:
			switch {
			case stopping:
				// The signal's usual effect is not enough: it has none on a container's first process.
				fmt.Fprintf(stderr, "gateway: a second signal (%v): ended at once\n", s)
				return exitSignal + int(s.(syscall.Signal))
			case s == os.Interrupt:
				stop(gateway.ErrInterrupted)
			default:
				stop(nil)
			}
		}
	}
}

// serve runs a gateway until ctx is done and it has stopped.
func serve(ctx context.Context, cfg gateway.Config, service gateway.Service, stdout io.Writer) error {
	g, err := gateway.New(cfg, gateway.NewLogger(cfg, stdout), service)
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// report says how the gateway ended, and returns the exit code.
func report(err error, stderr io.Writer) int {
	var setting *gateway.SettingError
	switch {
	case err == nil:
		return exitStopped
	case errors.As(err, &setting): // the service has found that one does not go with another
		fmt.Fprintln(stderr, "gateway:", setting)
		return exitMisconfig
	}
	fmt.Fprintln(stderr, err)
	return exitFailed
}

// runFlag runs the program with arguments that are no command.
func runFlag(args []string, stdout, stderr io.Writer) int {
	unknown := args[0]
	switch args[0] {
	case "healthcheck", "hash-password":
		unknown = args[1]
	case "--help", "-help", "-h":
		if len(args) == 1 {
			if err := writeHelp(stdout, services()...); err != nil {
				fmt.Fprintln(stderr, "gateway:", err)
				return exitFailed
			}
			return exitStopped
		}
		unknown = args[1]
	case "--version", "-version":
		if len(args) == 1 {
			fmt.Fprintf(stdout, "gateway %s %s %s/%s\n", describe(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return exitStopped
		}
		unknown = args[1]
	}
	fmt.Fprintf(stderr, "gateway: unknown argument %q: want healthcheck, hash-password, --help, --version or nothing\n",
		unknown)
	return exitMisconfig
}

// describe names the version and the commit of this build.
func describe() string {
	v, c := build()
	return v + " (commit " + c + ")"
}

// build is the version and the commit.
func build() (v, c string) {
	v, c = version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if c == "" && s.Key == "vcs.revision" {
				c = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	if v == "" || v == "(devel)" {
		v = "0.0.0-dev"
	}
	if c == "" {
		c = "unknown"
	}
	return v, c
}
