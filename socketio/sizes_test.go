package socketio

import (
	"testing"
	"unsafe"
)

// TestSizes keeps what every client has in its size class; see engineio's. What few sockets need belongs in uncommon.
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("sizes are those of 64 bits")
	}
	for _, v := range []struct {
		name      string
		size, max uintptr
	}{
		{"Socket", unsafe.Sizeof(Socket{}), 208},
		{"conn", unsafe.Sizeof(conn{}), 128},
	} {
		t.Logf("%s: %d of %d bytes", v.name, v.size, v.max)
		if v.size > v.max {
			t.Errorf("%s takes %d bytes, its size class has %d", v.name, v.size, v.max)
		}
	}
}
