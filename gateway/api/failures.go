package api

// Who has shown wrong tokens, by address, and how many more it may.

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// failureBurst is how many wrong tokens an address may show at once; each is forgotten after failureEvery.
	failureBurst = 20
	failureEvery = 3 * time.Second
	// maxFailing bounds the addresses that are remembered.
	maxFailing = 10_000
)

// failures remember, for each address, when it will have been forgiven everything.
type failures struct {
	mu    sync.Mutex
	clear map[netip.Addr]time.Time
	swept time.Time // when those who have been forgiven were last looked for
}

func newFailures() *failures { return &failures{clear: make(map[netip.Addr]time.Time)} }

// ofPeer is the address that a peer is counted under: of IPv6 its /64, of which a host may have every address.
func ofPeer(remote string) netip.Addr {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}

// blocked is how long an address has to wait until a token of its is looked at again, 0 where it has not.
func (f *failures) blocked(addr netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.clear[addr]
	if !known {
		return 0
	}
	return max(at.Sub(now)-(failureBurst-1)*failureEvery, 0)
}

// add counts a wrong token.
func (f *failures) add(addr netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.clear[addr]
	if !known && len(f.clear) >= maxFailing {
		f.forget(now)
	}
	if at.Before(now) {
		at = now
	}
	f.clear[addr] = at.Add(failureEvery)
}

// forget makes room: of those who have been forgiven, which are looked for once in failureEvery, or of anybody. f.mu is
// held.
func (f *failures) forget(now time.Time) {
	if now.Sub(f.swept) >= failureEvery {
		f.swept = now
		for addr, at := range f.clear {
			if at.Before(now) {
				delete(f.clear, addr)
			}
		}
	}
	for addr := range f.clear {
		if len(f.clear) < maxFailing {
			break
		}
		delete(f.clear, addr)
	}
}
