// Package jetstreams has what all that is kept in NATS' JetStream shares: names, and how many copies there are.
package jetstreams

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Name is a prefix as the beginning of a stream's or a bucket's name: letters, digits and '-' as they are, any other
// byte as '_' and two hexadecimal digits.
func Name(prefix string) string {
	var b strings.Builder
	for i := range len(prefix) {
		switch c := prefix[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}

// Copies is how many copies there can be: three, or one where the NATS servers are fewer than three. The zero value is
// ready to be used, by one goroutine at a time.
type Copies struct {
	since time.Time // since when three could not be had
}

// The codes with which a server refuses to keep three copies: it is no member of a cluster, or there are too few.
const (
	notClustered jetstream.ErrorCode = 10074
	noPeers      jetstream.ErrorCode = 10005
)

// aloneAfter is how long three copies are tried for where the NATS servers are a cluster: some of them may be starting.
const aloneAfter = 5 * time.Second

// Make calls make, which makes a stream or a bucket, with as many copies as it may have. The error is make's.
func (c *Copies) Make(make func(replicas int) error) error {
	err := make(3)
	var refused *jetstream.APIError
	if !errors.As(err, &refused) || refused.ErrorCode != notClustered && refused.ErrorCode != noPeers {
		return err
	}
	if c.since.IsZero() {
		c.since = time.Now()
	}
	if refused.ErrorCode == notClustered || time.Since(c.since) > aloneAfter {
		return make(1)
	}
	return err
}
