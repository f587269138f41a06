package engineio

// The bodies of polling answers: messages in the protocol's polling form, compressed where that pays.

const pollContentType = "text/plain; charset=UTF-8"

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
	shared  bool // it is kept with the only message of the batch
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
	size, compressible := -1, false
	for _, m := range batch {
		if m.control {
			continue
		}
		size += len(m.polled()) + 1
		compressible = compressible || !m.noCompress
	}
	threshold := srv.opts.HTTPCompression
	return compressible && threshold >= 0 && size >= threshold
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
