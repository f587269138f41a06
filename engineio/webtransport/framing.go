package webtransport

import (
	"encoding/binary"
	"errors"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// Name is the transport's name in Options.Transports and in the list of upgrades.
const Name = "webtransport"

// A header is one byte, whose highest bit says that the packet is binary, with the packet's length in the others. The
// two largest say that the length follows, in 2 or 8 bytes (Engine.IO protocol, "Packet encoding").
const (
	isBinary    = 0x80
	length16    = 126
	length64    = 127
	longest     = 9    // bytes of a header
	firstMemory = 4096 // what a packet is given before its bytes have come
)

var (
	errEmpty  = errors.New("webtransport: empty packet")
	errTooBig = errors.New("webtransport: packet is too big")
)

// Framing is how packets stand on the stream.
type Framing struct{}

var _ engineio.Framing = Framing{}

// Name returns Name.
func (Framing) Name() string { return Name }

// AppendPacket appends a header and the packet.
func (Framing) AppendPacket(b, packet []byte, binaryData bool) []byte {
	var flag byte
	if binaryData {
		flag = isBinary
	}
	switch n := len(packet); {
	case n < length16:
		b = append(b, flag|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, flag|length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, flag|length64), uint64(n))
	}
	return append(b, packet...)
}

// NewDecoder returns the decoder of one stream. An empty packet is an error, as with Node.js, and so is one of more
// than limit bytes, before they have come.
func (Framing) NewDecoder(limit int) engineio.Decoder { return &decoder{limit: uint64(max(limit, 0))} }

// A decoder keeps what has come of a header or of a packet.
type decoder struct {
	limit  uint64
	header [longest]byte
	have   int    // bytes of header
	packet []byte // nil until its header is whole
	left   int    // bytes that it lacks
}

// Decode implements engineio.Decoder.
func (d *decoder) Decode(b []byte, packet func(data []byte, binary bool) error) error {
	for len(b) > 0 {
		if d.packet == nil {
			n, err := d.readHeader(b)
			if err != nil {
				return err
			}
			b = b[n:]
			continue
		}
		n := min(d.left, len(b))
		d.packet = append(d.packet, b[:n]...)
		b, d.left = b[n:], d.left-n
		if d.left > 0 {
			return nil
		}
		data := d.packet
		d.packet, d.have = nil, 0
		if err := packet(data, d.header[0]&isBinary != 0); err != nil {
			return err
		}
	}
	return nil
}

// readHeader takes bytes of a header and returns how many. b is not empty.
func (d *decoder) readHeader(b []byte) (int, error) {
	n := 0
	if d.have == 0 {
		d.header[0] = b[0]
		d.have, n = 1, 1
	}
	size := headerSize(d.header[0])
	more := copy(d.header[d.have:size], b[n:])
	d.have += more
	n += more
	if d.have < size {
		return n, nil
	}
	length := uint64(d.header[0] &^ isBinary)
	switch size {
	case 3:
		length = uint64(binary.BigEndian.Uint16(d.header[1:]))
	case longest:
		length = binary.BigEndian.Uint64(d.header[1:])
	}
	switch {
	case length == 0:
		return n, errEmpty
	case length > d.limit:
		return n, errTooBig
	}
	d.left = int(length) // at most limit, which is an int
	d.packet = make([]byte, 0, min(d.left, firstMemory))
	return n, nil
}

func headerSize(first byte) int {
	switch first &^ isBinary {
	case length16:
		return 3
	case length64:
		return longest
	}
	return 1
}
