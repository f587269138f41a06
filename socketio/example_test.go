package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A chat room: who joins it hears what is said in it.
func Example() {
	io := socketio.NewServer(socketio.Options{})
	io.On("join", func(e *socketio.Event) error {
		e.Socket().Join("lobby")
		return e.Ack("welcome")
	})
	io.On("say", func(e *socketio.Event) error {
		var message struct {
			Nick string       `json:"nick"`
			Text socketio.Raw `json:"text"` // passed on as it came
		}
		if err := e.Bind(&message); err != nil {
			return err
		}
		return io.To("lobby").Emit("said", message)
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `420["join"]`, `42["say",{"nick":"Ana","text":"1 < 2"}]`)
	defer c.close()
	c.print(3)
	// Output:
	// 40
	// 430["welcome"]
	// 42["said",{"nick":"Ana","text":"1 < 2"}]
}

// A program that serves its page and Socket.IO on one port, and lets its clients go when it is told to stop.
func ExampleServe() {
	io := socketio.NewServer(socketio.Options{})
	io.OnConnect(func(s *socketio.Socket) error { return s.Emit("hello", s.ID()) })

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	mux.Handle("/", http.FileServer(http.Dir("page")))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Println(socketio.Serve(ctx, &http.Server{Addr: ":3000", Handler: mux}, io, socketio.ServeOptions{}))
}

// What a program keeps with a socket has a type, and is the same on every server and after a client has come back.
func ExampleKey() {
	type user struct {
		Name  string
		Roles []string
	}
	users := socketio.NewKey[user]("user")
	io := socketio.NewServer(socketio.Options{})
	io.OnConnect(func(s *socketio.Socket) error { return users.Set(s, user{"Ana", []string{"admin"}}) })
	io.On("who is here?", func(e *socketio.Event) error {
		var names []string
		sockets, err := io.FetchSockets(context.Background()) // of all servers
		if err != nil {
			return err
		}
		for _, s := range sockets {
			if u, ok := users.Get(s); ok {
				names = append(names, u.Name)
			}
		}
		return e.Ack(names)
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `420["who is here?"]`)
	defer c.close()
	c.print(2)
	// Output:
	// 40
	// 430[["Ana"]]
}

// A broadcast goes to the members of rooms, each once. One that a socket makes leaves that socket out.
func ExampleServer_To() {
	io := socketio.NewServer(socketio.Options{})
	io.On("subscribe", func(e *socketio.Event) error {
		var topics []string
		if err := e.Bind(&topics); err != nil {
			return err
		}
		e.Socket().Join(topics...)
		return e.Ack()
	})

	addr, stop := serve(io)
	defer stop()
	ana, bob := dial(addr, `40`, `420["subscribe",["go","chess"]]`), dial(addr, `40`, `420["subscribe",["go"]]`)
	defer ana.close()
	defer bob.close()
	ana.print(2)
	bob.print(2)

	_ = io.To("go", "chess").Emit("news", "to both")
	_ = io.To("go").Except("chess").Emit("news", "to Bob")
	_ = io.Emit("news", "to all")
	fmt.Println("Ana")
	ana.print(2)
	fmt.Println("Bob")
	bob.print(3)
	// Output:
	// 40
	// 430[]
	// 40
	// 430[]
	// Ana
	// 42["news","to both"]
	// 42["news","to all"]
	// Bob
	// 42["news","to both"]
	// 42["news","to Bob"]
	// 42["news","to all"]
}

// A client that emits with a callback is answered with Ack.
func ExampleEvent_Ack() {
	io := socketio.NewServer(socketio.Options{})
	io.On("add", func(e *socketio.Event) error {
		var a, b int
		if err := e.Bind(&a, &b); err != nil {
			return err // the client is answered {"error":"invalid arguments"}
		}
		return e.Ack(map[string]int{"sum": a + b})
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `427["add",1,2]`) // 7 is the client's number for its callback
	defer c.close()
	c.print(2)
	// Output:
	// 40
	// 437[{"sum":3}]
}

// The server asks a client and waits for its answer, in a handler too.
func ExampleSocket_EmitWithAck() {
	io := socketio.NewServer(socketio.Options{})
	answered := make(chan string, 1)
	io.OnConnect(func(s *socketio.Socket) error {
		reply, err := s.Timeout(5*time.Second).EmitWithAck(context.Background(), "who are you?")
		if err != nil {
			return err // ErrAckTimeout, ErrDisconnected
		}
		var name string
		err = reply.Bind(&name)
		answered <- name
		return err
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`)
	defer c.close()
	c.print(2)
	c.send(`430["Ana"]`)
	fmt.Println(<-answered)
	// Output:
	// 40
	// 420["who are you?"]
	// Ana
}

// A middleware lets clients in by what they connect with (in the browser: io({auth: {token: "..."}})) and refuses the
// others, whose connect_error gets the message and the data.
func ExampleServer_Use() {
	io := socketio.NewServer(socketio.Options{})
	io.Use(func(s *socketio.Socket) error {
		var auth struct {
			Token string `json:"token"`
		}
		if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.Token != "secret" {
			return &socketio.ConnectError{Message: "not authorized", Data: map[string]int{"code": 401}}
		}
		s.SetData("Ana")
		return nil
	})
	io.On("who am I", func(e *socketio.Event) error { return e.Ack(e.Socket().Data()) })

	addr, stop := serve(io)
	defer stop()
	stranger := dial(addr, `40{"token":"guess"}`)
	defer stranger.close()
	stranger.print(1)
	ana := dial(addr, `40{"token":"secret"}`, `420["who am I"]`)
	defer ana.close()
	ana.print(2)
	// Output:
	// 44{"message":"not authorized","data":{"code":401}}
	// 40
	// 430["Ana"]
}

// With recovery, a client that was away for a moment is the same socket again, and gets what it missed.
// socket.io-client does its part without being told to.
func ExampleConnectionStateRecovery() {
	io := socketio.NewServer(socketio.Options{
		ConnectionStateRecovery: &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute},
	})
	gone := make(chan struct{}, 2)
	io.OnConnect(func(s *socketio.Socket) error {
		if !s.Recovered() {
			s.Join("news")
		}
		return s.Emit("ready", s.Recovered())
	})
	io.OnDisconnect(func(*socketio.Socket, socketio.Reason) { gone <- struct{}{} })

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`)
	_, pid, _ := strings.Cut(c.next(), `"pid":"`) // the session's secret, which the client keeps
	pid, _, _ = strings.Cut(pid, `"`)
	_, offset, _ := strings.Cut(c.next(), `["ready",false,"`) // behind the arguments, an offset: how far it has got
	offset, _, _ = strings.Cut(offset, `"`)
	c.close()
	<-gone

	_ = io.To("news").Emit("headline", "while you were away")
	c = dial(addr, fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
	defer c.close()
	for range 3 {
		packet, _, _ := strings.Cut(c.next(), `{"sid"`)
		fmt.Println(regexp.MustCompile(`"[\w-]{8}\.\w+"`).ReplaceAllString(packet, `"offset"`))
	}
	// Output:
	// 42["headline","while you were away","offset"]
	// 40
	// 42["ready",true,"offset"]
}

// Byte slices, anywhere in the arguments, travel as binary attachments behind the text that has placeholders for them.
func ExampleBinary() {
	io := socketio.NewServer(socketio.Options{})
	io.On("upload", func(e *socketio.Event) error {
		var file struct {
			Name    string
			Content socketio.Binary
		}
		if err := e.Bind(&file); err != nil {
			return err
		}
		file.Content = append(file.Content, "!"...)
		return e.Ack(file)
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `451-0["upload",{"Name":"a.txt","Content":{"_placeholder":true,"num":0}}]`, "bin:hello")
	defer c.close()
	c.print(3)
	// Output:
	// 40
	// 461-0[{"Name":"a.txt","Content":{"_placeholder":true,"num":0}}]
	// bin:hello!
}

// A namespace has handlers and rooms of its own; a client may be in several over one connection.
func ExampleServer_Of() {
	io := socketio.NewServer(socketio.Options{})
	admin := io.Of("/admin")
	admin.Use(func(s *socketio.Socket) error {
		if s.Handshake().Headers.Get("Authorization") == "" {
			return errors.New("no access")
		}
		return nil
	})
	io.On("ping", func(e *socketio.Event) error { return e.Ack("pong") })

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40/admin,`, `40`)
	defer c.close()
	got := map[string]bool{}
	for range 2 { // in either order
		packet, _, _ := strings.Cut(c.next(), `{"sid"`)
		got[packet] = true
	}
	fmt.Println(got)
	c.send(`420["ping"]`)
	c.print(1)
	// Output:
	// map[40:true 44/admin,{"message":"no access"}:true]
	// 430["pong"]
}

// Namespaces that come into being when the first client asks for them. What is set on the parent they all have.
func ExampleServer_OfPattern() {
	io := socketio.NewServer(socketio.Options{CleanupEmptyChildNamespaces: true})
	tenants := io.OfPattern(regexp.MustCompile(`^/tenant-\d+$`))
	tenants.OnConnect(func(s *socketio.Socket) error { return s.Emit("welcome to", s.Namespace().Name()) })

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40/tenant-7,`)
	defer c.close()
	c.print(2)
	_ = tenants.Emit("to all tenants")
	c.print(1)
	c.send(`40/tenant-x,`)
	c.print(1)
	// Output:
	// 40/tenant-7,
	// 42/tenant-7,["welcome to","/tenant-7"]
	// 42/tenant-7,["to all tenants"]
	// 44/tenant-x,{"message":"Invalid namespace"}
}

// Servers of a cluster, whose adapter connects them, send each other events and answer them.
func ExampleServer_ServerSideEmitWithAck() {
	started := time.Now()
	io := socketio.NewServer(socketio.Options{}) // with an Adapter of package adapter
	io.OnServerSideEmit("how long have you been up?", func(_ []socketio.Raw, reply func(any) error) {
		if reply != nil {
			_ = reply(time.Since(started).String())
		}
	})

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answers, err := io.ServerSideEmitWithAck(ctx, "how long have you been up?")
	fmt.Println(len(answers), err) // one answer from each other server: here there is none
	// Output: 0 <nil>
}

// A handler's error is logged and handed to OnError, and so is its panic. A client that waits for an acknowledgement is
// told that there was an error, and of an Error what it says.
func ExampleOptions_onError() {
	errs := make(chan error, 1)
	io := socketio.NewServer(socketio.Options{
		OnError: func(s *socketio.Socket, err error) { errs <- err },
	})
	io.On("fail", func(*socketio.Event) error {
		return fmt.Errorf("table rooms: no such thing: %w", &socketio.Error{Message: "not found"})
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `420["fail"]`)
	defer c.close()
	fmt.Println(<-errs)
	c.print(2)
	// Output:
	// table rooms: no such thing: not found
	// 40
	// 430[{"error":"not found"}]
}
