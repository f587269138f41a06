//go:build linux

package main

// The NATS server: a process of its own, which is this program once more.

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A broker is what the nodes speak through.
type broker struct {
	peer.Process
	url   string
	store string // a folder of its own, or ""
}

// Stop overrides the process's.
func (b *broker) Stop() string {
	said := b.Process.Stop()
	if b.store != "" {
		_ = os.RemoveAll(b.store) // a few files in the folder of temporary ones
	}
	return said
}

// startBroker starts what a kind of node needs, on these cores. It keeps nothing on disk, but for JetStream's bucket of
// nodes.
func startBroker(ctx context.Context, k kind, cores []int) (*broker, error) {
	if k.adapter != "nats" {
		r, err := peer.StartRedis(ctx, cores)
		if err != nil {
			return nil, err
		}
		return &broker{Process: r, url: r.URL()}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	port, err := peer.FreePort()
	if err != nil {
		return nil, err
	}
	monitor, err := peer.FreePort()
	if err != nil {
		return nil, err
	}
	store, err := os.MkdirTemp("", "bench-cluster-nats")
	if err != nil {
		return nil, err
	}
	p, err := peer.Start(ctx, &peer.Peer{Name: "nats", Command: func(o peer.Options) (argv, env []string) {
		return []string{self, "-nats", strconv.Itoa(port), "-monitor", strconv.Itoa(o.Port), "-store", store}, nil
	}}, peer.Options{Port: monitor, Cores: cores})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(store))
	}
	return &broker{p, "nats://127.0.0.1:" + strconv.Itoa(port), store}, nil
}

// runNATS is the process of a NATS server.
func runNATS(ctx context.Context, port, monitor int, store string) error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, HTTPHost: "127.0.0.1", HTTPPort: monitor, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: store,
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("the NATS server does not start")
	}
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
