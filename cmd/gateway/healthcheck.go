package main

// gateway healthcheck: the program asks the gateway beside it whether it is well. The image's HEALTHCHECK runs it,
// because the image has no shell and no other program.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway"
)

// healthTimeout is how long the answer may take. It is below the 3 s after which the image's HEALTHCHECK ends the
// program, so that Docker's health log has the reason.
const healthTimeout = 2 * time.Second

// healthcheck asks /healthz of the gateway that runs with the same environment on this host, and writes one line. The
// exit code is exitStopped for a gateway that is well, exitFailed for one that is not or is not there, and
// exitMisconfig where the environment does not say where it would be.
//
// It asks whether the process lives, not whether it is ready. Docker and Swarm end what is unhealthy, and a gateway
// that waits for its Redis, or drains, is to be left alone. Readiness is the balancer's question (/readyz).
func healthcheck(getenv func(string) string, service gateway.Service, stdout, stderr io.Writer) int {
	cfg, err := gateway.LoadConfig(getenv, service)
	if err != nil {
		fmt.Fprintln(stderr, "gateway:", err)
		return exitMisconfig
	}
	if cfg.Port == 0 {
		fmt.Fprintln(stderr, "gateway: PORT=0 is any free port: healthcheck needs to know which")
		return exitMisconfig
	}
	url := cfg.BaseURL(net.JoinHostPort(loopback(cfg.Host), strconv.Itoa(cfg.Port))) + "/healthz"
	if err := askHealth(url); err != nil {
		fmt.Fprintf(stderr, "gateway: unhealthy: %s: %v\n", url, err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "gateway: healthy: %s\n", url)
	return exitStopped
}

// askHealth returns nil if url answers 200 within healthTimeout. It follows no redirection and uses no proxy of the
// environment: what those answer says nothing of this host's gateway.
func askHealth(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "gateway-healthcheck")
	response, err := (&http.Transport{
		DisableKeepAlives: true,
		// The certificate is for the name that clients use, and not for this address. Nothing secret is said here.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}).RoundTrip(request)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %v", healthTimeout)
	case err != nil:
		var op *net.OpError
		var system *os.SyscallError
		if errors.As(err, &op) && errors.As(op, &system) {
			return system.Err // the address stands in the line already
		}
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("answered " + response.Status)
	}
	return nil
}

// loopback is where a program on the same host reaches one that listens on host. A wildcard is no address to connect
// to.
func loopback(host string) string {
	ip := net.ParseIP(host)
	switch {
	case ip == nil || !ip.IsUnspecified():
		return host
	case ip.To4() == nil:
		return "::1"
	}
	return "127.0.0.1"
}
