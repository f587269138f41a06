// Package gzipfiles reads files in two forms, as they are and compressed with gzip, where only one of them is kept.
package gzipfiles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
)

// Suffix ends the name of a file that is compressed: a.js.gz is a.js.
const Suffix = ".gz"

// Files are those of a file system. What is not kept in the form that is asked for is made once, and kept in memory.
// All methods may be called from any goroutine.
type Files struct {
	fs fs.FS

	mu   sync.Mutex
	made map[string][]byte
}

func New(files fs.FS) *Files { return &Files{fs: files, made: make(map[string][]byte)} }

// Plain returns a file as it is. The error is fs.ErrNotExist where there is none in either form. The bytes are not to
// be changed.
func (f *Files) Plain(name string) ([]byte, error) { return f.read(name, name+Suffix, unzip) }

// Zipped is Plain with the file compressed.
func (f *Files) Zipped(name string) ([]byte, error) { return f.read(name+Suffix, name, zip) }

// read returns the file, or what convert makes of the other.
func (f *Files) read(name, other string, convert func([]byte) ([]byte, error)) ([]byte, error) {
	body, err := fs.ReadFile(f.fs, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return body, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if made, ok := f.made[name]; ok {
		return made, nil
	}
	if body, err = fs.ReadFile(f.fs, other); err != nil {
		return nil, err
	}
	if body, err = convert(body); err != nil {
		return nil, err
	}
	f.made[name] = body
	return body, nil
}

func zip(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zw.Write(body); err != nil {
		return nil, err
	}
	err = zw.Close()
	return buf.Bytes(), err
}

func unzip(body []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

// Accepted reports whether an Accept-Encoding header lets an answer be compressed with gzip (RFC 9110, section
// 12.5.3).
func Accepted(header []string) bool {
	accepted := false
	for _, value := range header {
		for item := range strings.SplitSeq(value, ",") {
			coding, params, _ := strings.Cut(item, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "x-gzip" && coding != "*" {
				continue
			}
			q := 1.0
			if v, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
				q, _ = strconv.ParseFloat(v, 64)
			}
			if coding != "*" {
				return q > 0
			}
			accepted = q > 0
		}
	}
	return accepted
}
