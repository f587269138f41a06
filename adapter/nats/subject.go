package nats

// Subjects: how arbitrary names become tokens of them.

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// longestToken is how long a token may be, in bytes. NATS servers take lines of 4096 bytes by default
// (max_control_line), with two tokens and more in them.
const longestToken = 128

const upperHex = "0123456789ABCDEF"

// Token is a namespace's or room's name as a token of a subject: letters, digits, '-', '_' and ':' as they are, any
// other byte as '=' and two hexadecimal digits. The empty name is "=". A name that would be longer than 128 bytes is
// "=h" and its SHA-256 in base64url. No two names have the same token.
func Token(name string) string {
	escaped := 0
	for i := range len(name) {
		if !isPlain(name[i]) {
			escaped++
		}
	}
	switch {
	case name == "":
		return "="
	case len(name)+2*escaped > longestToken:
		sum := sha256.Sum256([]byte(name))
		return "=h" + base64.RawURLEncoding.EncodeToString(sum[:])
	case escaped == 0:
		return name
	}
	var b strings.Builder
	b.Grow(len(name) + 2*escaped)
	for i := range len(name) {
		if c := name[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'=', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':'
}

// ValidPrefix reports whether all subjects may begin so: tokens of letters, digits, '-', '_' and ':', with dots between
// them, of at most 128 bytes in all.
func ValidPrefix(prefix string) bool {
	if len(prefix) > longestToken {
		return false
	}
	for token := range strings.SplitSeq(prefix, ".") {
		if token == "" {
			return false
		}
		for i := range len(token) {
			if !isPlain(token[i]) {
				return false
			}
		}
	}
	return true
}
