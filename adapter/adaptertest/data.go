package adaptertest

// The data of sockets, as another server sees it: the same values, of the same types, whatever happens meanwhile.

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func testData(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	checkData(t, f.ns(0), f.ns(1), f.clients[0].ID)
	checkData(t, f.ns(1), f.ns(2), f.clients[1].ID)
	f.check(t)
}

// A profile has what encoding/json alone would change: bytes, a large number, a map.
type profile struct {
	Name  string
	Photo []byte
	Big   int64
	Tags  map[string]int
}

// checkData sets data on a server and looks at it from another, while the first changes what it has set: that ended the
// process, "concurrent map iteration and map write".
func checkData(t *testing.T, here, there *socketio.Namespace, id string) {
	t.Helper()
	key, levels := socketio.NewKey[*profile]("profile"), socketio.NewKey[int]("level")
	s := here.Socket(id)
	tags := map[string]int{"first": 1}
	if err := key.Set(s, &profile{"<Ana>", []byte{0, 1, 255}, 1<<52 + 1, tags}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			tags[fmt.Sprint("tag ", i%100)] = i
			if err := key.Set(s, &profile{"<Ana>", []byte{0, 1, 255}, 1<<52 + 1, tags}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	if err := levels.Set(s, 7); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		sockets, err := there.To(id).FetchSockets(context.Background())
		if err != nil || len(sockets) != 1 {
			t.Fatalf("%d sockets, %v", len(sockets), err)
		}
		if n, ok := levels.Get(sockets[0]); !ok || n != 7 {
			t.Errorf("level %v, %v", n, ok)
		}
		if p, ok := key.Get(sockets[0]); ok &&
			(p.Name != "<Ana>" || !bytes.Equal(p.Photo, []byte{0, 1, 255}) || p.Big != 1<<52+1) {
			t.Errorf("profile %.200v", p)
		}
	}
	close(stop)
	<-changed
	sockets, err := there.To(id).FetchSockets(context.Background())
	if err != nil || len(sockets) != 1 {
		t.Fatalf("%d sockets, %v", len(sockets), err)
	}
	if p, ok := key.Get(sockets[0]); !ok || !maps.Equal(p.Tags, tags) {
		t.Errorf("profile %.200v, %v", p, ok)
	}
}
