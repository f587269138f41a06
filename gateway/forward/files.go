package forward

// The descriptors of connections to owners: as many clients as may connect could each need one more, and some are kept
// for what is not clients.

import (
	"errors"
	"net/http"
	"syscall"
)

// errNoFiles means that a connection to an owner would take a descriptor of the reserve.
var errNoFiles = errors.New("forward: no descriptor for a connection to another node")

// keepReserve is net.Dialer.Control. The lowest number that is free is a new descriptor's, so as many are in use.
func (n *Node) keepReserve(_, _ string, c syscall.RawConn) error {
	var fd uintptr
	if err := c.Control(func(number uintptr) { fd = number }); err != nil {
		return err
	}
	if fd >= uintptr(n.opts.MaxFile) {
		return errNoFiles
	}
	return nil
}

// refuseNoFiles has a client try again later. One that would upgrade goes on polling.
func (n *Node) refuseNoFiles(w http.ResponseWriter, p *proxiedRequest) {
	n.stats.noFiles.Add(1)
	n.limited.Warn("a request is not forwarded: there are as many connections as there may be",
		"node", p.owner.Host, "descriptors", n.opts.MaxFile)
	w.Header().Set("Retry-After", "1")
	const status = http.StatusServiceUnavailable
	http.Error(w, "503 "+http.StatusText(status), status)
}
