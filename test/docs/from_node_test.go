package docs

// The page for who comes from Node.js: what it names is there.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exported are the names of a package: its functions and types, and "Type.Member" for methods and fields.
func exported(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", folder, files, err)
	}
	names := make(map[string]bool)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if typ, ok := spec.(*ast.TypeSpec); ok {
						names[typ.Name.Name] = true
						if s, ok := typ.Type.(*ast.StructType); ok {
							for _, field := range s.Fields.List {
								for _, name := range field.Names {
									names[typ.Name.Name+"."+name.Name] = true
								}
							}
						}
					}
				}
			}
		}
	}
	return names
}

// receiver is "Type." for a method.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	if ident, ok := typ.(*ast.Ident); ok {
		return ident.Name + "."
	}
	return ""
}

var goName = regexp.MustCompile("`([A-Z][A-Za-z0-9]*(?:\\.[A-Z][A-Za-z0-9]*)?)`")

// Each row has a Go name that exists, or says that its entry is left out and why. There are as many rows as Node.js's
// documentation has entries, and some more. The client's section names what package socketio/client has.
func TestFromNode(t *testing.T) {
	names := exported(t, "socketio")
	for name := range exported(t, "engineio") {
		names[name] = true
	}
	ofServer, ofClient := names, exported(t, "socketio/client")
	rows := 0
	for line := range strings.Lines(read(t, "docs/FROM-NODE.md")) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			names = ofServer
			if strings.TrimSpace(title) == "socket.io-client" {
				names = ofClient
			}
		}
		cells := strings.Split(strings.TrimSpace(line), " |")
		if len(cells) < 4 || !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") ||
			strings.HasPrefix(line, "| Node.js") {
			continue
		}
		rows++
		here, why := cells[1], strings.Trim(cells[2], " |")
		if strings.Contains(here, "left out") {
			if why == "" {
				t.Errorf("no reason: %s", line)
			}
			continue
		}
		found := goName.FindAllStringSubmatch(here, -1)
		for _, name := range found {
			if !names[name[1]] {
				t.Errorf("there is no %s: %s", name[1], line)
			}
		}
		if len(found) == 0 && !strings.Contains(here, "http.Handle") && why == "" {
			t.Errorf("no name: %s", line)
		}
	}
	if rows < 180 {
		t.Errorf("%d rows, and Node.js's documentation has 122 entries for the server and 58 for the client", rows)
	}
}
