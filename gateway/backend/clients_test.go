package backend

// The real socket.io-client before a gateway before a backend, over each transport.

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
)

func TestRealClients(t *testing.T) {
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		switch m.Kind {
		case "connect":
			var auth struct{ Name string }
			if err := json.Unmarshal(m.JSON.Auth, &auth); err != nil || auth.Name == "nobody" {
				says(w, `{"refuse":{"message":"who are you?","data":{"code":"no_name"}}}`)
				return
			}
			says(w, `{"user":"`+auth.Name+`","emit":[{"event":"hello","args":["`+auth.Name+`",{"bytes":"`+
				base64.StdEncoding.EncodeToString([]byte("hi"))+`"}],"binary":["/1/bytes"]}]}`)
		case "event":
			serveEvent(w, m)
		}
	})
	node := start(t, b)
	for _, transport := range []string{"polling", "websocket", "default"} {
		t.Run(transport, func(t *testing.T) {
			child.RunScript(t, "../../test/js/clients/backend.test.mjs", "CLIENT=4.8.3", "TRANSPORT="+transport,
				"URL=http://"+node.Address)
		})
	}
}

// serveEvent answers the events of backend.test.mjs.
func serveEvent(w http.ResponseWriter, m *told) {
	switch m.Event {
	case "count":
		says(w, `{"ack":[`+m.arg(0)+`]}`)
	case "echo":
		if m.ContentType == typeBinary {
			w.Header().Set("Content-Type", typeBinary)
			_, _ = w.Write(m.Body)
			return
		}
		args, err := json.Marshal(m.JSON.Args)
		if err != nil {
			panic(err)
		}
		says(w, `{"ack":`+string(args)+`,"ackBinary":["`+strings.Join(m.JSON.Binary, `","`)+`"]}`)
	case "join":
		says(w, `{"join":[`+m.arg(0)+`],"ack":[]}`)
	case "say":
		says(w, `{"emit":[{"event":"said","args":[`+m.arg(1)+`],"to":[`+m.arg(0)+`]}],"ack":["ok"]}`)
	case "wrong":
		says(w, `{"error":{"message":"no","data":{"why":1}}}`)
	case "broken":
		w.WriteHeader(http.StatusInternalServerError)
	case "leave":
		says(w, `{"disconnect":true}`)
	}
}
