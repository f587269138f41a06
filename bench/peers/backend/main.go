// Command backend is the least that a backend of the gateway can do (docs/BACKEND.md): it lets everybody in, and
// acknowledges echo with what it was sent.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(serve)))
}

// event is what is read of an event.
type event struct {
	Args []struct {
		Text string `json:"text"`
	} `json:"args"`
}

func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Header.Get("ce-event") != "echo" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil || len(e.Args) == 0 {
		http.Error(w, "want an object with a text", http.StatusBadRequest)
		return
	}
	answer, err := json.Marshal(map[string]any{"ack": e.Args[:1]})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}
