package forward

// Session ids: 8 characters that name the node, then 128 random bits.

import (
	"crypto/rand"
	"encoding/base64"
)

const (
	tagBytes    = 6 // 8 characters
	secretBytes = 16
	tagLength   = 8
	idLength    = tagLength + 22
)

// newTag returns a name for a node. It is random, so that it says nothing of the node's address, and new at every
// start, so that a session of a process that is gone is never taken for one of its successor's.
func newTag() string { return randomText(tagBytes) }

// NewID returns an id for a session of this node: 30 characters of base64url, the last 22 of which are 128 random bits.
func (n *Node) NewID() string { return n.tag + randomText(secretBytes) }

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// tagOf is the tag of the node that has made a session id, or "" where it is none of this package's: those of Node.js
// have 20 characters.
func tagOf(id string) string {
	if len(id) != idLength {
		return ""
	}
	for i := range len(id) {
		if !isBase64URL(id[i]) {
			return ""
		}
	}
	return id[:tagLength]
}

func isBase64URL(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
