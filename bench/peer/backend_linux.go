package peer

// The backend of the peers ours-backend and ours-socket.

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// A Backend is a running bench/peers/backend.
type Backend struct {
	*process
	folder string // of its socket
}

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
	folder, err := os.MkdirTemp("", "backend")
	if err != nil {
		return nil, err
	}
	b := &Backend{folder: folder}
	if b.process, err = start(ctx, []string{binary(root, "backend"), addr, b.socket()}, nil, cores); err != nil {
		os.RemoveAll(folder)
		return nil, fmt.Errorf("start the backend: %w", err)
	}
	b.addr = addr
	if err := b.await(ctx, answersHTTP); err != nil {
		return nil, fmt.Errorf("start the backend: %w\n%s", err, b.Stop())
	}
	return b, nil
}

func (b *Backend) socket() string { return filepath.Join(b.folder, "socket") }

// Stop ends the backend, and returns what it has written to stderr.
func (b *Backend) Stop() string {
	defer os.RemoveAll(b.folder)
	return b.process.Stop()
}

// URLs returns the values for BACKEND_URL.
func (b *Backend) URLs() BackendURLs {
	return BackendURLs{TCP: "http://" + b.addr + "/", Socket: "http://unix:" + b.socket()}
}
