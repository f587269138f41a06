package backend

// Which namespaces there are.

import (
	"regexp"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// maxNamespaceBytes is how long a namespace's name may be: it is a header of each request, twice.
const maxNamespaceBytes = 256

// A namespacePattern is one entry of BACKEND_NAMESPACES.
type namespacePattern struct {
	name    string         // of one namespace; "" where there is a pattern
	pattern *regexp.Regexp // nil where there is a name
}

// setNamespaces reads BACKEND_NAMESPACES.
func (c *settings) setNamespaces(v string) bool {
	c.namespaces = nil
	for entry := range strings.SplitSeq(v, ",") {
		entry = strings.TrimSpace(entry)
		if !strings.HasPrefix(entry, "/") || len(entry) > maxNamespaceBytes || strings.ContainsAny(entry, "?#") {
			return false
		}
		if !strings.Contains(entry, "*") {
			c.namespaces = append(c.namespaces, namespacePattern{name: entry})
			continue
		}
		parts := strings.Split(entry, "*")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		pattern, err := regexp.Compile("^(?s:" + strings.Join(parts, ".*") + ")$")
		if err != nil {
			return false
		}
		c.namespaces = append(c.namespaces, namespacePattern{pattern: pattern})
	}
	return true
}

// namespaces are those that the settings name, made or to be made. The server has / in any case: where it is not named,
// nobody gets in.
func (s *Service) namespaces(io *socketio.Server) []*socketio.Namespace {
	var list []*socketio.Namespace
	hasMain := false
	for _, p := range s.settings.namespaces { // before the patterns, which may match them too
		if p.pattern == nil && p.name != "/" {
			list = append(list, io.Of(p.name))
		}
		hasMain = hasMain || p.name == "/" || p.pattern != nil && p.pattern.MatchString("/")
	}
	for _, p := range s.settings.namespaces {
		if p.pattern != nil {
			list = append(list, io.OfPattern(p.pattern))
		}
	}
	if hasMain {
		return append(list, io.Of("/"))
	}
	io.Use(func(*socketio.Socket) error { return errNamespace })
	return list
}

// errNamespace is what a client gets that asks for a namespace that there is not.
var errNamespace = &socketio.ConnectError{Message: "Invalid namespace"}
