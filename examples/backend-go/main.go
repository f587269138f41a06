// Command backend-go has no clients: it is a web backend that the gateway asks what is to become of theirs. It needs
// the standard library alone. docs/BACKEND.md says what is asked and what may be answered.
//
//	export BACKEND_SECRET=a-secret-of-16-bytes-or-more
//	go run ./examples/backend-go &
//	SERVICE=backend BACKEND_URL=http://localhost:4000/events go run ./cmd/gateway
//
// Clients connect with a name, join rooms and speak in them:
//
//	const socket = io('http://localhost:3000', { auth: { name: 'Ana' } });
//	await socket.emitWithAck('join', 'go');
//	await socket.emitWithAck('say', 'go', 'hello');
//	socket.on('said', (room, name, what) => console.log(room, name, what));
package main

import (
	"context"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// A request is the body of each, with the fields that are used here.
type request struct {
	Auth struct {
		Name string `json:"name"`
	} `json:"auth"`
	Args   []json.RawMessage `json:"args"`
	Binary []string          `json:"binary"`
	Data   data              `json:"data"`
}

// data is what the gateway keeps of a socket for us.
type data struct {
	Name  string   `json:"name,omitempty"`
	Rooms []string `json:"rooms,omitempty"`
}

// An answer is what the gateway is to do.
type answer struct {
	Refuse *failure   `json:"refuse,omitempty"`
	User   string     `json:"user,omitempty"`
	Ack    []any      `json:"ack,omitempty"`
	Error  *failure   `json:"error,omitempty"`
	Emit   []emission `json:"emit,omitempty"`
	Join   []string   `json:"join,omitempty"`
	Data   *data      `json:"data,omitempty"`
}

type failure struct {
	Message string `json:"message"`
}

type emission struct {
	Event  string   `json:"event"`
	Args   []any    `json:"args"`
	Binary []string `json:"binary,omitempty"`
	To     []string `json:"to"`
}

// handle says what becomes of a request. Handlers keep nothing: any number of these processes may run.
func handle(kind, event string, r request) *answer {
	switch kind + " " + event {
	case "socketio.connect ":
		if r.Auth.Name == "" {
			return &answer{Refuse: &failure{"who are you?"}}
		}
		return &answer{User: r.Auth.Name, Data: &data{Name: r.Auth.Name}}
	case "socketio.disconnect ":
		if len(r.Data.Rooms) == 0 {
			return nil
		}
		return &answer{Emit: []emission{{Event: "left", Args: []any{r.Data.Name}, To: r.Data.Rooms}}}
	case "socketio.event join":
		room := text(r.Args, 0)
		if room == "" {
			return &answer{Error: &failure{"which room?"}}
		}
		d := r.Data
		if !slices.Contains(d.Rooms, room) {
			d.Rooms = append(d.Rooms, room)
		}
		return &answer{Join: []string{room}, Data: &d, Ack: []any{len(d.Rooms)}}
	case "socketio.event say":
		room := text(r.Args, 0)
		if !slices.Contains(r.Data.Rooms, room) || len(r.Args) < 2 {
			return &answer{Error: &failure{"you are not there"}}
		}
		said := emission{Event: "said", Args: []any{room, r.Data.Name, r.Args[1]}, To: []string{room}}
		if slices.Contains(r.Binary, "/1") { // what has come as base64 text goes out as bytes
			said.Binary = []string{"/2"}
		}
		return &answer{Ack: []any{"said"}, Emit: []emission{said}}
	case "socketio.event echo":
		return &answer{Ack: []any{r.Args}}
	}
	return nil
}

// text is an argument that is a string, else "".
func text(args []json.RawMessage, i int) (s string) {
	if i < len(args) {
		_ = json.Unmarshal(args[i], &s) // else it stays empty
	}
	return s
}

// serve answers what the gateway asks.
func serve(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Header.Get("Content-Type") == "application/octet-stream" { // an event whose only argument is binary
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(body)
		return
	}
	var asked request
	if err := json.Unmarshal(body, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a := handle(r.Header.Get("Ce-Type"), r.Header.Get("Ce-Event"), asked)
	if a == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // a gateway that is gone
}

func main() {
	secret := os.Getenv("BACKEND_SECRET")
	if secret == "" {
		log.Fatal("BACKEND_SECRET is not set: anybody could sign")
	}
	host, port := env("HOST", "localhost"), env("PORT", "4000")
	mux := http.NewServeMux()
	mux.Handle("POST /events", fromGateway([]byte(secret), serve))
	server := &http.Server{
		Addr: net.JoinHostPort(host, port), Handler: mux,
		ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.WithoutCancel(ctx)) })
	log.Print("listening on ", server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func env(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}
