//go:build linux

package main

// The words of the table, and what they are in Portuguese.

import "github.com/brunossouza/websocket-escalonavel/bench/report"

const (
	introduction = "Measured on %s by `make bench-api`: %s, %d cores, Linux %s, %s; medians of %d rounds, the " +
		"servers on one core. The rate is what the caller got. On a busy machine both are worse: it takes a quiet one."
	deliveryTitle = "a message to a room of %s clients on %d nodes, %.0f a second"
)

var portuguese = report.Portuguese.With(
	introduction,
	"Medido em %s por `make bench-api`: %s, %d núcleos, Linux %s, %s; medianas de %d rodadas, os servidores em "+
		"um núcleo. A taxa é a que quem chama obteve. Numa máquina ocupada as duas são piores: é preciso uma "+
		"sem outra carga.",
	deliveryTitle, "uma mensagem a uma sala de %s clientes em %d nós, %.0f por segundo",

	"request", "requisição",
	"requests/s", "requisições/s",
	"events/s", "eventos/s",
	"CPU each", "CPU de cada uma",
	"a core is enough for", "um núcleo basta para",
	"emit with an Idempotency-Key", "emit com Idempotency-Key",
	"emit-batch of 100", "emit-batch de 100",
	"CPU per delivery, all nodes", "CPU por entrega, todos os nós",
	"sent by a client's event", "enviada pelo evento de um cliente",
	"sent by the API", "enviada pela API",
	"emissions by the API on one core", "envios pela API em um núcleo",
	"a delivery of the API's against one sent inside", "uma entrega da API em relação a uma enviada por dentro",
)
