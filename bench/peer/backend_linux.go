package peer

// The backend of the peer ours-backend.

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// A Backend is a running bench/peers/backend.
type Backend struct{ *process }

// StartBackend runs the backend on these cores until Stop or the end of ctx. It is no part of the server that is
// measured: pin it to the load's cores, as Redis.
func StartBackend(ctx context.Context, cores []int) (*Backend, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	if err := buildGo("backend", false)(ctx, root); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p, err := start(ctx, []string{binary(root, "backend"), addr}, nil, cores)
	if err != nil {
		return nil, fmt.Errorf("start the backend: %w", err)
	}
	p.addr = addr
	if err := p.await(ctx, answersHTTP); err != nil {
		return nil, fmt.Errorf("start the backend: %w\n%s", err, p.Stop())
	}
	return &Backend{p}, nil
}

// URL returns the value for BACKEND_URL.
func (b *Backend) URL() string { return "http://" + b.addr + "/" }
