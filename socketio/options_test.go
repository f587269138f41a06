package socketio

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestOptionsAreFlat(t *testing.T) {
	srv := NewServer(Options{Path: "/chat/", MaxHTTPBufferSize: 1000, ClientVersion: "1"})
	t.Cleanup(func() { _ = srv.Shutdown(t.Context()) })
	if srv.opts.Path != "/chat/" {
		t.Errorf("the path is %q", srv.opts.Path)
	}
}

// TestEngineOptionsReachTheEngine sets each option of engineio.Options by its name, and looks for it behind the
// conversion.
func TestEngineOptionsReachTheEngine(t *testing.T) {
	engine := reflect.TypeFor[engineio.Options]()
	for i := range engine.NumField() {
		want := engine.Field(i)
		if !want.IsExported() {
			continue
		}
		ours, found := reflect.TypeFor[Options]().FieldByName(want.Name)
		if !found || ours.Type != want.Type {
			t.Errorf("Options has no field %s %v", want.Name, want.Type)
			continue
		}
		var opts Options
		set(t, reflect.ValueOf(&opts).Elem().FieldByIndex(ours.Index))
		got := reflect.ValueOf(opts.engine())
		for j := range engine.NumField() {
			if given := !got.Field(j).IsZero(); given != (i == j) {
				t.Errorf("with %s set, the engine's %s is set: %v", want.Name, engine.Field(j).Name, given)
			}
		}
	}
}

// set makes v something else than its zero value.
func set(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return nil }))
	default:
		t.Fatalf("an option is a %v: say here what one looks like", v.Type())
	}
}

// TestEngineOptionsSayTheSame: the options have the same documentation in both packages, but for what is different.
func TestEngineOptionsSayTheSame(t *testing.T) {
	ours, engine := fieldDocs(t, "options.go"), fieldDocs(t, "../engineio/options.go")
	same := strings.NewReplacer("/engine.io/", "/socket.io/", "the function NewID of this package", "engineio.NewID")
	for name, want := range engine {
		if want = same.Replace(want); ast.IsExported(name) && ours[name] != want {
			t.Errorf("%s is documented as\n%s\nand in engineio as\n%s", name, ours[name], want)
		}
	}
}

// fieldDocs are the comments of the fields of the type Options in a file, by name.
func fieldDocs(t *testing.T, file string) map[string]string {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Options" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range field.Names {
				docs[name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
			}
		}
		return false
	})
	if len(docs) < 20 {
		t.Fatalf("%s documents %d options", file, len(docs))
	}
	return docs
}
