package plainhttp

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"
	"time"
)

// An answer is what net/http reads from it.
func TestAppendAnswer(t *testing.T) {
	headers := AppendField(nil, "Cache-Control", "no-store")
	headers = AppendHeader(headers, http.Header{"Vary": {"Origin", "Accept"}})
	for _, gzipped := range []bool{false, true} {
		b := AppendAnswer([]byte("before"), "200 OK", "text/html", headers, gzipped, []byte("ok"))
		r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[len("before"):])), nil)
		if err != nil {
			t.Fatal(err)
		}
		date, err := http.ParseTime(r.Header.Get("Date"))
		if age := time.Since(date); err != nil || age < 0 || age > time.Minute {
			t.Errorf("date %q, %v", r.Header.Get("Date"), err)
		}
		r.Header.Del("Date")
		want := http.Header{
			"Cache-Control": {"no-store"}, "Vary": {"Origin", "Accept"}, "Content-Type": {"text/html"},
			"Content-Length": {"2"},
		}
		if gzipped {
			want.Set("Content-Encoding", "gzip")
		}
		body, err := io.ReadAll(r.Body)
		if r.StatusCode != 200 || !reflect.DeepEqual(r.Header, want) || string(body) != "ok" || err != nil {
			t.Errorf("%d, %q, want %q, body %q, %v", r.StatusCode, r.Header, want, body, err)
		}
	}
}
