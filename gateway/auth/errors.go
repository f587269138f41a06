package auth

// Why a client is refused, in words for its developer and in codes for its program.

import (
	"errors"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Code says what a frontend can do about a refusal.
type Code string

const (
	// Missing: there is no token. Log in.
	Missing Code = "token_missing"
	// Expired: it was valid. Get another and connect again.
	Expired Code = "token_expired"
	// Invalid: it is none of the issuer's, or not for this service. Another of the same kind will not do either.
	Invalid Code = "token_invalid"
	// NotYetValid: wait, or mend a clock.
	NotYetValid Code = "token_not_yet_valid"
	// OtherUser: the socket is another user's. Open a connection of the new user's own.
	OtherUser Code = "token_other_user"
	// KeysUnavailable: nobody knows whether it is valid, as the issuer's keys cannot be had. Try again in a while.
	KeysUnavailable Code = "keys_unavailable"
	// TooOften: too many refreshes. Try again in a while.
	TooOften Code = "refresh_too_often"
)

// Codes are all codes, in the order of the documentation.
var Codes = [...]Code{Missing, Expired, Invalid, NotYetValid, OtherUser, KeysUnavailable, TooOften}

// messages are the codes in words.
var messages = map[Code]string{
	Missing:         "authentication required",
	Expired:         "the token has expired",
	Invalid:         "the token is not valid",
	NotYetValid:     "the token is not valid yet",
	OtherUser:       "the token is another user's",
	KeysUnavailable: "tokens cannot be verified at the moment",
	TooOften:        "too many refreshes",
}

// An Error is a refusal. Its text is for the log; the client gets Code, and the words for that.
type Error struct {
	Code Code
	Err  error // why, or nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return messages[e.Code]
	}
	return messages[e.Code] + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// refused is an Error.
func refused(code Code, why error) *Error { return &Error{code, why} }

// codeData is what a client gets beside the message.
type codeData struct {
	Code Code `json:"code"`
}

// connectError is an error as a client gets it.
func connectError(err error) *socketio.ConnectError {
	code := codeOf(err)
	return &socketio.ConnectError{Message: messages[code], Data: codeData{code}}
}

// codeOf is the code of an error; what is no *Error is a token that does not do.
func codeOf(err error) Code {
	if e := new(Error); errors.As(err, &e) {
		return e.Code
	}
	return Invalid
}
