package main

// Which services there are. One that is added here is in the program, and its settings are in --help.

import (
	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
)

// services returns a new one of each service. The program runs the first: there is no other to choose from yet.
func services() []gateway.Service {
	return []gateway.Service{
		new(chat.Service),
	}
}
