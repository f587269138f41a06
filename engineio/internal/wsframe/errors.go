package wsframe

// What a peer can do wrong, and the close code that tells it.

import "errors"

// Close codes that answer it (RFC 6455, section 7.4.1).
const (
	CloseProtocolError = 1002
	CloseInvalidData   = 1007
	CloseTooBig        = 1009
)

// An Error is a breach of RFC 6455 or RFC 7692.
type Error struct {
	Code uint16 // of the close frame that answers it
	text string
}

func (e *Error) Error() string { return "websocket: " + e.text }

var (
	errReserved   = &Error{CloseProtocolError, "reserved bits or opcode in a frame"}
	errMasking    = &Error{CloseProtocolError, "frame of a client that is not masked, or of a server that is"}
	errControl    = &Error{CloseProtocolError, "control frame is fragmented or longer than 125 bytes"}
	errSequence   = &Error{CloseProtocolError, "continuation without a start, or a start inside a message"}
	errLength     = &Error{CloseProtocolError, "frame length is not valid"}
	errCloseFrame = &Error{CloseProtocolError, "close frame is not valid"}
	errUTF8       = &Error{CloseInvalidData, "text message is not UTF-8"}
	errInflate    = &Error{CloseInvalidData, "message is not valid deflate data"}
	errTooBig     = &Error{CloseTooBig, "message is longer than the limit"}
)

// CloseCode is the code that answers an error of Reader.Feed: that of an Error, or CloseInvalidData for any other.
func CloseCode(err error) uint16 {
	var breach *Error
	if errors.As(err, &breach) {
		return breach.Code
	}
	return CloseInvalidData
}
