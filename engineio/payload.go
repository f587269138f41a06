package engineio

// The bodies of polls' answers and of POSTs: messages in the protocol's polling form, compressed where that pays.

import "slices"

// payloads is how packets stand in the bodies of one client's polls and POSTs: payloads4, or payloads3 (payload3.go).
type payloads interface {
	// answer is the body that takes a batch to the client, compressed where that pays and the client takes it.
	answer(srv *Server, batch []*Message, acceptsGzip bool) answerBody
	// mustZip reports whether the answer with a batch is yet to be compressed.
	mustZip(srv *Server, batch []*Message, acceptsGzip bool) bool
	// takes reports whether a POST may have that Content-Type.
	takes(contentType string) bool
	// open returns the payload in the body of a POST, and what takes the packets off it.
	open(contentType string, body []byte) ([]byte, nextPacketFunc)
	// hasClose reports whether there may be a close packet in the body of a POST.
	hasClose(body []byte) bool
}

// A nextPacketFunc takes the first packet off a payload. more reports whether another should follow.
type nextPacketFunc func(payload []byte) (p packet, rest []byte, more, ok bool)

// payloads4 are those of revision 4.
type payloads4 struct{}

func (payloads4) answer(srv *Server, batch []*Message, acceptsGzip bool) answerBody {
	return srv.payload(batch, acceptsGzip)
}

func (payloads4) mustZip(srv *Server, batch []*Message, acceptsGzip bool) bool {
	return srv.mustZip(batch, acceptsGzip)
}

func (payloads4) takes(contentType string) bool { return contentType != binaryContentType }

func (payloads4) open(_ string, body []byte) ([]byte, nextPacketFunc) {
	return validText(body), nextPacket
}

func (payloads4) hasClose(body []byte) bool { return hasClosePacket(body) }

const (
	textContentType   = "text/plain; charset=UTF-8"
	binaryContentType = "application/octet-stream"
)

// maxAnswer is how much of a queue one answer takes, in bytes; a message that is longer goes alone. An answer of
// several messages is a copy, which is held until the client has read it.
const maxAnswer = 1 << 20

// aloneZipped is the length from which a message that stands among others is compressed once for all clients rather
// than together with them, in bytes.
const aloneZipped = 1 << 10

// An answerBody is the body of a poll's answer.
type answerBody struct {
	bytes   []byte
	gzipped bool
	binary  bool // its packets are, in revision 3
	shared  bool // it is kept with the only message of the batch
}

func (a *answerBody) contentType() string {
	if a.binary {
		return binaryContentType
	}
	return textContentType
}

// only returns the batch's message where there is but one, and polling clients get it.
func only(batch []*Message) *Message {
	if len(batch) == 1 && !batch[0].control {
		return batch[0]
	}
	return nil
}

// zips reports whether a batch is compressed for clients that take it.
func (srv *Server) zips(batch []*Message) bool {
	size := -1
	for _, m := range batch {
		if !m.control {
			size += len(m.polled()) + 1
		}
	}
	return size >= srv.opts.HTTPCompression && srv.mayZip(batch)
}

// mayZip reports whether a batch is compressed if it is long enough.
func (srv *Server) mayZip(batch []*Message) bool {
	return srv.opts.HTTPCompression >= 0 &&
		slices.ContainsFunc(batch, func(m *Message) bool { return !m.control && !m.noCompress })
}

// mustZip reports whether the answer with a batch is yet to be compressed.
func (srv *Server) mustZip(batch []*Message, acceptsGzip bool) bool {
	if !acceptsGzip || !srv.zips(batch) {
		return false
	}
	m := only(batch)
	return m == nil || !m.zipped.Load().isMade()
}

// payload is the body that takes a batch to a client, compressed where that pays and the client takes it.
func (srv *Server) payload(batch []*Message, acceptsGzip bool) answerBody {
	m, zip := only(batch), acceptsGzip && srv.zips(batch)
	switch {
	case zip && m != nil:
		return answerBody{bytes: m.gzipped(), gzipped: true, shared: true}
	case zip:
		return answerBody{bytes: gzipBatch(batch, max(aloneZipped, srv.opts.HTTPCompression)), gzipped: true}
	case m != nil:
		return answerBody{bytes: m.polled(), shared: true}
	}
	size := 0
	for _, m := range batch {
		size += m.size() + 1
	}
	body := make([]byte, 0, size)
	for _, m := range batch {
		if m.control {
			continue
		}
		if len(body) > 0 {
			body = append(body, payloadSeparator)
		}
		body = m.appendPayload(body)
	}
	return answerBody{bytes: body}
}
