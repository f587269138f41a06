package main

// The words of the tables, and what they are in Portuguese.

import "github.com/brunossouza/websocket-escalonavel/bench/report"

const (
	introduction = "Fitted to a run of %s by `make bench-costs`: %s, %d cores, Linux %s, %s; other processes " +
		"used %s cores meanwhile. All nodes have one core, the load and the broker the other. Checked with a " +
		"run of %s (%s cores)."
	costsTitle = "What each step costs, with its standard error. What is not in the table is nothing that could " +
		"be measured."
	errorsTitle = "By how much the model is wrong: root mean square of the errors of the rows in which something was " +
		"used (20 ms, 20 KB), in the run that it was fitted to and in the other, whose sizes it had not seen."
	fullTitle = "Messages/s, in rooms of %d, that fill a core of the broker, by the number of nodes. Redis has " +
		"no other core for that; `sharded` may have more masters, NATS more cores and servers."
	endingsTitle  = "%d nodes and %s connections:"
	fetchTitle    = "One fetchSockets for all sockets, on five nodes that share one core:"
	examplesTitle = "What the simulator answers, for nodes of %s cores and %s GB, of which %s may be used with " +
		"one node gone. Use what is bold."
)

var portuguese = report.Portuguese.With(
	introduction,
	"Ajustado a uma execução de %s por `make bench-costs`: %s, %d núcleos, Linux %s, %s; outros processos "+
		"usaram %s núcleos enquanto isso. Todos os nós têm um núcleo, a carga e o broker o outro. Conferido com "+
		"uma execução de %s (%s núcleos).",
	costsTitle,
	"O que cada passo custa, com o erro padrão. O que não está na tabela não pôde ser medido: é quase nada.",
	errorsTitle,
	"Quanto o modelo erra: raiz da média dos quadrados dos erros das linhas em que algo foi usado (20 ms, 20 KB), "+
		"na execução a que foi ajustado e na outra, cujos tamanhos não tinha visto.",
	fullTitle,
	"Mensagens/s, em salas de %d, que enchem um núcleo do broker, pelo número de nós. O Redis não tem outro "+
		"núcleo para isso; `sharded` pode ter mais masters, e NATS mais núcleos e servidores.",
	endingsTitle, "%d nós e %s conexões:",
	fetchTitle, "Um fetchSockets de todos os sockets, em cinco nós que dividem um núcleo:",
	examplesTitle,
	"O que o simulador responde, para nós de %s núcleos e %s GB, dos quais %s podem ser usados com um nó a "+
		"menos. Use o que está em negrito.",

	"what", "o quê",
	"where", "onde",
	"nodes, µs", "nós, µs",
	"broker, µs", "broker, µs",
	"nodes, KB", "nós, KB",
	"into the broker, bytes", "entra no broker, bytes",
	"out of the broker, bytes", "sai do broker, bytes",
	"a node, a second", "um nó, por segundo",
	"for each other node, a second", "por outro nó, por segundo",
	"a heartbeat of a client", "um heartbeat de um cliente",
	connectStep, "uma conexão, com a entrada na sala",
	"a node is woken", "um nó é acordado",
	"a message of a client", "uma mensagem de um cliente",
	"a message of another node, for rooms here", "uma mensagem de outro nó, para salas daqui",
	"one for other rooms", "uma para outras salas",
	"a delivery", "uma entrega",
	"a room that begins or ends", "uma sala que começa ou acaba",
	"a socket that is fetched", "um socket de fetchSockets",
	answerStep, "o mesmo, de outro nó",
	"the broker, a second", "o broker, por segundo",
	wokenStep, "o broker é acordado",
	writesStep, "ele tem algo para um nó",
	"a message", "uma mensagem",
	"a node that gets it", "um nó que a recebe",
	"a node's subscription to a room", "a inscrição de um nó em uma sala",
	socketStep, "um socket de fetchSockets de outro nó",
	"memory of a connection", "memória de uma conexão",
	"memory of a node without any", "memória de um nó sem nenhuma",

	"adapter", "adapter",
	"nodes' CPU, own run", "CPU dos nós, a mesma execução",
	"the other run", "a outra execução",
	"most wrong there", "o maior erro nela",
	"broker's CPU, own run", "CPU do broker, a mesma execução",
	"bytes out of the broker, the other run", "bytes que saem do broker, a outra execução",
	"%s, %d nodes", "%s, %d nós",
	", rooms of %d", ", salas de %d",
	"connect", "conectar",
	"idle", "parado",
	"rooms", "salas",
	"all", "todos",
	"join", "entrar",
	"leave", "sair",
	"fetch", "fetchSockets",
	"%d nodes", "%d nós",

	"memory of a node", "memória de um nó",
	"heartbeats of clients: of a core of each node", "heartbeats dos clientes: de um núcleo de cada nó",
	"all come at once: cores of all nodes for a minute", "todos chegam juntos: núcleos de todos os nós por um minuto",
	"what nodes tell each other, nobody being there: of a core of the broker",
	"o que os nós se dizem, sem cliente nenhum: de um núcleo do broker",
	"nodes that fill a core of the broker by that", "nós que enchem um núcleo do broker com isso",
	"messages/s that fill a core of the broker", "mensagens/s que enchem um núcleo do broker",
	"bytes/s out of the broker at that", "bytes/s que saem do broker nesse ponto",
	"messages/s of others' rooms that fill a core of a node", "mensagens/s de salas alheias que enchem um núcleo "+
		"de um nó",
	"messages/s past which a node that stood still for a second has lost some",
	"mensagens/s a partir das quais um nó que parou por um segundo perde alguma",
	"subscriptions to rooms", "inscrições em salas",
	"bytes of a socket in an answer to fetchSockets, as measured",
	"bytes de um socket em uma resposta de fetchSockets, medidos",
	"seconds of a core of all nodes together for one fetchSockets of all",
	"segundos de um núcleo de todos os nós juntos em um fetchSockets de todos",
	"bytes out of the broker for one fetchSockets of all, at 1,000 each",
	"bytes que saem do broker em um fetchSockets de todos, a 1.000 cada um",

	"clients", "clientes",
	"answered after", "respondido após",
	"no whole answer", "sem resposta completa",
	"bytes into the broker", "bytes que entram no broker",
	"bytes out", "bytes que saem",

	"users", "usuários",
	"messages/s", "mensagens/s",
	"rooms of", "salas de",
	"nodes", "nós",
	"cores of each", "núcleos de cada",
	"memory of each", "memória de cada",
	"broker", "brokers",
	"its cores", "seus núcleos",
	"out", "sai",
	"ends first", "acaba primeiro",
	"used of it", "usado dele",
	"the nodes' CPU", "a CPU dos nós",
	"the nodes' memory", "a memória dos nós",
	"the nodes' connections", "as conexões dos nós",
	"the broker's CPU", "a CPU do broker",
	"the broker's network", "a rede do broker",
)
