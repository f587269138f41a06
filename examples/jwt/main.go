// Command jwt lets in who has a JSON Web Token (RFC 7519), for as long as that is valid.
//
//	go run ./examples/jwt
//
// Here POST /token gives one to anybody, where a real service asks for a password, or another service signs them:
//
//	const fetchToken = async () => (await fetch("http://localhost:3000/token?user=Ana", { method: "POST" })).text();
//	const socket = io("http://localhost:3000", {
//	  auth: async (send) => send({ token: await fetchToken() }), // asked for at each connection
//	});
//	socket.on("connect_error", (error) => console.log(error.message)); // the token is not valid
//	socket.emit("whoami", (user) => console.log(user)); // Ana
//
// When the token expires the client is disconnected, and may connect with a new one:
//
//	socket.on("disconnect", (reason) => { if (reason === "io server disconnect") socket.connect(); });
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// user is who a socket's token is for.
var user = socketio.NewKey[string]("user")

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	secret := flag.String("secret", rand.Text(), "what tokens are signed with, the same on all servers")
	ttl := flag.Duration("ttl", time.Hour, "how long a token of POST /token is valid")
	flag.Parse()

	http.Handle("/socket.io/", newServer([]byte(*secret)))
	http.Handle("POST /token", issue([]byte(*secret), *ttl))
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}

// issue is the handler of POST /token.
func issue(secret []byte, ttl time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
			Subject:   r.FormValue("user"),
			ExpiresAt: jwt.NewNumericDate(time.Now().Add(ttl)),
		}).SignedString(secret)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, token) // fails where the client is gone
	}
}

func newServer(secret []byte) *socketio.Server {
	// The method is ours to say, not the token's: one that names "none" would need no signature.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return secret, nil }

	io := socketio.NewServer(socketio.Options{})
	io.Use(func(s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Handshake().Auth.Bind(&auth); err != nil {
			return &socketio.ConnectError{Message: "unauthorized"}
		}
		var claims jwt.RegisteredClaims
		if _, err := parser.ParseWithClaims(auth.Token, &claims, key); err != nil || claims.Subject == "" {
			s.Logger().Debug("refused", "error", err) // what is wrong with it is not the client's business
			return &socketio.ConnectError{Message: "unauthorized"}
		}
		// The connection ends with the token. What is refused after all, or goes before, needs no timer any more.
		expiry := time.AfterFunc(time.Until(claims.ExpiresAt.Time), func() { s.Disconnect(true) })
		context.AfterFunc(s.Context(), func() { expiry.Stop() })
		return user.Set(s, claims.Subject)
	})
	socketio.Handle0(io, "whoami", func(_ context.Context, s *socketio.Socket) (string, error) {
		name, _ := user.Get(s)
		return name, nil
	})
	return io
}
