package gateway

// What a collector answers, in protobuf. The generated code for it imports gRPC, so that its few fields are read here.

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A rejectedError is what a collector says of a batch that it has taken. With 0 spans that is a warning.
type rejectedError struct {
	spans   int64
	message string
}

func (e *rejectedError) Error() string {
	return fmt.Sprintf("the collector has rejected %d spans: %s", e.spans, e.message)
}

// readRejected reads an ExportTraceServiceResponse: {partial_success: 1 {rejected_spans: 1, error_message: 2}}.
func readRejected(answer []byte) error {
	var rejected rejectedError
	var inner error
	err := eachField(answer, func(field protowire.Number, _ uint64, partial []byte) {
		if field != 1 {
			return
		}
		inner = eachField(partial, func(field protowire.Number, number uint64, text []byte) {
			switch field {
			case 1:
				rejected.spans = int64(number)
			case 2:
				rejected.message = string(text)
			}
		})
	})
	if err := errors.Join(err, inner); err != nil {
		return fmt.Errorf("its answer makes no sense: %w", err)
	}
	if rejected == (rejectedError{}) {
		return nil
	}
	return &rejected
}

// readStatus reads the message of a google.rpc.Status: {message: 2}.
func readStatus(answer []byte) (message []byte) {
	_ = eachField(answer, func(field protowire.Number, _ uint64, text []byte) {
		if field == 2 {
			message = text
		}
	})
	return message
}

// eachField calls see with the fields of a message in protobuf, of whose number or text one is there.
func eachField(message []byte, see func(field protowire.Number, number uint64, text []byte)) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		var number uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		see(field, number, text)
	}
	return nil
}
