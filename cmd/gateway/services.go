package main

// Which services there are. One that is added here can be chosen, and its settings are in --help.

import (
	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/backend"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
)

// serviceNames are the values of SERVICE, the default first.
var serviceNames = []string{"chat", "backend"}

// newService returns a new service of that name, or of the first where there is none: its settings say so then.
func newService(name string) gateway.Service {
	if name == "backend" {
		return new(backend.Service)
	}
	return new(chat.Service)
}

// A choice is the service that SERVICE names. No other's settings are read.
type choice struct {
	gateway.Service
	name string
}

// choose returns the service that the environment names.
func choose(getenv func(string) string) gateway.Service {
	return &choice{Service: newService(getenv("SERVICE"))}
}

// Settings implements gateway.Service: SERVICE, then those of the service.
func (c *choice) Settings() []gateway.Setting {
	own := gateway.ChoiceSetting("SERVICE",
		"what is served: chat is the chat with its page, backend hands what clients do to BACKEND_URL",
		&c.name, serviceNames...)
	return append([]gateway.Setting{own}, c.Service.Settings()...)
}

// services are all services, for --help: SERVICE is with the first.
func services() []gateway.Service {
	all := []gateway.Service{choose(func(string) string { return "" })}
	for _, name := range serviceNames[1:] {
		all = append(all, newService(name))
	}
	return all
}
