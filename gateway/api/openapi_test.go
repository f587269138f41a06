package api

// The description against the implementation: every route is in it and answers, and whatever is sent, made from it or
// made wrong on purpose, is answered as it says, without a 5xx.

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// routes are all operations, as METHOD path.
func (d *document) routes() (all []string) {
	for path, item := range d.paths {
		for method := range item {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// What the description has is routed, and what is routed is in it.
func TestDescriptionHasTheRoutes(t *testing.T) {
	f := serve(t, nil)
	want := f.doc.routes()
	if len(want) < 15 {
		t.Errorf("the description has only %q", want)
	}
	var got []string
	for _, route := range want {
		method, path, _ := strings.Cut(route, " ")
		path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x")
		if answer := f.call(t, method, path, ""); answer.status == http.StatusMethodNotAllowed ||
			strings.Contains(string(answer.body), "no such operation") {
			t.Errorf("%s is described, and answers %d %s", route, answer.status, answer.body)
		}
		for _, other := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			r, err := http.NewRequest(other, f.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, pattern := f.mux.Handler(r); pattern != "/" && other != "HEAD" {
				got = append(got, pattern)
			}
		}
	}
	got = append(got, "GET "+specPath)
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("routed:    %q\ndescribed: %q", got, want)
	}
	ids := make(map[string]bool)
	for path, item := range f.doc.paths {
		for method, op := range item {
			if ids[op.OperationID] || op.OperationID == "" {
				t.Errorf("the id %q of %s %s is another's", op.OperationID, method, path)
			}
			ids[op.OperationID] = true
		}
	}
}

// The description is one of OpenAPI 3.1, and says of everything what it is.
func TestDescription(t *testing.T) {
	f := serve(t, nil)
	got := f.call(t, "GET", "/openapi.json", "", "Authorization: ")
	var doc struct {
		OpenAPI    string
		Security   []map[string]any
		Components struct{ Schemas map[string]schemaDoc }
	}
	got.want(t, "the description", http.StatusOK, &doc)
	if doc.OpenAPI != "3.1.0" || len(doc.Security) != 1 {
		t.Errorf("OpenAPI %s, security %v", doc.OpenAPI, doc.Security)
	}
	for name, schema := range doc.Components.Schemas {
		for field, property := range schema.Properties {
			if property.Description == "" && property.Ref == "" && name != "ErrorModel" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
	for path, item := range f.doc.paths {
		for _, op := range item {
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s: the parameter %s has no description", path, p.Name)
				}
			}
		}
	}
	for key, text := range descriptions {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(got.body), `"description": `+string(quoted)) {
			t.Errorf("the description of %s is nowhere", key)
		}
	}
	if strings.Contains(string(got.body), "PageParams") {
		t.Error("a name of the code is in the description")
	}
}

type schemaDoc struct {
	Properties map[string]struct {
		Description string
		Ref         string `json:"$ref"`
	}
}

// made makes values for schemas, right ones and wrong ones.
type made struct {
	*rand.Rand
	doc     map[string]any
	mangled bool // make wrong ones now and then
}

var oddities = []any{
	nil, true, 0, -1, 1e300, 0.5, "", " ", "/", "/chat", "e", "é\x00\xff", strings.Repeat("x", 3000), "%", "[]",
	[]any{}, []any{nil}, []any{[]any{}}, map[string]any{}, map[string]any{"_placeholder": true, "num": 0},
	json.RawMessage("12345678901234567890123456789012345678901234567890"), "true", "disconnect", "AA==", "/0",
	"user:ana",
}

func (m *made) odd() any { return oddities[m.IntN(len(oddities))] }

func (m *made) value(schema map[string]any, depth int) any {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		schema = m.doc["components"].(map[string]any)["schemas"].(map[string]any)[name].(map[string]any)
	}
	if m.mangled && m.IntN(12) == 0 {
		return m.odd()
	}
	kind, _ := schema["type"].(string)
	if kinds, several := schema["type"].([]any); several {
		kind = kinds[0].(string)
	}
	switch kind {
	case "object":
		object := make(map[string]any)
		required, _ := schema["required"].([]any)
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) { // a seed makes the same request each time
			property := properties[name]
			need := slices.Contains(required, any(name))
			if (need || m.IntN(3) == 0) && (!m.mangled || m.IntN(15) != 0) {
				object[name] = m.value(property.(map[string]any), depth+1)
			}
		}
		if m.mangled && m.IntN(10) == 0 {
			object[fmt.Sprintf("odd%d", m.IntN(10))] = m.odd()
		}
		return object
	case "array":
		list := []any{}
		for range m.IntN(4) {
			items, _ := schema["items"].(map[string]any)
			list = append(list, m.value(items, depth+1))
		}
		return list
	case "string":
		return []string{"e", "r", "/", "ana", "room-1", "/0", "AA=="}[m.IntN(7)]
	case "integer":
		return 1 + m.IntN(50)
	case "boolean":
		return m.IntN(2) == 0
	default:
		return m.odd()
	}
}

// FuzzAPI makes requests from the description. None is answered with a 5xx, and each answer has the form that the
// description gives it.
func FuzzAPI(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, seed%2 == 0)
	}
	api := serve(f, withPresence("ana", "bob"))
	api.io.OfPattern(regexp.MustCompile(`^/team-\d$`))
	var doc map[string]any
	if err := json.Unmarshal(api.spec, &doc); err != nil {
		f.Fatal(err)
	}
	api.client = &http.Client{Transport: handled{api.Handler()}}
	routes := api.doc.routes()
	f.Fuzz(func(t *testing.T, seed uint64, mangled bool) {
		m := &made{rand.New(rand.NewPCG(seed, 1)), doc, mangled}
		method, path, _ := strings.Cut(routes[m.IntN(len(routes))], " ")
		op := api.doc.paths[path][strings.ToLower(method)]
		var headers []string
		query := make(url.Values)
		for _, p := range op.Parameters {
			text := fmt.Sprint(m.value(p.Schema, 0))
			switch {
			case p.In == "path":
				path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text))
			case m.IntN(2) == 0:
			case p.In == "query":
				query.Add(p.Name, text)
			case p.In == "header":
				text = strings.Map(func(r rune) rune { return max(r, ' ') }, text)
				headers = append(headers, p.Name+": "+strings.TrimSpace(text))
			}
		}
		var body []byte
		if op.RequestBody != nil {
			schema := op.RequestBody.Content["application/json"].(map[string]any)["schema"].(map[string]any)
			value := m.value(schema, 0)
			if object, ok := value.(map[string]any); ok && strings.HasSuffix(path, "-ack") {
				object["timeout"] = 5 // nobody is to wait for it
			}
			var err error
			if body, err = json.Marshal(value); err != nil {
				t.Fatal(err)
			}
			if mangled && m.IntN(10) == 0 && len(body) > 0 {
				at := m.IntN(len(body))
				body = append(body[:at:at], body[min(at+m.IntN(3), len(body)):]...)
			}
		}
		got := api.call(t, method, path+"?"+query.Encode(), string(body), headers...)
		if got.status >= 500 {
			t.Fatalf("%s %s?%s %v %s: %d %s", method, path, query.Encode(), headers, body, got.status, got.body)
		}
	})
}

// A handled round trip is a call of the handler.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}
