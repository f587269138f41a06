package backend

// What the backend has answered: read and checked as a whole, then carried out.

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	maxEmissions = 1000
	maxMembers   = 1000 // of "data"
	maxUserBytes = 255
	// userMember is the member of a socket's data that says who it is, which the backend names with "user".
	userMember = "user"
)

// An answer is what is to happen. It has been checked.
type answer struct {
	user         string
	acknowledges bool
	ack          []any
	emit         []emission.Emission
	join, leave  []string
	data         map[string]socketio.Raw
	disconnect   bool
	closes       bool // the connection
}

// isEmpty reports whether a response says that there is nothing to do.
func (r *response) isEmpty() bool { return r.status == http.StatusNoContent || len(r.body) == 0 }

// errStatus says that the backend has not done what it was asked to.
var errStatus = errors.New("status")

// members are those of an object. They are few: looking through them costs less than a map.
type members []member

type member struct {
	name  string
	value socketio.Raw
}

// present is a member that there is, and that is not null; of those with the same name, the last.
func (m members) present(name string) (value socketio.Raw, ok bool) {
	for _, found := range slices.Backward(m) {
		if found.name == name {
			return found.value, string(found.value.JSON()) != "null"
		}
	}
	return value, false
}

// members are those of a response's JSON. The error says what is wrong with the response.
func (r *response) members() (members, error) {
	if r.status < 200 || r.status > 299 {
		return nil, fmt.Errorf("%w %d", errStatus, r.status)
	}
	if r.isEmpty() {
		return nil, nil
	}
	if !isJSON(r.contentType) {
		return nil, fmt.Errorf("content-type %.100q, want application/json", r.contentType)
	}
	return membersIn(r.body)
}

func membersIn(body []byte) (members, error) {
	raw, err := socketio.NewRaw(body)
	if err != nil {
		return nil, errors.New("not valid JSON, or nested too deeply")
	}
	m, ok := membersOf(raw)
	if !ok {
		return nil, errors.New("no JSON object")
	}
	return m, nil
}

func membersOf(raw socketio.Raw) (m members, ok bool) {
	ok = raw.EachField(func(name string, value socketio.Raw) { m = append(m, member{name, value}) })
	return m, ok
}

func isJSON(contentType string) bool {
	if contentType == typeJSON {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == typeJSON || strings.HasSuffix(mediaType, "+json"))
}

// readConnect reads the answer to a connect. refused is the client's connect_error where the backend does not let it
// in.
func readConnect(r *response) (a *answer, refused *socketio.ConnectError, err error) {
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		return nil, refusalOf(r), nil
	}
	fields, err := r.members()
	if err != nil {
		return nil, nil, err
	}
	if raw, ok := fields.present("refuse"); ok {
		refused, err := readRefusal(raw)
		return nil, refused, err
	}
	a, err = readAnswer(fields)
	if err != nil {
		return nil, nil, err
	}
	if raw, ok := fields.present("user"); ok {
		if err := raw.Bind(&a.user); err != nil || a.user == "" || len(a.user) > maxUserBytes {
			return nil, nil, fmt.Errorf(`"user" is no name of 1 to %d bytes`, maxUserBytes)
		}
	}
	return a, nil, nil
}

// refusalOf is what a status that refuses tells the client: the message of its body, if it has one.
func refusalOf(r *response) *socketio.ConnectError {
	refused := &socketio.ConnectError{Message: strings.ToLower(http.StatusText(r.status))}
	if !isJSON(r.contentType) {
		return refused
	}
	fields, err := membersIn(r.body)
	if err != nil {
		return refused
	}
	raw, ok := fields.present("refuse")
	if !ok {
		raw, err = socketio.NewRaw(r.body)
	}
	if told, readErr := readRefusal(raw); err == nil && readErr == nil {
		return told
	}
	return refused
}

// readRefusal reads {"message": "...", "data": ...}.
func readRefusal(raw socketio.Raw) (*socketio.ConnectError, error) {
	message, data, err := readError(raw)
	if err != nil {
		return nil, fmt.Errorf(`"refuse": %w`, err)
	}
	refused := &socketio.ConnectError{Message: message}
	if !data.IsZero() {
		refused.Data = data
	}
	return refused, nil
}

// readError reads an object with a message and, perhaps, data.
func readError(raw socketio.Raw) (message string, data socketio.Raw, err error) {
	fields, ok := membersOf(raw)
	text, _ := fields.present("message")
	if !ok || text.Bind(&message) != nil {
		return "", data, errors.New(`want an object with a "message", and "data" if any`)
	}
	data, _ = fields.present("data")
	return message, data, nil
}

