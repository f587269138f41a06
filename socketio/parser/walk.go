package parser

// Which values have attachments in them, and which parts of a value encoding/json looks into.

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
)

// maxValueDepth of pointers, containers and interfaces in one argument; a value that refers to itself reaches it.
const maxValueDepth = 4 * MaxDepth

var errTooDeep = errors.New("socketio: the argument is nested too deeply, or contains itself")

var (
	rawType           = reflect.TypeFor[Raw]()
	bytesType         = reflect.TypeFor[[]byte]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// MarshalsItself reports whether encoding/json asks the type for its JSON. What is inside is then the type's affair.
func MarshalsItself(t reflect.Type) bool {
	if t.Implements(marshalerType) || t.Implements(textMarshalerType) {
		return true
	}
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && (p.Implements(marshalerType) || p.Implements(textMarshalerType))
}

// holdsBinary reports whether v has a byte slice, or a Raw with attachments, anywhere in it.
func holdsBinary(v reflect.Value, depth int) (bool, error) {
	if depth > maxValueDepth {
		return false, errTooDeep
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == rawType {
			return v.Field(1).Len() > 0, nil
		}
		if MarshalsItself(v.Type()) {
			return false, nil
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); isWalked(f) {
				if ok, err := holdsBinary(v.Field(i), depth+1); ok || err != nil {
					return ok, err
				}
			}
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			if e := v.Elem(); v.Kind() == reflect.Interface || e.Type() == rawType || !MarshalsItself(v.Type()) {
				return holdsBinary(e, depth+1)
			}
		}
	case reflect.Slice, reflect.Array:
		if isBytes(v.Type()) {
			return !v.IsNil(), nil
		}
		if isScalar(v.Type().Elem().Kind()) || MarshalsItself(v.Type()) {
			return false, nil
		}
		for i := range v.Len() {
			if ok, err := holdsBinary(v.Index(i), depth+1); ok || err != nil {
				return ok, err
			}
		}
	case reflect.Map:
		if isScalar(v.Type().Elem().Kind()) || MarshalsItself(v.Type()) {
			return false, nil
		}
		for it := v.MapRange(); it.Next(); {
			if ok, err := holdsBinary(it.Value(), depth+1); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// isWalked reports whether encoding/json looks into a field.
func isWalked(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct
}

func isScalar(k reflect.Kind) bool { return k <= reflect.Complex128 || k == reflect.String }

// isBytes reports whether t is a byte slice that encoding/json has no other form for.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !MarshalsItself(t) &&
		!MarshalsItself(t.Elem())
}
