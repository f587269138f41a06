package adaptertest_test

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// An adapter for a single server is a cluster of one. (An adapter for several has one constructor for each of the
// servers that are asked for, and shares a broker between them; package cluster/memory has that whole.)
func ExampleRun() {
	_ = func(t *testing.T) { // this is TestMyAdapter
		adaptertest.Run(t, func(t testing.TB, servers int) *adaptertest.Cluster {
			return &adaptertest.Cluster{
				Adapters: []func(*socketio.Namespace) socketio.Adapter{
					func(ns *socketio.Namespace) socketio.Adapter { return socketio.NewMemoryAdapter(ns) },
				},
			}
		})
	}
}
