package api

// Emissions with nothing special about them, which nearly all are: read and checked once, where huma decodes a body
// twice, for its schema and for the operation. What is not plain in every respect, all that is wrong above all, is
// huma's from the beginning: there is one place that words errors.

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/emission"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

const (
	emitPath  = "/v1/emit"
	batchPath = "/v1/emit-batch"
	// maxBatch is how many emissions a batch has, maxNamespaceName how long the name of a namespace may be.
	maxBatch         = 1000
	maxNamespaceName = 1024
)

// A plainEmission is one before its namespace and its users' rooms have been found.
type plainEmission struct {
	emission.Emission
	namespace string
	users     []string
}

// plainEmit serves emit and emit-batch. It reports false, having done nothing, where a request is not plain.
func (a *API) plainEmit(w http.ResponseWriter, r *http.Request, body []byte) bool {
	batch := r.URL.Path == batchPath
	if !batch && r.URL.Path != emitPath || r.Method != http.MethodPost || r.URL.RawQuery != "" || !isPlain(r.Header) {
		return false
	}
	raw, err := socketio.NewRaw(body)
	if err != nil {
		return false
	}
	list := []socketio.Raw{raw}
	if batch {
		list = emissionsOf(raw)
	}
	if len(list) == 0 || len(list) > maxBatch {
		return false
	}
	ready := make([]plainEmission, len(list))
	namespaces := make([]*socketio.Namespace, len(list))
	for i := range ready {
		if !ready[i].read(list[i]) {
			return false
		}
		if namespaces[i], err = a.namespace(ready[i].namespace, ""); err != nil {
			return false
		}
		e := &ready[i]
		if e.To, err = a.rooms(e.To, e.users, e.All, "", "to"); err != nil || e.Check() != nil {
			return false
		}
	}
	r.Pattern = r.Method + " " + r.URL.Path // as the mux would say
	for i := range ready {
		if err := ready[i].Emit(namespaces[i], nil); err != nil {
			invalid(err, "body").write(w) // cannot happen: it has been checked
			return true
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(Done{a.delayed()}) // a client that left is no error of ours
	return true
}

// isPlain reports whether a request comes with JSON and takes JSON.
func isPlain(h http.Header) bool {
	accept, contentType := h["Accept"], h["Content-Type"]
	return len(contentType) == 1 && contentType[0] == "application/json" &&
		(len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == "application/json"))
}

// emissionsOf are those of a batch, none where it is no plain one.
func emissionsOf(raw socketio.Raw) []socketio.Raw {
	fields, ok := raw.Fields()
	if !ok || len(fields) != 1 {
		return nil
	}
	args, err := parser.ParseArgs(fields["emissions"].JSON(), nil)
	if err != nil {
		return nil
	}
	list := make([]socketio.Raw, args.Len())
	for i := range list {
		list[i] = args.Raw(i)
	}
	return list
}

// read reads the JSON of an Emission, which it does not keep. It reports false where there is anything that the schema
// does not allow; what Check and API.rooms refuse is left to them.
func (e *plainEmission) read(raw socketio.Raw) bool {
	fields, ok := raw.Fields()
	if !ok {
		return false
	}
	for name, value := range fields {
		text := value.JSON()
		var into any
		switch name {
		case "namespace":
			into = &e.namespace
		case "event":
			into = &e.Event
		case "args":
			if e.Args = bytes.Clone(text); text[0] != '[' {
				return false
			}
			continue
		case "binary":
			into = &e.Binary
		case "to":
			into = &e.To
		case "users":
			into = &e.users
		case "all":
			into = &e.All
		case "except":
			into = &e.Except
		case "volatile":
			into = &e.Volatile
		default:
			return false
		}
		if string(text) == "null" || value.Bind(into) != nil {
			return false
		}
	}
	return len(e.namespace) <= maxNamespaceName && len(e.users) <= emission.MaxRooms
}
