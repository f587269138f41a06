package auth

// Tokens that have been verified, by their hash: clients that all come back at once have the tokens that they had, and
// verifying one costs as much as the rest of connecting.

import (
	"crypto/sha256"
	"sync"
	"time"
)

// cacheBytes bounds what is kept, counted in bytes of tokens and cacheEntry for each.
const (
	cacheBytes = 16 << 20
	cacheEntry = 256
)

// A cache has two halves. What is found in the older goes to the younger; when that is full it becomes the older, and
// what nobody has asked for goes.
type cache struct {
	mu           sync.Mutex
	young, older map[[sha256.Size]byte]verified
	bytes        int // of young
}

// verified is what a token has been found to be.
type verified struct {
	claims *Claims
	until  time.Time // zero: for ever
	keys   uint64    // their generation
	size   int
}

// get returns the claims of a token that was verified with the present keys and still counts, or nil.
func (c *cache) get(hash [sha256.Size]byte, keys uint64, now time.Time) *Claims {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, found := c.young[hash]
	if !found {
		if v, found = c.older[hash]; !found {
			return nil
		}
		delete(c.older, hash)
		c.keep(hash, v)
	}
	if v.keys != keys || !v.until.IsZero() && !now.Before(v.until) {
		return nil
	}
	return v.claims
}

// put keeps a token.
func (c *cache) put(hash [sha256.Size]byte, v verified) {
	v.size += cacheEntry
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(hash, v)
}

// keep puts v into the younger half. mu is held.
func (c *cache) keep(hash [sha256.Size]byte, v verified) {
	if c.young == nil || c.bytes+v.size > cacheBytes/2 {
		c.older, c.young, c.bytes = c.young, make(map[[sha256.Size]byte]verified), 0
	}
	if old, found := c.young[hash]; found {
		c.bytes -= old.size
	}
	c.young[hash] = v
	c.bytes += v.size
}
