package backend

// Signatures: who has a secret can tell that a request is this gateway's, and new.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"sync"
	"time"
)

// signatureHeader is the header with the time and the signatures: t=<unix seconds>,v1=<hex>[,v1=<hex>].
const signatureHeader = "gateway-signature"

// A signer signs with one secret. Making an HMAC costs more than using it, so that it is kept.
type signer struct{ macs sync.Pool }

// A mac is an HMAC, and has a place for what comes of it.
type mac struct {
	hash.Hash
	sum [sha256.Size]byte
}

func newSigner(secret string) *signer {
	return &signer{macs: sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, []byte(secret))} }}}
}

// sign is the HMAC-SHA256 of text and body, in hexadecimal.
func (s *signer) sign(dst, text, body []byte) []byte {
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	m.Reset()
	m.Write(text)
	m.Write(body)
	return hex.AppendEncode(dst, m.Sum(m.sum[:0]))
}

// signature is the value of signatureHeader for a message that is sent now. What is signed is the time, a line for each
// ce- header in the order of their names, one for content-type, an empty line, and the body: whatever decides what the
// backend makes of it.
func (c *caller) signature(m *message, now time.Time) string {
	scratch := c.scratch.Get().(*[]byte)
	defer c.scratch.Put(scratch)
	text := strconv.AppendInt((*scratch)[:0], now.Unix(), 10)
	value := append(append(make([]byte, 0, 160), "t="...), text...)
	text = append(text, '\n')
	line := func(name, value string) {
		text = append(append(append(append(text, name...), ':'), value...), '\n')
	}
	m.attributes(line)
	line("content-type", m.contentType)
	text = append(text, '\n')
	*scratch = text
	for _, s := range c.signers {
		value = s.sign(append(value, ",v1="...), text, m.body)
	}
	return string(value)
}
