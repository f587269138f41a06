package api

// The OpenAPI description: made of the operations, and completed by what stands around them.

import (
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

const description = "Sends events to the clients of a Socket.IO cluster, puts them into rooms and takes them out, " +
	"disconnects them, and tells who is there. Any node answers for all.\n\n" +
	"Errors are application/problem+json (RFC 9457). Fields and query parameters that are not described are refused."

// describe is the description of all operations.
func (a *API) describe() []byte {
	doc := a.huma.OpenAPI()
	// The types of problems are relative to where the API is.
	doc.Components.Schemas.Map()["ErrorModel"].Properties["type"].Format = "uri-reference"
	describeFields(doc)
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op != nil {
				describeHeaders(op)
			}
		}
	}
	doc.Paths[specPath] = &huma.PathItem{Get: &huma.Operation{
		OperationID: "getDescription", Tags: []string{tagCluster}, Summary: "Look at this description",
		Description: "It takes no token.", Security: []map[string][]string{},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}},
		}}},
	}}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // of what has been compiled into the program
	}
	return append(text, '\n')
}

// describeHeaders adds the headers that the answers of an operation have.
func describeHeaders(op *huma.Operation) {
	text, number := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeInteger}
	for status, r := range op.Responses {
		code, _ := strconv.Atoi(status)
		switch {
		case code == 401:
			r.Headers = headers("WWW-Authenticate", "Bearer.", text)
		case code == 409 || code == 429 || code == 503:
			r.Headers = headers("Retry-After", "Seconds after which to try again.", number)
		case code < 300 && op.RequestBody != nil:
			r.Headers = headers("Idempotency-Replayed", "true where this is the answer to an earlier request with the "+
				"same Idempotency-Key.", text)
		}
	}
}

func headers(name, text string, schema *huma.Schema) map[string]*huma.Param {
	return map[string]*huma.Param{name: {Description: text, Schema: schema}}
}
