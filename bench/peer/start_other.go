//go:build !linux

package peer

// The benchmark measures with what Linux offers; elsewhere it says so.

import "context"

// Start is ErrNeedsLinux on this system.
func Start(ctx context.Context, p *Peer, o Options) (Process, error) { return nil, ErrNeedsLinux }

// A Redis is a redis-server of the benchmark's own.
type Redis struct{}

// StartRedis is ErrNeedsLinux on this system.
func StartRedis(ctx context.Context, cores []int) (*Redis, error) { return nil, ErrNeedsLinux }

// URL is empty on this system.
func (r *Redis) URL() string { return "" }

// Stop does nothing on this system.
func (r *Redis) Stop() string { return "" }

// FreePort is ErrNeedsLinux on this system.
func FreePort() (int, error) { return 0, ErrNeedsLinux }
