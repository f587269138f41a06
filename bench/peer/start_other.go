//go:build !linux

package peer

// The benchmark measures with what only Linux offers.

import "context"

// Start returns ErrNeedsLinux on this system.
func Start(ctx context.Context, p *Peer, o Options) (Process, error) { return nil, ErrNeedsLinux }

// A Redis is a redis-server for the benchmark.
type Redis struct{}

// StartRedis returns ErrNeedsLinux on this system.
func StartRedis(ctx context.Context, cores []int) (*Redis, error) { return nil, ErrNeedsLinux }

// URL returns "" on this system.
func (r *Redis) URL() string { return "" }

// Stop does nothing on this system.
func (r *Redis) Stop() string { return "" }

// FreePort returns ErrNeedsLinux on this system.
func FreePort() (int, error) { return 0, ErrNeedsLinux }
