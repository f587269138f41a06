package auth

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

// The memory for tokens that have been verified is bounded, and those that are asked for stay.
func TestCacheIsBounded(t *testing.T) {
	var c cache
	hash := func(n int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, n)) }
	mine := hash(-1)
	c.put(mine, verified{claims: new(Claims), size: 100})
	const size = 10 << 10
	for n := range 3 * cacheBytes / size {
		c.put(hash(n), verified{claims: new(Claims), size: size})
		if c.get(mine, 0, time.Now()) == nil {
			t.Fatalf("forgotten after %d", n)
		}
	}
	if held := (len(c.young) + len(c.older)) * size; held > cacheBytes || held < cacheBytes/2 {
		t.Errorf("%d bytes are held", held)
	}
	if c.get(hash(0), 0, time.Now()) != nil {
		t.Error("the oldest is still there")
	}
	if c.get(mine, 1, time.Now()) != nil {
		t.Error("other keys do not matter")
	}
}
