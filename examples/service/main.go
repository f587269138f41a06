// Command service is a service of one's own on the gateway: dice. A client emits "roll", or anybody sends POST /roll,
// and everybody on every node hears "rolled" with who it was and the result. The cluster, health, metrics, the log and
// the orderly stop are the gateway's, and so are its settings, beside which there is SIDES.
//
//	ADAPTER=memory SIDES=20 go run ./examples/service
//	curl -X POST localhost:3000/roll
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// dice is the service.
type dice struct{ sides int }

// Settings implements gateway.Service.
func (d *dice) Settings() []gateway.Setting {
	return []gateway.Setting{gateway.IntSetting("SIDES", "6", "sides of the die", 2, 100, &d.sides)}
}

// Start implements gateway.Service.
func (d *dice) Start(io *socketio.Server, node gateway.Node) (gateway.Parts, error) {
	roll := func(by string) error {
		result := 1 + rand.IntN(d.sides)
		node.Log.Debug("rolled", "by", by, "result", result)
		return io.Emit("rolled", by, result)
	}
	io.On("roll", func(e *socketio.Event) error { return roll(e.Socket().ID()) })
	route := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path != "/roll" {
			return false // the gateway answers 404
		}
		if err := roll("somebody"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return true
		}
		fmt.Fprintln(w, "rolled")
		return true
	}
	return gateway.Parts{Route: route}, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, new(dice)); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx is done and the clients are gone.
func run(ctx context.Context, service gateway.Service) error {
	cfg, err := gateway.LoadConfig(os.Getenv, service)
	if err != nil {
		return err
	}
	g, err := gateway.New(cfg, gateway.NewLogger(cfg, os.Stdout), service)
	if err != nil {
		return err
	}
	return g.Run(ctx)
}
