//go:build linux

package main

// The words of the tables, and what they are in Portuguese.

import "github.com/brunossouza/websocket-escalonavel/bench/report"

const (
	introduction = "Measured on %s by `make bench-cluster`: %s, %d cores, Linux %s, %s, Node %s. Half of the cores " +
		"are the nodes', the others the load's and the broker's; other processes used %s cores meanwhile. Five " +
		"nodes, but where it says otherwise."
	scaled = "One node may not have files for %s clients: for as many deliveries it would take %s, at the time for " +
		"each that it took with those that it had."
	stepTitle = "CPU of a delivery, nodes + broker, at %s messages/s to rooms of %d, by the number of nodes"
)

var portuguese = report.Portuguese.With(
	introduction,
	"Medido em %s por `make bench-cluster`: %s, %d núcleos, Linux %s, %s, Node %s. Metade dos núcleos é dos nós, a "+
		"outra da carga e do broker; outros processos usaram %s núcleos enquanto isso. Cinco nós, salvo indicação.",
	scaled,
	"Um nó não pode ter arquivos para %s clientes: para tantas entregas levaria %s, com o tempo por entrega que levou "+
		"com os que tinha.",
	stepTitle, "CPU por entrega, nós + broker, a %s mensagens/s para salas de %d, pelo número de nós",

	"ours, Pub/Sub", "nosso, Pub/Sub",
	"ours, sharded Pub/Sub", "nosso, Pub/Sub particionado",
	"ours, streams", "nosso, streams",
	"ours, NATS", "nosso, NATS",
	"Node.js, redis-adapter, sharded", "Node.js, redis-adapter, particionado",
	"one node of ours, in memory", "um nó nosso, em memória",
	"%s could not be measured to the end.", "%s não pôde ser medido até o fim.",

	"nodes", "nós",
	"clients", "clientes",
	"connections/s", "conexões/s",
	"memory of each", "memória de cada um",
	"the last has a broadcast after", "o último recebe um broadcast após",
	"CPU of a delivery", "CPU por entrega",
	"missing", "faltam",
	"messages/s in rooms", "mensagens/s em salas",
	"of", "de",
	"twice or out of order", "repetidas ou fora de ordem",

	"joins of new rooms/s", "entradas em salas novas/s",
	"p99 of leaving", "p99 ao sair",
	"cores of nodes, broker, load", "núcleos dos nós, do broker, da carga",
	"the load itself was late by (p99)", "atraso da própria carga (p99)",
	"rooms heard from elsewhere after", "as salas ouvem outros nós após",
	"without an answer", "sem resposta",

	"bystander", "nó alheio",
	"messages/s of others", "mensagens/s dos outros",
	"of a core", "de um núcleo",
	"without them", "sem elas",
	"missing elsewhere", "faltam nos outros",

	"a node is killed (SIGKILL)", "um nó é morto (SIGKILL)",
	"its clients", "seus clientes",
	"sessions resumed", "sessões retomadas",
	"the last is back after", "o último volta após",
	"and has what it missed after", "e tem o que perdeu após",
	"missing, of all clients", "faltam, de todos os clientes",

	"a broadcast to all: delivered", "um broadcast a todos: entregue",
	"the last client has a broadcast, against one node", "o último cliente recebe um broadcast, em relação a um nó",
	"at most 2×", "no máximo 2×",
	"a bystander of 24,000 messages/s: of a core", "um nó alheio a 24.000 mensagens/s: de um núcleo",
	"at most 3%", "no máximo 3%",
	"20,000 joins of new rooms/s: p99", "20.000 entradas em salas novas/s: p99",
	"at most 100 ms", "no máximo 100 ms",
)
