package gateway

// Which of the two things at GET / a client wants: a browser the page, everything else the Nest service's Hello World!

import (
	"mime"
	"strconv"
	"strings"
)

// prefersHTML reports whether an Accept header (RFC 9110 section 12.5.1) names text/html and prefers it over everything
// else that it names: no other type has a higher quality, and none of the same quality stands before it. Browsers send
// that when someone opens an address; fetch, curl and probes do not, and neither does a wildcard alone.
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
