// Command zishang3client measures the client of github.com/zishang520/socket.io, as bench/clients does with the others.
package main

import (
	"errors"
	"time"

	"github.com/zishang520/socket.io/clients/engine/v3/transports"
	"github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/brunossouza/websocket-escalonavel/bench/clients/measure"
)

func main() { measure.Main("zishang520 v3.0.6", dial) }

type theirs struct{ *socket.Socket }

func (c theirs) Trigger(n int) { _ = c.Emit("trigger", n) }
func (c theirs) Close()        { c.Disconnect() }

func dial(url string, received func()) (measure.Client, error) {
	opts := socket.DefaultOptions()
	opts.SetTransports(types.NewSet(transports.WebSocket))
	opts.SetForceNew(true)
	s, err := socket.Connect(url, opts)
	if err != nil {
		return nil, err
	}
	connected := make(chan struct{}, 1)
	s.On("connect", func(...any) { connected <- struct{}{} })
	s.On("m", func(...any) { received() })
	if s.Connected() {
		return theirs{s}, nil
	}
	select {
	case <-connected:
		return theirs{s}, nil
	case <-time.After(30 * time.Second):
		return nil, errors.New("not connected in 30 s")
	}
}
