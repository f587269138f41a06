//go:build linux

package load

// Parked clients are not in the loop's epoll set. A sweep empties them from time to time: the kernel discards their
// bytes and only counts them. As all messages have one length, the bytes tell how many came. Parking leaves a machine
// with two cores to the server.

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// parking is the state of a parked client.
type parking struct {
	size  int   // bytes of a message on the wire
	bytes int64 // received while parked
}

// Park takes a WebSocket client out of the loop. size is what each message to it will take on the wire, its frame
// included. The client must have received all that it is owed, and no heartbeat may fall due before [Client.Unpark].
func (c *Client) Park(size int) error {
	s, ok := c.transport.(*socket)
	if !ok || size <= 0 || s.walker.inside || s.walker.nheader > 0 || s.conn.waiting {
		return errors.New("load: this client cannot be parked")
	}
	if err := s.conn.watch(unix.EPOLL_CTL_DEL, 0); err != nil {
		return err
	}
	s.conn.parked = true
	c.park = parking{size: size}
	return nil
}

// Sweep discards what a parked client was sent and counts the messages.
func (c *Client) Sweep() error {
	s := c.transport.(*socket)
	for s.conn.fd >= 0 {
		n, err := receive(s.conn.fd, s.conn.loop.buf, unix.MSG_TRUNC)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err == nil && n == 0 {
			err = io.EOF
		}
		if err != nil {
			s.conn.fail(os.NewSyscallError("recv", err))
			return c.Err
		}
		c.park.bytes += int64(n)
		if n < len(s.conn.loop.buf) {
			break
		}
	}
	for total := c.park.bytes / int64(c.park.size); c.counted < total && c.group.Sent > c.counted; {
		c.Received++
		c.loop.Delivered++
		c.group.received(c)
	}
	return nil
}

// Unpark puts a parked client back into the loop. It fails if the bytes were not a whole number of messages.
func (c *Client) Unpark() error {
	s := c.transport.(*socket)
	if rest := c.park.bytes % int64(c.park.size); rest != 0 || c.park.bytes/int64(c.park.size) > c.counted {
		return fmt.Errorf("load: client %d: %d bytes are not the messages of %d that it was owed",
			c.ID, c.park.bytes, c.park.size)
	}
	s.conn.parked = false
	return s.conn.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

// MessageSize returns how many bytes a WebSocket client's last message took on the wire.
func (c *Client) MessageSize() int {
	s, ok := c.transport.(*socket)
	if !ok {
		return 0
	}
	return s.walker.LastWireSize
}

// Pause stops reading from a WebSocket client, as if it were a phone that has lost its network.
func (c *Client) Pause() error {
	s, ok := c.transport.(*socket)
	if !ok {
		return errors.New("load: only WebSocket clients pause")
	}
	s.conn.parked = true
	return s.conn.watch(unix.EPOLL_CTL_DEL, 0)
}

// Resume reads from a paused client again.
func (c *Client) Resume() error {
	s := c.transport.(*socket)
	s.conn.parked = false
	return s.conn.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}