// readEvent reads the answer to an event.
func readEvent(r *response) (*answer, error) {
	if r.contentType == typeBinary && r.status == http.StatusOK && len(r.body) > 0 {
		return &answer{acknowledges: true, ack: []any{r.body}}, nil
	}
	fields, err := r.members()
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(fields)
	if err != nil {
		return nil, err
	}
	ack, acknowledges := fields.present("ack")
	failed, fails := fields.present("error")
	switch {
	case acknowledges && fails:
		return nil, errors.New(`either "ack" or "error"`)
	case fails:
		message, data, err := readError(failed)
		if err != nil {
			return nil, fmt.Errorf(`"error": %w`, err)
		}
		a.acknowledges, a.ack = true, []any{errorAck{message, data}}
	case acknowledges:
		var binary []string
		if raw, ok := fields.present("ackBinary"); ok {
			if err := raw.Bind(&binary); err != nil {
				return nil, errors.New(`"ackBinary" is no array of pointers`)
			}
		}
		args, err := emission.Decode(ack.JSON(), binary)
		if err != nil {
			return nil, fmt.Errorf(`"ack": %w`, err)
		}
		a.acknowledges, a.ack = true, make([]any, args.Len())
		for i := range a.ack {
			a.ack[i] = args.Raw(i)
		}
	}
	return a, nil
}

// errorAck is an acknowledgement with an error, in socketio.Error's form.
type errorAck struct {
	Error string       `json:"error"`
	Data  socketio.Raw `json:"data,omitzero"`
}

// readDisconnect reads the answer to a disconnect, of which emissions to others are all that is left to do.
func readDisconnect(r *response) (*answer, error) {
	fields, err := r.members()
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(fields)
	if err != nil {
		return nil, err
	}
	var others []emission.Emission
	for _, e := range a.emit {
		if e.Addressed() {
			others = append(others, e)
		}
	}
	a.emit = others
	return a, nil
}

// readAnswer reads what all answers may have.
func readAnswer(fields members) (*answer, error) {
	a := new(answer)
	if len(fields) == 0 {
		return a, nil
	}
	if raw, ok := fields.present("emit"); ok {
		var list []json.RawMessage
		if raw.Bind(&list) != nil || len(list) > maxEmissions {
			return nil, fmt.Errorf(`"emit" is no array of at most %d`, maxEmissions)
		}
		a.emit = make([]emission.Emission, len(list))
		for i, text := range list {
			if err := json.Unmarshal(text, &a.emit[i]); err != nil {
				return nil, fmt.Errorf(`"emit": number %d: %w`, i, err)
			}
			if err := a.emit[i].Check(); err != nil {
				return nil, fmt.Errorf(`"emit": number %d: %w`, i, err)
			}
		}
	}
	if err := readRooms(fields, "join", &a.join); err != nil {
		return nil, err
	}
	if err := readRooms(fields, "leave", &a.leave); err != nil {
		return nil, err
	}
	if raw, ok := fields.present("data"); ok {
		if a.data, ok = raw.Fields(); !ok || len(a.data) > maxMembers {
			return nil, fmt.Errorf(`"data" is no object of at most %d members`, maxMembers)
		}
		for _, member := range [...]string{userMember, auth.RoomsMember} {
			if _, named := a.data[member]; named {
				return nil, fmt.Errorf(`"data" has %q, which is not for it to name`, member)
			}
		}
	}
	return a, a.readEnd(fields)
}

// readRooms reads a member that is an array of rooms, if it is there.
func readRooms(fields members, name string, to *[]string) error {
	raw, ok := fields.present(name)
	if !ok {
		return nil
	}
	if raw.Bind(to) != nil {
		return fmt.Errorf("%q is no array of rooms", name)
	}
	return emission.CheckRooms(name, *to)
}

// readEnd reads "disconnect".
func (a *answer) readEnd(fields members) error {
	raw, ok := fields.present("disconnect")
	if !ok {
		return nil
	}
	switch string(raw.JSON()) {
	case "true":
		a.disconnect = true
	case `"close"`:
		a.disconnect, a.closes = true, true
	case "false":
	default:
		return errors.New(`"disconnect" is neither true nor "close"`)
	}
	return nil
}

// settle does what is done before anything is emitted: leaving, joining, data. Of a socket that has gone it does
// nothing.
func (a *answer) settle(sock *socketio.Socket) {
	for _, room := range a.leave {
		sock.Leave(room)
	}
	if len(a.join) > 0 {
		sock.Join(a.join...)
	}
	for name, value := range a.data {
		key := socketio.NewKey[socketio.Raw](name)
		if string(value.JSON()) == "null" {
			_ = key.Delete(sock) // the data is an object: this package sets it, and no other
		} else {
			_ = key.Set(sock, value)
		}
	}
}

// end is what comes last.
func (a *answer) end(sock *socketio.Socket) {
	if a.disconnect {
		sock.Disconnect(a.closes)
	}
}
