package forward

import (
	"errors"
	"io"
	"net"
)

// newPlainReader is newReader for any connection. It keeps its memory while it waits.
func newPlainReader(c net.Conn) (read func() ([]byte, error), release func()) {
	buf := make([]byte, 4<<10)
	return func() ([]byte, error) {
		n, err := c.Read(buf)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return buf[:n], err
	}, func() {}
}
