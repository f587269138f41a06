package adaptertest

// The data of sockets, as another server sees it: the same values, of the same types, whatever happens meanwhile.

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A profile has what encoding/json alone would change: bytes, a large number, a map.
type profile struct {
	Name  string
	Photo []byte
	Big   int64
	Tags  map[string]int
}

var (
	profiles = socketio.NewKey[*profile]("profile")
	levels   = socketio.NewKey[int]("level")
)

// testData looks at a socket's data from another server, while its own changes what it has set. That used to end the
// process: "concurrent map iteration and map write".
func testData(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	s, from := f.socket(0), f.ns(len(f.servers)-1)
	tags := map[string]int{"first": 1}
	if err := profiles.Set(s, &profile{"<Ana>", []byte{0, 1, 255}, 1<<52 + 1, tags}); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			tags[fmt.Sprint("tag ", i%100)] = i
			if err := profiles.Set(s, &profile{"<Ana>", []byte{0, 1, 255}, 1<<52 + 1, tags}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	if err := levels.Set(s, 7); err != nil {
		t.Error(err)
	}
	fetch := func() *socketio.RemoteSocket {
		sockets, err := from.To("0").FetchSockets(t.Context())
		if err != nil || len(sockets) != 1 {
			t.Errorf("%d sockets, %v", len(sockets), err)
			return nil
		}
		return sockets[0]
	}
	for range 20 {
		remote := fetch()
		if remote == nil {
			break
		}
		if n, ok := levels.Get(remote); !ok || n != 7 {
			t.Errorf("level %v, %v", n, ok)
		}
		if p, ok := profiles.Get(remote); ok &&
			(p.Name != "<Ana>" || !bytes.Equal(p.Photo, []byte{0, 1, 255}) || p.Big != 1<<52+1) {
			t.Errorf("profile %.200v", p)
		}
	}
	close(stop)
	<-stopped
	if remote := fetch(); remote != nil {
		if p, ok := profiles.Get(remote); !ok || !maps.Equal(p.Tags, tags) {
			t.Errorf("profile %.200v, %v", p, ok)
		}
	}
	f.check(t)
}
