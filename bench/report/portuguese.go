package report

// The words of the Portuguese pages.

// Portuguese is Brazil's. It has the words that this package writes.
var Portuguese = Language{decimal: ",", thousands: ".", yes: "sim", no: "não", words: pairs(
	"Not measured yet: `make bench` does it, and writes the figures here.",
	"Ainda não medido: `make bench` mede e escreve os números aqui.",
	"Measured on %s by `make bench` at commit %s: %s, %d cores, Linux %s, %s, Node %s. The server has "+
		"one core and the load another; 1,000 clients in one room. Medians over the rounds, their range in "+
		"parentheses. [All workloads](%sbench/results/latest.md), [what each server does](%[8]sbench/service.md).",
	"Medido em %s por `make bench` no commit %s: %s, %d núcleos, Linux %s, %s, Node %s. O servidor tem um núcleo e a "+
		"carga outro; 1.000 clientes em uma sala. Medianas das rodadas, com a faixa entre parênteses. "+
		"[Todas as cargas](%sbench/results/latest.md) e [o que cada servidor faz](%[8]sbench/service.md), em inglês.",
	"- **Fast.** %s deliveries per second on one core, to 1,000 clients in one room: %s what NestJS does.\n"+
		"- **Small.** %s of memory for each idle connection, where NestJS takes %s.\n",
	"- **Rápido.** %s entregas por segundo em um núcleo, para 1.000 clientes em uma sala: %s o que o NestJS faz.\n"+
		"- **Pequeno.** %s de memória por conexão ociosa, onde o NestJS usa %s.\n",

	"server", "servidor",
	"this project, in memory", "este projeto, em memória",
	"this project", "este projeto",
	"one write(2) per recipient and nothing else", "um write(2) por destinatário e nada mais",
	"lost", "perdidas",
	"deliveries/s, 16 in flight", "entregas/s, 16 em trânsito",
	"CPU per delivery at 20 messages/s", "CPU por entrega a 20 mensagens/s",
	"of it in the kernel", "dela no kernel",
	"p99 at 20 messages/s", "p99 a 20 mensagens/s",
	"memory per idle connection", "memória por conexão ociosa",
	"start to first connection", "do início à primeira conexão",

	"What it is to reach, as ratios to the others in the same run:",
	"O que deve alcançar, em razão aos outros na mesma execução:",

	"goal", "meta",
	"against", "em relação a",
	"%s, both without Redis", "%s, os dois sem Redis",
	"bound", "limite",
	"measured", "medido",
	"met", "cumprida",
	"at least", "pelo menos",
	"at most", "no máximo",

	"fan-out to 1,000, 16 in flight: deliveries against the best peer",
	"1.000 na sala, 16 em trânsito: entregas em relação ao melhor dos outros",
	"fan-out to 1,000, 16 in flight: deliveries against the floor",
	"1.000 na sala, 16 em trânsito: entregas em relação ao piso",
	"fan-out to 1,000, 64 in flight: deliveries against the best peer",
	"1.000 na sala, 64 em trânsito: entregas em relação ao melhor dos outros",
	"fan-out to 1,000, 20 messages/s: CPU per delivery against the best peer",
	"1.000 na sala, 20 mensagens/s: CPU por entrega em relação ao melhor dos outros",
	"fan-out to 1,000, 20 messages/s: CPU per delivery against the floor",
	"1.000 na sala, 20 mensagens/s: CPU por entrega em relação ao piso",
	"fan-out to 1,000, 20 messages/s: p99 latency against the best peer",
	"1.000 na sala, 20 mensagens/s: latência p99 em relação ao melhor dos outros",
	"100 rooms of 10, one message in flight in each: deliveries against the best peer",
	"100 salas de 10, uma mensagem em trânsito em cada: entregas em relação ao melhor dos outros",
	"100 rooms of 10, 16 in flight in each: deliveries against the best peer",
	"100 salas de 10, 16 em trânsito em cada: entregas em relação ao melhor dos outros",
	"echo with acknowledgement: echoes against the best peer",
	"eco com confirmação: ecos em relação ao melhor dos outros",
	"polling only, one room: deliveries against the best peer",
	"só polling, uma sala: entregas em relação ao melhor dos outros",
	"polling only, echo: echoes against the best peer", "só polling, eco: ecos em relação ao melhor dos outros",
	"connect storm: CPU per connection against the best peer",
	"enxurrada de conexões: CPU por conexão em relação ao melhor dos outros",
	"connect storm with CORS origins and behind a proxy: CPU per connection against the best peer",
	"enxurrada de conexões com origens CORS e atrás de um proxy: CPU por conexão em relação ao melhor dos outros",
	"connect storm with tokens (ES256): CPU against the same without",
	"enxurrada de conexões com tokens (ES256): CPU em relação à mesma sem eles",
	"the same once more, with the same tokens", "a mesma outra vez, com os mesmos tokens",
	"15,000 idle: memory per connection", "15.000 ociosos: memória por conexão",
	"15,000 idle: memory per connection against the best peer",
	"15.000 ociosos: memória por conexão em relação ao melhor dos outros",
	"broadcast while others join and leave, against the same without",
	"difusão enquanto outros entram e saem, em relação à mesma sem isso",
	"p99 of 1,000 clients with a slow reader among them, against without",
	"p99 de 1.000 clientes com um leitor lento entre eles, em relação a sem ele",
	"the slow reader is closed at its limit", "o leitor lento é desconectado no seu limite",
	"start to first connection against Nest", "do início à primeira conexão em relação ao Nest",
	"deliveries on two cores against one, the load counted out",
	"entregas em dois núcleos em relação a um, descontada a carga",
	"no message lost and no error, in all workloads",
	"nenhuma mensagem perdida e nenhum erro, em todas as cargas",

	"Latency against load: 1,000 clients in one room, one core",
	"Latência por carga: 1.000 clientes em uma sala, um núcleo",
	"Deliveries per second on one core: 1,000 clients in one room",
	"Entregas por segundo em um núcleo: 1.000 clientes em uma sala",
	"Resident memory against idle connections", "Memória residente por conexões ociosas",
)}

// pairs returns a map from each text to the one that follows it.
func pairs(texts ...string) map[string]string {
	m := make(map[string]string)
	for i := 0; i < len(texts); i += 2 {
		m[texts[i]] = texts[i+1]
	}
	return m
}
