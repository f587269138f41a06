package plainhttp

import "bytes"

// A Request is what a plain request says. Body and AppendFields refer to the bytes that it was parsed from.
type Request struct {
	Method       string   // "GET" or "POST", or "OPTIONS" for a preflight request of CORS
	URI          string   // the target as sent: path and query
	Query        string   // of the URI, not decoded
	Host         string   // with or without a port
	ForwardedFor []string // the values of X-Forwarded-For, if the Parser is to keep them
	Origin       string   // if the Parser is to keep it
	Extensions   []string // the values of Sec-WebSocket-Extensions, if the Parser is to keep them
	AsksHeaders  string   // Access-Control-Request-Headers
	Upgrade      bool     // to WebSocket
	Key          string   // Sec-WebSocket-Key
	Gzip         bool     // the client takes an answer compressed with gzip
	Close        bool     // the client wants the connection to end with the answer; not with Upgrade
	Body         []byte   // of a POST
	Size         int      // of the whole request, in bytes
	FieldsSize   int      // how much AppendFields appends, in bytes
	Reason       Reason   // why it is not plain

	lines []byte // the fields as they came
}

// AppendFields appends the fields except Host: name and value in turns, each followed by a line feed. The names are in
// canonical form, as in http.Header. Few requests need this, so Parse does not do it.
func (r *Request) AppendFields(b []byte) []byte {
	for rest := r.lines; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		rawName, rawValue, _ := bytes.Cut(line, colon)
		at := len(b)
		b = appendCanonical(b, rawName)
		if string(b[at:]) == "Host" {
			b = b[:at]
			continue
		}
		b = append(b, '\n')
		b = append(append(b, trim(rawValue)...), '\n')
	}
	return b
}
