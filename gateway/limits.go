package gateway

// What keeps a slow request from holding a connection for free.

import (
	"errors"
	"io"
	"net/http"
	"syscall"
	"time"
)

// boundBody gives every request that has a body limit to send it; past it, reading the body fails and the connection
// ends. http.Server's own ReadTimeout cannot do that: it would also cut a GET that waits for a message for longer.
func boundBody(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			connection := http.NewResponseController(w)
			// Set even if the handler never reads: net/http reads what is left of a body before it answers.
			if err := connection.SetReadDeadline(time.Now().Add(limit)); err == nil {
				r.Body = &boundedBody{ReadCloser: r.Body, connection: connection}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// A boundedBody takes the deadline off the connection at the end of the body. Past that end net/http reads ahead on the
// connection, to notice a client that leaves; with the deadline in place it would take a handler that is still busy
// for one whose client has gone.
type boundedBody struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		// It cannot fail where setting the deadline did not, other than on a connection that is gone.
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

func isAddressInUse(err error) bool {
	// 10048 is WSAEADDRINUSE: on Windows syscall.EADDRINUSE is an invented number that no call returns.
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048))
}
