package wire

// Names that Node.js's adapters compute: which stream a namespace has, and which rooms have channels.

import (
	"strconv"
	"unicode/utf16"
)

// StreamOf is the name of a namespace's stream: one for all, or one of several, chosen as Node.js's streams adapter
// does.
func StreamOf(name, namespace string, count int) string {
	if count <= 1 {
		return name
	}
	hash := int32(0)
	for _, c := range utf16.Encode([]rune(namespace)) {
		hash = hash*31 + int32(c)
	}
	return name + "-" + strconv.Itoa(int(hash)%count) // a negative one too, as in JavaScript
}

// LooksLikeSocketID reports whether room may be a socket's own. Like Node.js's sharded adapter it tells by its length
// in UTF-16.
func LooksLikeSocketID(room string) bool {
	units := 0
	for _, c := range room {
		units += utf16.RuneLen(c)
	}
	return units == 20
}
