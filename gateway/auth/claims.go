package auth

// What a token says of its bearer, and how that is read.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// maxNameBytes is the longest name of a user or of a room, which gateway.Node.Identify has too.
	maxNameBytes = 255
	// maxRooms is how many rooms a token may name.
	maxRooms = 100
)

// Claims are what a token says, once it is verified. They are shared: nobody changes them.
type Claims struct {
	// User is whom it is about.
	User string
	// Rooms are those that it names.
	Rooms []string
	// Expires is when it ends, zero where it does not.
	Expires time.Time
	// JSON are all claims, as the token has them.
	JSON json.RawMessage
}

var (
	errTooLong   = fmt.Errorf("longer than %d bytes", MaxTokenBytes)
	errNoUser    = errors.New("it names no user")
	errRooms     = fmt.Errorf("its rooms are no list of at most %d names", maxRooms)
	errRoomNames = errors.New("one of its rooms has a name that is not for tokens to give")
)

// payload is a token's body while it is read: it implements jwt.Claims. Names are taken as they are written, where
// encoding/json would take EXP for exp.
type payload struct {
	text   json.RawMessage
	fields map[string]socketio.Raw
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *payload) UnmarshalJSON(text []byte) error {
	p.text = bytes.Clone(text)
	raw, err := socketio.NewRaw(p.text)
	if err != nil {
		return err
	}
	var ok bool
	if p.fields, ok = raw.Fields(); !ok {
		return errors.New("its body is no object")
	}
	return nil
}

func (p *payload) date(name string) (*jwt.NumericDate, error) {
	text := p.fields[name].JSON()
	if text == nil || string(text) == "null" {
		return nil, nil
	}
	date := new(jwt.NumericDate)
	if err := date.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return date, nil
}

// GetExpirationTime implements jwt.Claims.
func (p *payload) GetExpirationTime() (*jwt.NumericDate, error) { return p.date("exp") }

// GetNotBefore implements jwt.Claims.
func (p *payload) GetNotBefore() (*jwt.NumericDate, error) { return p.date("nbf") }

// GetIssuedAt implements jwt.Claims.
func (p *payload) GetIssuedAt() (*jwt.NumericDate, error) { return p.date("iat") }

// GetIssuer implements jwt.Claims.
func (p *payload) GetIssuer() (string, error) {
	issuer, _ := p.text1("iss")
	return issuer, nil
}

// GetSubject implements jwt.Claims.
func (p *payload) GetSubject() (string, error) {
	subject, _ := p.text1("sub")
	return subject, nil
}

// GetAudience implements jwt.Claims.
func (p *payload) GetAudience() (jwt.ClaimStrings, error) {
	var audience jwt.ClaimStrings
	if raw, found := p.fields["aud"]; found {
		if err := raw.Bind(&audience); err != nil {
			return nil, err
		}
	}
	return audience, nil
}

// text1 is a claim that is one string.
func (p *payload) text1(name string) (text string, ok bool) {
	raw, found := p.fields[name]
	if !found || raw.JSON()[0] != '"' {
		return "", false
	}
	return text, raw.Bind(&text) == nil
}

// claims reads what the program asks for.
func (p *payload) claims(o *Options) (*Claims, error) {
	name, ok := p.user(o.UserClaim)
	if !ok {
		return nil, errNoUser
	}
	c := &Claims{User: name, JSON: p.text}
	if o.RoomsClaim != "" {
		names, err := p.rooms(o.RoomsClaim)
		if err != nil {
			return nil, err
		}
		for _, room := range names {
			if o.ReservedRooms != "" && strings.HasPrefix(room, o.ReservedRooms) {
				return nil, errRoomNames
			}
		}
		c.Rooms = names
	}
	expires, err := p.GetExpirationTime()
	if err != nil {
		return nil, err
	}
	if expires != nil {
		c.Expires = expires.Time
	}
	return c, nil
}

// user is a string or, as issuers with numbered users have it, a whole number.
func (p *payload) user(claim string) (name string, ok bool) {
	if name, ok = p.text1(claim); ok {
		return name, isName(name)
	}
	number := string(p.fields[claim].JSON())
	whole := number != "" && strings.Trim(strings.TrimPrefix(number, "-"), "0123456789") == ""
	return number, whole && isName(number)
}

// rooms are a string or a list of strings.
func (p *payload) rooms(claim string) ([]string, error) {
	raw, found := p.fields[claim]
	if !found || string(raw.JSON()) == "null" {
		return nil, nil
	}
	var names []string
	if one, is := p.text1(claim); is {
		names = []string{one}
	} else if raw.Bind(&names) != nil {
		return nil, errRooms
	}
	if len(names) > maxRooms {
		return nil, errRooms
	}
	for _, name := range names {
		if !isName(name) {
			return nil, errRooms
		}
	}
	return names, nil
}

// isName reports whether a name is one that a user or a room may have.
func isName(name string) bool {
	return name != "" && len(name) <= maxNameBytes && utf8.ValidString(name)
}
