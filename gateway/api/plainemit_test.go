package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A request is answered the same whether it is plain or huma's, which it is where its content type has a parameter.
func TestPlainIsLikeTheRest(t *testing.T) {
	f := serve(t, nil)
	f.io.Of("/other")
	c := f.join(t, "r")[0]
	long := strings.Repeat("x", 1025)
	many := `"r"` + strings.Repeat(`,"r"`, 1000)
	for _, body := range []string{
		`{"event":"e","all":true}`,
		` {"event":"\u0065","to":["r"],"args":[ 1.50 , {"a": "<&>"},null],"binary":[],"except":["x"],"volatile":true} `,
		`{"event":"e","to":["r"],"args":["AA=="],"binary":["/0"],"all":false,"users":[]}`,
		`{"event":"e","namespace":"/","users":["ana","bob"],"to":["r"]}`,
		`{"event":"e","namespace":"other","all":true}`, `{"event":"e","namespace":"","all":true}`,
		`{"event":"e","namespace":"/none","all":true}`, `{"event":"e","namespace":"/` + long + `","all":true}`,
		`{"event":"e","namespace":null,"all":true}`, `{"event":"e","namespace":1,"all":true}`,
		`{"event":null,"all":true}`, `{"event":"","all":true}`, `{"event":"` + long + `","all":true}`,
		`{"event":"disconnect","all":true}`, `{"event":1,"all":true}`, `{"all":true}`,
		`{"Event":"e","all":true}`, `{"event":"e","EVENT":"e","all":true}`, `{"event":"e","all":true,"more":1}`,
		`{"event":"e"}`, `{"event":"e","all":true,"to":["r"]}`, `{"event":"e","all":null,"to":["r"]}`,
		`{"event":"e","all":1}`, `{"event":"e","all":"true"}`, `{"event":"e","all":true,"volatile":null}`,
		`{"event":"e","to":null}`, `{"event":"e","to":[]}`, `{"event":"e","to":"r"}`, `{"event":"e","to":[null]}`,
		`{"event":"e","to":[1]}`, `{"event":"e","to":[""]}`, `{"event":"e","to":[` + many + `]}`,
		`{"event":"e","to":["` + long + `"]}`, `{"event":"e","to":["r"],"except":[null]}`,
		`{"event":"e","to":["r"],"except":[` + many + `]}`, `{"event":"e","users":[""]}`,
		`{"event":"e","users":[null]}`,
		`{"event":"e","users":[` + many + `]}`, `{"event":"e","users":null,"to":["r"]}`,
		`{"event":"e","to":["r"],"args":null}`, `{"event":"e","to":["r"],"args":{}}`,
		`{"event":"e","to":["r"],"args":1}`, `{"event":"e","to":["r"],"args":[1],"binary":"/0"}`,
		`{"event":"e","to":["r"],"args":["AA=="],"binary":["/1"]}`,
		`{"event":"e","to":["r"],"args":["A"],"binary":["/0"]}`,
		`{"event":"e","to":["r"],"args":["AA=="],"binary":[null]}`,
		`{"event":"e","to":["r"],"args":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		`[]`, `null`, `1`, `{`, `{"event":"e","all":true}}`, `{"event":"e","all":true,}`,
		"{\"event\":\"\xff\",\"all\":true}",
	} {
		for _, path := range []string{emitPath, batchPath} {
			if path == batchPath {
				body = `{"emissions":[{"event":"first","to":["r"]},` + body + `]}`
			}
			sameAnswer(t, f, path, body)
		}
	}
	for _, body := range []string{
		`{}`, `{"emissions":null}`, `{"emissions":[]}`, `{"emissions":{}}`, `{"emissions":[1]}`, `{"emissions":[null]}`,
		`{"emissions":[{"event":"e","all":true}],"more":1}`,
		`{"emissions":[{"event":"e","all":true}` + strings.Repeat(`,{"event":"e","all":true}`, 1000) + `]}`,
	} {
		sameAnswer(t, f, batchPath, body)
	}
	// What clients get is the same, too.
	const args = `[ 1.50 , {"a": "<&>"},null,12345678901234567890,"\u00e9"]`
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		f.call(t, http.MethodPost, emitPath, `{"event":"last","to":["r"],"args":`+args+`}`,
			"Content-Type: "+contentType)
		got := c.Expect("last", patience)
		var texts []json.RawMessage
		for i := range got.Len() {
			raw := got.Raw(i)
			texts = append(texts, raw.JSON())
		}
		if text := string(array(texts)); text != `[1.50,{"a": "<&>"},null,12345678901234567890,"\u00e9"]` {
			t.Errorf("%s: a client got %s", contentType, text)
		}
	}
}

// sameAnswer sends a request as one that may be plain, and as one that is not. It is not compared with the description:
// huma takes null for what is missing, and names in other letters.
func sameAnswer(t *testing.T, f *fixture, path, body string) {
	t.Helper()
	var answers [2]string
	for i, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		f.Handler().ServeHTTP(w, r)
		answers[i] = fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	if answers[0] != answers[1] {
		t.Errorf("%s %.100s: %s, and with a parameter %s", path, body, answers[0], answers[1])
	}
}

// Which requests are plain.
func TestPlain(t *testing.T) {
	io := socketio.NewServer(socketio.Options{})
	defer io.Shutdown(t.Context())
	a := New(Options{IO: io})
	const one = `{"event":"e","namespace":"/","to":["r"],"except":["s"],"args":[1],"binary":[],"volatile":true}`
	for _, test := range []struct {
		method, target, header, body string
		want                         bool
	}{
		{http.MethodPost, emitPath, "Accept: */*", one, true},
		{http.MethodPost, emitPath, "Accept: application/json", one, true},
		{http.MethodPost, emitPath, "Accept-Encoding: gzip", one, true},
		{http.MethodPost, batchPath, "", `{"emissions":[` + one + `,` + one + `]}`, true},
		{http.MethodPost, emitPath, "Accept: text/html", one, false},
		{http.MethodPost, emitPath, "Content-Type: text/plain", one, false},
		{http.MethodPost, emitPath + "?x=1", "", one, false},
		{http.MethodPost, "/v1/emit-with-ack", "", one, false},
		{http.MethodPost, "/v1/join", "", one, false},
		{http.MethodPut, emitPath, "", one, false},
		{http.MethodPost, emitPath, "", `{"event":"e"}`, false},
		{http.MethodPost, batchPath, "", one, false},
	} {
		r := httptest.NewRequest(test.method, test.target, nil)
		r.Header.Set("Content-Type", "application/json")
		if name, value, found := strings.Cut(test.header, ": "); found {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		if got := a.plainEmit(w, r, []byte(test.body)); got != test.want {
			t.Errorf("%s %s %s %s: %v", test.method, test.target, test.header, test.body, got)
		} else if got && (w.Code != http.StatusAccepted || w.Body.String() != "{}\n") {
			t.Errorf("%s: %d %s", test.target, w.Code, w.Body)
		}
	}
}
