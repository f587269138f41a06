package gateway

// What keeps a slow request from holding a connection for free.

import (
	"errors"
	"io"
	"net/http"
	"syscall"
	"time"
)

// boundBody bounds the time that a request's body may take. Past the limit reading it fails, and the connection ends.
// http.Server's own ReadTimeout cannot do that: it would also cut a GET that waits longer for a message.
func boundBody(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			connection := http.NewResponseController(w)
			// Also where the handler never reads: net/http reads what is left of a body before it answers.
			if err := connection.SetReadDeadline(time.Now().Add(limit)); err == nil {
				r.Body = &boundedBody{ReadCloser: r.Body, connection: connection}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// A boundedBody takes the deadline off the connection at the body's end. From there on net/http reads ahead on the
// connection, to notice a client that leaves. With the deadline in place it would think that of every client whose
// handler takes longer than the limit.
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
