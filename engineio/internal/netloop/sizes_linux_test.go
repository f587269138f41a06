package netloop

import (
	"testing"
	"unsafe"
)

// TestSizes keeps a Socket, which every connection has, in its size class; see engineio's.
func TestSizes(t *testing.T) {
	const class = 96
	if size := unsafe.Sizeof(Socket{}); size > class {
		t.Errorf("a Socket takes %d bytes, its size class has %d", size, class)
	}
}
