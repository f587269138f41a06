package forward

// How long a request may get: forwarding adds a few fields, and one that is longer than its owner takes would be
// answered by the owner's net/http, before any handler could sign the answer.

import (
	"errors"
	"net/http"
)

// headSlack is how much longer than http.Server.MaxHeaderBytes a head may be: net/http's allowance for its own buffer.
const headSlack = 4 << 10

// errTooLong means that a request would have been longer than its owner takes.
var errTooLong = errors.New("forward: the request is too long to be forwarded")

// isTooLong reports whether the head of a request to an owner is longer than the owner takes.
func (n *Node) isTooLong(out *http.Request) bool {
	size := len(out.Method) + len(" ") + len(out.URL.RequestURI()) + len(" HTTP/1.1\r\nHost: \r\n") + len(out.Host) +
		len("Content-Length: 9223372036854775807\r\n\r\n") // or Transfer-Encoding, which is shorter
	for name, values := range out.Header {
		for _, v := range values {
			size += len(name) + len(": \r\n") + len(v)
		}
	}
	return size > n.opts.MaxHeaderBytes+headSlack
}

// A lengthChecked is a Node's way to owners, for requests that are not too long.
type lengthChecked struct{ node *Node }

// RoundTrip implements http.RoundTripper.
func (l lengthChecked) RoundTrip(out *http.Request) (*http.Response, error) {
	if l.node.isTooLong(out) {
		if out.Body != nil {
			_ = out.Body.Close()
		}
		return nil, errTooLong
	}
	return l.node.transport.RoundTrip(out)
}

// refuseTooLong answers as net/http does a request that is a few bytes longer.
func (n *Node) refuseTooLong(w http.ResponseWriter, p *proxiedRequest) {
	n.stats.tooLong.Add(1)
	n.limited.Warn("a request is too long to be forwarded", "remote", p.in.RemoteAddr, "node", p.owner.Host)
	w.Header().Set("Connection", "close")
	const status = http.StatusRequestHeaderFieldsTooLarge
	http.Error(w, "431 "+http.StatusText(status), status)
}
