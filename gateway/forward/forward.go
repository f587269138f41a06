package forward

// The way of a request: a Handler tells those for sessions of this node from those for another's, which it takes there.

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
)

const (
	// ForwardedHeader marks a request as forwarded: the owner's key, a space, and the address of the client as the node
	// that forwards saw it. Whatever it says, the request is not forwarded again.
	ForwardedHeader = "X-Gateway-Forwarded"
	// nodeHeader has the owner's tag in its answer to another node. An answer without it is not an owner's.
	nodeHeader = "X-Gateway-Node"
)

// errNotOwner means that what listens at a node's address is not that node.
var errNotOwner = errors.New("forward: at the node's address is something else: " +
	"ADVERTISE_ADDR (Options.Address) must lead to that one node, and its Listener must know ForwardedHeader")

// Handler returns next without the requests for other nodes' sessions, which go to their owners. What comes from
// another node reaches next with the address of the client, as that node saw it, in RemoteAddr. Where a session's
// owner is not to be found or does not answer, the request is next's.
func (n *Node) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if marks, forwarded := r.Header[ForwardedHeader]; forwarded {
			switch {
			case !n.receive(w, r, marks):
				next.ServeHTTP(w, r)
			case !isLink(r) || !n.carry(w, r):
				w.WriteHeader(http.StatusNoContent)
			}
			return
		}
		tag := tagOf(engineio.SessionID(r))
		if tag == "" || tag == n.tag || r.Method == http.MethodOptions { // a preflight is the same everywhere
			next.ServeHTTP(w, r)
			return
		}
		n.forward(w, r, tag, next)
	})
}

// receive looks at what another node, or somebody who pretends to be one, has added to a request. It reports whether
// the request is a node's own: a question who is here, which the tag answers, or a link.
func (n *Node) receive(w http.ResponseWriter, r *http.Request, marks []string) (question bool) {
	delete(r.Header, ForwardedHeader)
	key, client, forwarded := strings.Cut(marks[0], " ")
	if len(marks) != 1 || subtle.ConstantTimeCompare([]byte(key), []byte(n.key)) != 1 {
		n.limited.Warn("a request claims to be forwarded, without this node's key", "remote", r.RemoteAddr)
		return false
	}
	w.Header().Set(nodeHeader, n.tag)
	if !forwarded {
		return true
	}
	n.stats.received.Add(1)
	r.RemoteAddr = client
	return false
}

// A proxiedRequest is a request on its way to its session's owner.
type proxiedRequest struct {
	owner *owner
	in    *http.Request
	next  http.Handler // answers where the owner does not
}

type proxiedKey struct{}

// proxied is the proxiedRequest in a request's context.
func proxied(r *http.Request) *proxiedRequest {
	p, _ := r.Context().Value(proxiedKey{}).(*proxiedRequest)
	return p
}

// forward takes a request to the node of a tag.
func (n *Node) forward(w http.ResponseWriter, r *http.Request, tag string, next http.Handler) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(n.forwarding, cancel)()
	o := n.directory.find(ctx, tag)
	if o == nil {
		n.stats.unknown.Add(1)
		next.ServeHTTP(w, r)
		return
	}
	n.stats.requests.Add(1)
	p := &proxiedRequest{owner: o, in: r, next: next}
	if engineio.IsUpgrade(r) {
		n.upgrade(ctx, w, p)
		return
	}
	n.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, proxiedKey{}, p)))
}

// rewrite makes out, a copy of a request without its hop-by-hop headers, the request to the owner.
func (n *Node) rewrite(out *http.Request, p *proxiedRequest) {
	in := p.in
	out.URL = &url.URL{
		Scheme: p.owner.scheme(), Host: p.owner.Address,
		Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery,
	}
	out.Host = in.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, found := in.Header[name]; found {
			out.Header[name] = values
		}
	}
	peer, _, err := net.SplitHostPort(in.RemoteAddr)
	if err != nil {
		peer = in.RemoteAddr
	}
	through := append(slices.Clone(in.Header["X-Forwarded-For"]), peer)
	out.Header["X-Forwarded-For"] = []string{strings.Join(through, ", ")}
	out.Header[ForwardedHeader] = []string{p.owner.Key + " " + in.RemoteAddr}
}

// answered takes the answer to a request.
func (n *Node) answered(r *http.Response, p *proxiedRequest) error {
	err := checkOwner(r, p.owner)
	if err == nil {
		n.stats.answered.Add(1)
	}
	return err
}

// checkOwner checks that an answer is the owner's, and takes off what is between nodes only.
func checkOwner(r *http.Response, o *owner) error {
	tags := r.Header[nodeHeader]
	delete(r.Header, nodeHeader)
	if len(tags) != 1 || tags[0] != o.tag {
		return errNotOwner
	}
	return nil
}

// failed answers a request whose owner has not, as a node does that does not know the session. Nothing that a client
// can bring about makes this node forget the owner.
func (n *Node) failed(w http.ResponseWriter, p *proxiedRequest, err error) {
	if p.in.Context().Err() != nil { // the client has gone
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if errors.Is(err, errTooLong) {
		n.refuseTooLong(w, p)
		return
	}
	if errors.Is(err, errNoFiles) {
		n.refuseNoFiles(w, p)
		return
	}
	n.stats.failed.Add(1)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		n.directory.drop(p.owner)
	case errors.Is(err, errNotOwner), errors.Is(err, mux.ErrRefused): // the latter serves no more
		n.doubt(p.owner)
	}
	if n.forwarding.Err() == nil {
		n.limited.Warn("a request could not be forwarded",
			"node", p.owner.Host, "address", p.owner.Address, "error", err)
	}
	p.next.ServeHTTP(w, p.in)
}

// buffers are for copying answers.
type buffers struct{}

func (buffers) Get() []byte  { return chunks.Get().(*chunk)[:] }
func (buffers) Put(b []byte) { chunks.Put((*chunk)(b)) }

type chunk [16 << 10]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}
