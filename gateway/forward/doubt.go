package forward

// Whether what listens at a node's address is that node. An answer without the owner's tag does not show that it is
// not: the owner's net/http, or a proxy on the way, answers some requests by itself, and which ones is up to the
// client. So the node sends a request of its own, in which nothing is a client's.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"syscall"
)

// doubt has a node asked who it is, once at a time, and forgets it if it is another or nobody.
func (n *Node) doubt(o *owner) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, asked := n.doubted[o.tag]; asked || n.over {
		return
	}
	n.doubted[o.tag] = struct{}{}
	n.running.Go(func() {
		err := n.ask(n.forwarding, o)
		if errors.Is(err, errNotOwner) || errors.Is(err, syscall.ECONNREFUSED) {
			n.directory.drop(o)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.doubted, o.tag)
	})
}

// ask asks a node who it is. The error is errNotOwner where something else has answered.
func (n *Node) ask(ctx context.Context, o *owner) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ctx = context.WithValue(ctx, proxiedKey{}, &proxiedRequest{owner: o})
	answer, err := n.transport.RoundTrip(n.question(o).WithContext(ctx))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can be kept
	return checkOwner(answer, o)
}

// question is a request of a node's own to an owner.
func (n *Node) question(o *owner) *http.Request {
	return &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: o.scheme(), Host: o.Address, Path: n.opts.Path},
		Header: http.Header{ForwardedHeader: {o.Key}}, // no client's address: it is nobody's
	}
}
