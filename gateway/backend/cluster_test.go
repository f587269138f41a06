package backend

// Two nodes on one Redis: what a backend emits reaches clients of the other one.

import (
	"net/http"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestTwoNodes(t *testing.T) {
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		switch {
		case m.Kind == "connect":
			says(w, `{"user":`+string(m.JSON.Auth[len(`{"user":`):]))
		case m.Event == "join":
			says(w, `{"join":[`+m.arg(0)+`],"ack":[]}`)
		case m.Kind == "event":
			says(w, `{"ack":[],"emit":[{"event":"room","to":["r"],"args":["Zm9v"],"binary":["/0"]},`+
				`{"event":"user","to":["user:two"],"except":["none"]},`+
				`{"event":"all","all":true,"except":["`+m.Socket+`"]}]}`)
		case m.Kind == "disconnect":
			says(w, `{"emit":[{"event":"gone","to":["user:two"]}]}`)
		}
	})
	redis := fleet.StartRedis(t)
	settings := []string{"ADAPTER", "pubsub", "REDIS_URL", redis.URL(), "BACKEND_NAMESPACES", "/,/orders-*"}
	for _, namespace := range []string{"/", "/orders-1"} {
		of := func(user string) *client.Socket {
			opts := client.Options{Auth: map[string]string{"user": user}}
			return connect(t, start(t, b, settings...), namespace, opts)
		}
		one, two := of("one"), of("two")
		fromOne, fromTwo := heard(one), heard(two)
		ask(t, two, "join", "r")
		for deadline := time.Now().Add(patience); len(fromTwo) == 0; time.Sleep(10 * time.Millisecond) {
			ask(t, one, "tell") // again, as a namespace that has been made just now does not hear the others yet
			if time.Now().After(deadline) {
				t.Fatal("the other node hears nothing")
			}
		}
		for _, want := range []string{`room "Zm9v"`, "user", "all"} {
			if got := hear(t, fromTwo); got != want {
				t.Errorf("%s: got %s, want %s", namespace, got, want)
			}
		}
		one.Close()
		for got := ""; got != "gone"; { // or it would wait in vain
			got = hear(t, fromTwo)
		}
		if len(fromOne) > 0 {
			t.Errorf("%s: the sender has heard %s", namespace, <-fromOne)
		}
	}
}
