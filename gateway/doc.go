// Package gateway is the chassis of a Socket.IO service: configuration from the environment, HTTP, health and
// readiness, the cluster, requests for other nodes' sessions, an orderly stop, metrics and the log. What is said to
// clients is the business of a Service, which New is given: package chat is one, examples/service another.
//
//	service := new(chat.Service)
//	cfg, err := gateway.LoadConfig(os.Getenv, service)
//	// ...
//	g, err := gateway.New(cfg, gateway.NewLogger(cfg, os.Stdout), service)
//	// ...
//	err = g.Run(ctx) // until ctx is done and the clients are gone
package gateway
