package socketio

// The sockets of a namespace by id.

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// socketTable is a map in parts, each with its own lock, so that connecting clients do not queue for one.
type socketTable struct {
	seed   maphash.Seed
	count  atomic.Int64
	shards [16]struct {
		mu sync.RWMutex
		m  map[string]*Socket
	}
}

func (t *socketTable) init() { t.seed = maphash.MakeSeed() }

func (t *socketTable) shard(id string) int {
	return int(maphash.String(t.seed, id) % uint64(len(t.shards)))
}

func (t *socketTable) get(id string) *Socket {
	sh := &t.shards[t.shard(id)]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.m[id]
}

func (t *socketTable) put(s *Socket) {
	sh := &t.shards[t.shard(s.id)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m == nil {
		sh.m = make(map[string]*Socket)
	}
	if _, ok := sh.m[s.id]; !ok {
		t.count.Add(1)
	}
	sh.m[s.id] = s
}

// remove takes s out; another socket that has its id since, a resumed session, stays.
func (t *socketTable) remove(s *Socket) {
	sh := &t.shards[t.shard(s.id)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m[s.id] == s {
		delete(sh.m, s.id)
		t.count.Add(-1)
	}
}

func (t *socketTable) list() []*Socket {
	var sockets []*Socket
	for i := range t.shards {
		sockets = append(sockets, t.shardList(i)...)
	}
	return sockets
}

// shardList are the sockets of one shard.
func (t *socketTable) shardList(i int) []*Socket {
	sh := &t.shards[i]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return slices.Collect(maps.Values(sh.m))
}
