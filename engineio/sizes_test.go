package engineio

import (
	"testing"
	"unsafe"
)

// TestSizes keeps what every connection has in its size class: memory is handed out in sizes of 176, 192, 208, 224,
// 240, 256, 288, 320 bytes and so on, and one byte too many takes the next. There is some room left in most. What few
// sessions need belongs behind a pointer that is nil for the others, as allowance.spent and polling are; small fields
// belong together. What more than that costs is seen by BenchmarkIdle (socketio).
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("sizes are those of 64 bits")
	}
	for _, v := range []struct {
		name      string
		size, max uintptr
	}{
		{"Session", unsafe.Sizeof(Session{}), 256},
		{"webSocket", unsafe.Sizeof(webSocket{}), 176},
		{"polling", unsafe.Sizeof(polling{}), 80},
	} {
		t.Logf("%s: %d of %d bytes", v.name, v.size, v.max)
		if v.size > v.max {
			t.Errorf("%s takes %d bytes, its size class has %d", v.name, v.size, v.max)
		}
	}
}
