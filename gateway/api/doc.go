// Package api is the gateway's server API: HTTP and JSON, with which backends send events to clients of the whole
// cluster, put them into rooms, take them out, disconnect them and look at who is there. Any node answers for all.
//
// Its operations are declared once, with the types of their requests and answers (emit.go, members.go, sockets.go,
// rooms.go, presence.go, cluster.go). The routes, the checks of a request and the OpenAPI description at /openapi.json
// are all made of those declarations, by package huma. Around them stand the token (auth.go), the bounds of a request
// (request.go) and of connections (connections.go), and Idempotency-Key (idempotency.go).
//
//	tokens, err := api.NewTokens([]string{token}, "", logger)
//	// ...
//	a := api.New(api.Options{IO: io, Tokens: tokens})
//	err = a.Serve(listener)
//	// ...
//	err = a.Shutdown(ctx)
package api
