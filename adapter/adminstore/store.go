// Package adminstore keeps in Redis who has logged in to the Admin UI, so that every server of a cluster knows: what
// @socket.io/admin-ui calls RedisStore. Its keys are that package's, so a login counts for servers on Node.js too.
package adminstore

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
)

// DefaultPrefix begins the keys of @socket.io/admin-ui.
const DefaultPrefix = "socket.io-admin"

// A Store is an admin.Store in Redis. Its methods may be called from any goroutine.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ admin.Store = (*Store)(nil)

// New returns a Store whose keys begin with prefix and "#"; "" is DefaultPrefix.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client, cmp.Or(prefix, DefaultPrefix)}
}

// SaveSession implements admin.Store.
func (s *Store) SaveSession(ctx context.Context, id string, life time.Duration) error {
	if err := s.client.Set(ctx, s.key(id), "1", life).Err(); err != nil {
		return fmt.Errorf("adminstore: save a session: %w", err)
	}
	return nil
}

// SessionExists implements admin.Store.
func (s *Store) SessionExists(ctx context.Context, id string) (bool, error) {
	n, err := s.client.Exists(ctx, s.key(id)).Result()
	if err != nil {
		return false, fmt.Errorf("adminstore: look a session up: %w", err)
	}
	return n == 1, nil
}

func (s *Store) key(id string) string { return s.prefix + "#" + id }
