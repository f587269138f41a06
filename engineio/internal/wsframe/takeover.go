package wsframe

// permessage-deflate with context takeover (RFC 7692, section 7.2): a message is compressed against those before it, so
// each connection has a state of its own in either direction.

import (
	"bytes"
	"compress/flate"
)

// A Compressor compresses the messages of one connection, each once and in the order in which they go out. It takes
// about 0.8 MB once it has compressed something, which is what a flate.Writer is. It is not for use by several
// goroutines at once.
type Compressor struct {
	deflater *Deflater
	out      bytes.Buffer
	w        *flate.Writer
}

// NewCompressor returns the Compressor of a connection, with the Deflater's threshold and level.
func (d *Deflater) NewCompressor() *Compressor { return &Compressor{deflater: d} }

// Compress is Deflater.Compress in the connection's context.
func (c *Compressor) Compress(frames []byte) []byte {
	return compressFrames(frames, c.deflater.threshold, func(body []byte) []byte {
		if c.w == nil {
			c.w = c.deflater.newWriter()
			c.w.Reset(&c.out)
		}
		c.out.Reset()
		flush(c.w, body)
		return c.out.Bytes()
	})
}

// windowSize is how far back a message may refer, in bytes.
const windowSize = 32 << 10

// An Inflater decompresses the messages of one connection in their order. Between two it keeps the last 32 KiB of what
// came out. It is not for use by several goroutines at once.
type Inflater struct{ window []byte }

// Inflate is the function of that name in the connection's context.
func (i *Inflater) Inflate(data []byte, limit int) ([]byte, error) {
	out, err := inflate(data, limit, i.window)
	if err != nil {
		return nil, err
	}
	keep := min(len(i.window), max(windowSize-len(out), 0))
	copy(i.window, i.window[len(i.window)-keep:])
	i.window = append(i.window[:keep], out[max(len(out)-windowSize, 0):]...)
	return out, nil
}
