package plainhttp

// Answers, with the fields that net/http would write.

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// AppendAnswer appends an answer. status is the code and its text; contentType is that of the body, "" where there is
// none; headers are lines that AppendField has made; gzipped says that the body is compressed.
func AppendAnswer(b []byte, status, contentType string, headers []byte, gzipped bool, body []byte) []byte {
	return append(AppendHead(b, status, contentType, headers, gzipped, len(body)), body...)
}

// AppendHead is AppendAnswer for a body of that length which is written by itself.
func AppendHead(b []byte, status, contentType string, headers []byte, gzipped bool, length int) []byte {
	b = append(append(append(b, "HTTP/1.1 "...), status...), "\r\n"...)
	b = append(b, headers...)
	if gzipped {
		b = AppendField(b, "Content-Encoding", "gzip")
	}
	if contentType != "" {
		b = AppendField(b, "Content-Type", contentType)
	}
	b = append(b, "Date: "...)
	b = append(time.Now().UTC().AppendFormat(b, http.TimeFormat), "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(length), 10)
	return append(b, "\r\n\r\n"...)
}

// AppendNoContent appends an answer without a body.
func AppendNoContent(b, headers []byte) []byte {
	b = append(append(b, "HTTP/1.1 204 No Content\r\n"...), headers...)
	b = append(b, "Date: "...)
	return append(time.Now().UTC().AppendFormat(b, http.TimeFormat), "\r\n\r\n"...)
}

// AppendField appends a field line.
func AppendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// AppendHeader appends the lines of a header's fields as net/http writes them: no value ends its line, and a field
// whose name is not one is left out.
func AppendHeader(b []byte, header http.Header) []byte {
	for name, values := range header {
		if !validName(name) {
			continue
		}
		for _, v := range values {
			b = AppendField(b, name, strings.TrimSpace(oneLine.Replace(v)))
		}
	}
	return b
}

var oneLine = strings.NewReplacer("\n", " ", "\r", " ")
