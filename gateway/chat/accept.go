package chat

// Which of the two things at GET / a client wants: browsers the page, all others the Nest service's Hello World!

import (
	"mime"
	"strconv"
	"strings"
)

// prefersHTML reports whether an Accept header (RFC 9110 section 12.5.1) prefers text/html to everything else that it
// names: no other type has a higher quality, and none of the same quality stands before it. Browsers send that when
// someone opens an address. Fetch, curl and probes do not; a wildcard is not enough.
func prefersHTML(accept string) bool {
	best, bestIsHTML := 0.0, false
	for entry := range strings.SplitSeq(accept, ",") {
		mediaType, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, given := params["q"]; given {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || !(quality <= 1) {
				continue
			}
		}
		if quality > best {
			best, bestIsHTML = quality, mediaType == "text/html"
		}
	}
	return bestIsHTML
}
