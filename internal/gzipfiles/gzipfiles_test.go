package gzipfiles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Either form can be had of either, and is not made twice.
func TestFiles(t *testing.T) {
	text := strings.Repeat("text ", 100)
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(zw, text)
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	files := New(fstest.MapFS{
		"plain.js": {Data: []byte(text)}, "zipped.js.gz": {Data: zipped.Bytes()}, "broken.js.gz": {Data: []byte(text)},
	})
	for _, name := range []string{"plain.js", "zipped.js"} {
		plain, err := files.Plain(name)
		if err != nil || string(plain) != text {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
		compressed, err := files.Zipped(name)
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(bytes.NewReader(compressed))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(zr); err != nil || string(got) != text {
			t.Errorf("%s, compressed: %q, %v", name, got, err)
		}
	}
	for name, read := range map[string]func(string) ([]byte, error){
		"zipped.js": files.Plain, "plain.js": files.Zipped,
	} {
		first, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := read(name); err != nil || &again[0] != &first[0] {
			t.Errorf("%s is made twice (%v)", name, err)
		}
	}
	for _, read := range []func(string) ([]byte, error){files.Plain, files.Zipped} {
		if body, err := read("missing.js"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %q, %v", body, err)
		}
	}
	if body, err := files.Plain("broken.js"); !errors.Is(err, gzip.ErrHeader) {
		t.Errorf("a broken file: %q, %v", body, err)
	}
}
