// Command sessions knows its users by the cookie that their login has set.
//
//	go run ./examples/sessions
//
// POST /login takes the fields user and password; the only password here is "secret". POST /logout ends the session,
// and disconnects every tab that has it. A page of the same origin connects without a word of cookies, as the browser
// sends them by itself. A program in Node.js keeps them:
//
//	const answer = await fetch("http://localhost:3000/login", {
//	  method: "POST", body: new URLSearchParams({ user: "Ana", password: "secret" }),
//	});
//	const [cookie] = answer.headers.getSetCookie()[0].split(";");
//	const socket = io("http://localhost:3000", { extraHeaders: { cookie } });
//	socket.on("welcome", (user) => console.log(user)); // Ana
package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"flag"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// cookie is the name of the cookie.
const cookie = "session"

// password is that of all users.
const password = "secret"

// A session is what a login has opened.
type session struct {
	user    string
	expires time.Time
}

// A store keeps the sessions in memory. Several servers would share them in a database.
type store struct {
	lifetime time.Duration // of a session

	mu       sync.Mutex
	sessions map[string]session
}

// open begins a session and returns its id, which is the secret that the cookie holds.
func (s *store) open(user string) (id string) {
	id = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, old := range s.sessions {
		if time.Now().After(old.expires) {
			delete(s.sessions, id)
		}
	}
	s.sessions[id] = session{user, time.Now().Add(s.lifetime)}
	return id
}

// find returns the session of a request's cookie.
func (s *store) find(r *http.Request) (id string, found session, ok bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return "", session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok = s.sessions[c.Value]
	return c.Value, found, ok && time.Now().Before(found.expires)
}

func (s *store) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id)
}

func (s *store) login(w http.ResponseWriter, r *http.Request) {
	user, given := r.PostFormValue("user"), r.PostFormValue("password")
	if user == "" || subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 0 {
		http.Error(w, "wrong user or password", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: s.open(user), Path: "/", MaxAge: int(s.lifetime.Seconds()),
		HttpOnly: true,                 // no script of the page can read it
		SameSite: http.SameSiteLaxMode, // pages of other sites connect without it
		Secure:   r.TLS != nil,         // set it always where a proxy in front has the certificate
	})
	w.WriteHeader(http.StatusNoContent)
}

// room is that of all sockets of a session.
func room(id string) string { return "session:" + id }

// logout ends the session, then its sockets: whoever connects meanwhile is refused.
func (s *store) logout(io *socketio.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if id, _, ok := s.find(r); ok {
			s.end(id)
			if err := io.In(room(id)).DisconnectSockets(true); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/", MaxAge: -1})
		w.WriteHeader(http.StatusNoContent)
	}
}

func newHandler(sessions *store) http.Handler {
	io := socketio.NewServer(socketio.Options{
		// Any page may open a WebSocket to here, and browsers that do not know SameSite send the cookie along. Only
		// pages of this server's own origin, which are never asked about, have a use for it.
		CORS: &engineio.CORS{AllowOrigin: func(string) bool { return false }},
	})
	io.Use(func(s *socketio.Socket) error {
		_, found, ok := sessions.find(s.Request())
		if !ok {
			return errors.New("log in first")
		}
		return s.SetData(found.user)
	})
	io.OnConnect(func(s *socketio.Socket) error {
		id, _, _ := sessions.find(s.Request())
		s.Join(room(id))
		_, found, ok := sessions.find(s.Request())
		if !ok { // the logout may have been too early to find the socket in its room
			s.Disconnect(true)
			return nil
		}
		expiry := time.AfterFunc(time.Until(found.expires), func() { s.Disconnect(true) })
		context.AfterFunc(s.Context(), func() { expiry.Stop() })
		return s.Emit("welcome", found.user)
	})

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	mux.HandleFunc("POST /login", sessions.login)
	mux.HandleFunc("POST /logout", sessions.logout(io))
	return http.NewCrossOriginProtection().Handler(mux) // no page of another site logs anybody in or out
}

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	lifetime := flag.Duration("lifetime", 8*time.Hour, "how long a session lasts")
	flag.Parse()

	sessions := &store{lifetime: *lifetime, sessions: make(map[string]session)}
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, newHandler(sessions)))
}
