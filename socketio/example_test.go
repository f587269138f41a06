package socketio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A chat room: who joins it hears what is said in it. The client here writes the protocol's frames by hand; a browser
// has socket.io-client for that.
func Example() {
	srv := socketio.NewServer(socketio.Options{})
	srv.On("join", func(e *socketio.Event) error {
		e.Socket().Join("lobby")
		return e.Ack("welcome")
	})
	srv.On("say", func(e *socketio.Event) error {
		var message struct {
			Nick string       `json:"nick"`
			Text socketio.Raw `json:"text"` // passed on as it came
		}
		if err := e.Bind(&message); err != nil {
			return err
		}
		return srv.To("lobby").Emit("said", message)
	})
	server := httptest.NewServer(srv)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer srv.Shutdown(ctx)

	client, buffered, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	frames := bufio.NewReader(client)
	if buffered != nil { // what came with the answer to the handshake
		frames = buffered
	}
	for _, frame := range []string{`40`, `421["join"]`, `42["say",{"nick":"Ana","text":"1 < 2"}]`} {
		if err := wsutil.WriteClientText(client, []byte(frame)); err != nil {
			fmt.Println(err)
			return
		}
	}
	for range 4 {
		frame, err := wsutil.ReadServerText(struct {
			io.Reader
			io.Writer
		}{frames, client})
		if err != nil {
			fmt.Println(err)
			return
		}
		if !strings.Contains(string(frame), `"sid"`) { // ids differ every time
			fmt.Println(string(frame))
		}
	}
	// Output:
	// 431["welcome"]
	// 42["said",{"nick":"Ana","text":"1 < 2"}]
}
