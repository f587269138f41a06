package adapter

// The emitter, which is a package of its own so that its programs need no server in their build.

import (
	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/emitter"
)

// An Emitter lets a process without a server speak to the clients of a cluster.
type Emitter = emitter.Emitter

// EmitterOptions configure an Emitter. They say which of this package's adapters the servers have.
type EmitterOptions = emitter.Options

// NewEmitter is emitter.New. A program that imports that package instead has no server in its build.
func NewEmitter(client redis.UniversalClient, opts EmitterOptions) Emitter {
	return emitter.New(client, opts)
}
