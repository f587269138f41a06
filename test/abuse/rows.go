package abuse

// The table of attacks: those of issue 10 that a gateway can be attacked with, and what each may cost.

// A Row is one attack.
type Row struct {
	Number string // in the table; it has no 0
	Name   string
	Attack Attack

	// With is what the gateway has to have switched on to be attacked like this, beside production's settings. The
	// benchmark leaves it at that.
	With []string
	// Settings are those of the test beside these: short time-outs, so that it is seen soon that everything is given
	// back, and no limit that would stop the attack before the bound that it is about.
	Settings []string
	Files    int      // descriptors that it may have; 0 for as many as this process
	Nodes    int      // gateways, on one Redis; 0 is one alone, in memory
	Redis    []string // further arguments of redis-server

	Most  Bounds   // while the attack lasts
	Moves []string // metrics that it moves: it comes to its bound, and that is counted
	Stays []string // metrics that are 0 all the same
	Sees  []string // what it must have done
	Never []string // what must not have happened to it
}

// Bounds are what an attack may take at most.
type Bounds struct {
	Resident   int // MB of a gateway's memory, all of it
	Kernel     int // MB of memory for TCP that come on top. It counts the whole machine, so there is room for others
	Goroutines int // that come on top
	Files      int // descriptors that come on top
}

// Settings that take away the limits on what a client may say, for attacks on what is behind them.
const (
	anyNumber = "MESSAGE_RATE=off"
	anySize   = "BYTE_RATE=off"
	soonCut   = "WRITE_TIMEOUT=10s"
)

// Rows returns the table. The first ones are those after which the most memory is to be given back.
func Rows() []Row {
	return []Row{
		{
			Number: "4", Name: "clients that read nothing", Attack: readNothing(100),
			Settings: []string{soonCut, anyNumber, anySize},
			Most:     Bounds{Resident: 950, Kernel: 450, Goroutines: 250, Files: 150},
			Moves:    []string{`gateway_slow_clients_total{cause="stalled"}`},
		},
		{
			Number: "2", Name: "answers not read, of small messages", Attack: unreadAnswers(200, 4, 100),
			Settings: []string{soonCut, anyNumber, anySize},
			Most:     Bounds{Resident: 500, Kernel: 300, Goroutines: 450, Files: 450},
			Moves:    []string{`gateway_slow_clients_total{cause="stalled"}`},
		},
		{
			Number: "2", Name: "answers not read, of large messages", Attack: unreadAnswers(200, 4, 1),
			Settings: []string{soonCut, anyNumber, anySize},
			Most:     Bounds{Resident: 300, Kernel: 300, Goroutines: 450, Files: 450},
			Moves:    []string{`gateway_slow_clients_total{cause="stalled"}`},
		},
		{
			Number: "6", Name: "handshakes from one address", Attack: flood(1, 300),
			// A machine that is busy may not manage as many as the default allows.
			Settings: []string{"GOMEMLIMIT=192MiB", "HANDSHAKE_RATE=100"},
			Most:     Bounds{Resident: 240, Kernel: 100, Goroutines: 350, Files: 350},
			Moves:    []string{`gateway_refused_total{limit="handshakes of the address"}`},
			Sees:     []string{"answered 429"},
		},
		{
			Number: "6", Name: "handshakes from many addresses", Attack: flood(300, 300),
			Settings: []string{"GOMEMLIMIT=192MiB"},
			Most:     Bounds{Resident: 240, Kernel: 100, Goroutines: 350, Files: 350},
			Moves:    []string{`gateway_refused_total{limit="memory"}`},
			Sees:     []string{"answered 503"},
		},
		{
			Number: "10", Name: "registrar with recovery", Attack: recovering(2),
			With: []string{"RECOVERY=5s"}, Settings: []string{anyNumber, anySize},
			Most:  Bounds{Resident: 300, Kernel: 50, Goroutines: 150, Files: 50},
			Moves: []string{"gateway_recovery_dropped_total"},
		},
		{
			Number: "9", Name: "attachments that never come", Attack: unfinished(60),
			Settings: []string{"CONNECT_TIMEOUT=4s"},
			Most:     Bounds{Resident: 400, Kernel: 100, Goroutines: 150, Files: 150},
			Moves:    []string{`gateway_client_limits_total{limit="packet time"}`},
			Sees:     []string{"senders ended"},
		},
		{
			Number: "9", Name: "auth of 900 KB", Attack: auth(30),
			Most:  Bounds{Resident: 150, Kernel: 100, Goroutines: 100, Files: 100},
			Moves: []string{`gateway_client_limits_total{limit="auth"}`},
			Sees:  []string{"refused"}, Never: []string{"let in"},
		},
		{
			Number: "4", Name: "silent members", Attack: silentMembers(500),
			Settings: []string{soonCut, anyNumber, anySize},
			Most:     Bounds{Resident: 200, Kernel: 300, Goroutines: 1100, Files: 550},
			Moves:    []string{`gateway_slow_clients_total{cause="stalled"}`},
		},
		{
			Number: "3", Name: "compressing for many", Attack: compressing(400),
			Settings: []string{anySize},
			Most:     Bounds{Resident: 350, Kernel: 300, Goroutines: 900, Files: 900},
			Sees:     []string{"answers compressed"}, Never: []string{"other answers"},
		},
		{
			Number: "5", Name: "shouting in a slow room", Attack: shoutInSlowRoom(30),
			Most:  Bounds{Resident: 200, Kernel: 300, Goroutines: 150, Files: 100},
			Moves: []string{"gateway_throttled_total"}, Never: []string{"members lost", "speakers ended"},
		},
		{
			Number: "12", Name: "all descriptors taken", Attack: idle(400), Files: 400,
			Most: Bounds{Resident: 60, Kernel: 50, Goroutines: 350, Files: 330},
			Moves: []string{
				`gateway_refused_total{limit="connections"}`,
				`gateway_refused_total{limit="connections of the address"}`,
			},
			Sees: []string{"healthy"}, Never: []string{"unhealthy"},
		},
		{
			Number: "1", Name: "nesting", Attack: nesting,
			Most:  Bounds{Resident: 100, Kernel: 50, Goroutines: 50, Files: 50},
			Moves: []string{`gateway_client_limits_total{limit="nesting"}`},
			Sees:  []string{"senders ended"},
		},
		{
			Number: "11", Name: "page of another origin", Attack: foreignPage,
			With:  []string{"CORS_ORIGINS=https://chat.example"},
			Most:  Bounds{Resident: 60, Kernel: 50, Goroutines: 50, Files: 50},
			Moves: []string{`gateway_handshake_errors_total{code="4"}`},
			Sees:  []string{"answered 403"},
			Never: []string{"answered 101", "answered 200", "answered 400", "no answer"},
		},
		{
			Number: "14", Name: "ambiguous requests", Attack: ambiguous,
			Most:  Bounds{Resident: 60, Kernel: 50, Goroutines: 50, Files: 50},
			Sees:  []string{"answered 400"},
			Never: []string{"answered 101", "answered 200", "no answer"},
		},
		{
			Number: "0", Name: "malformed everything", Attack: malformed,
			Settings: []string{"PING_INTERVAL=3s", "PING_TIMEOUT=3s", "CONNECT_TIMEOUT=3s", "UPGRADE_TIMEOUT=2s"},
			Most:     Bounds{Resident: 100, Kernel: 50, Goroutines: 300, Files: 800},
		},
		{
			Number: "8", Name: "long requests for another node", Attack: longRequests, Nodes: 2,
			Most:  Bounds{Resident: 100, Kernel: 50, Goroutines: 100, Files: 100},
			Moves: []string{`gateway_forwarded_requests_total{result="too long"}`, "gateway_forward_nodes"},
			Sees:  []string{"answered 431"},
		},
		{
			Number: "7", Name: "a stream in a full Redis", Attack: shouters(20), Nodes: 2,
			Settings: []string{"ADAPTER=streams"},
			Redis:    []string{"--maxmemory", "100mb"},
			Most:     Bounds{Resident: 500, Kernel: 300, Goroutines: 150, Files: 100},
			Moves:    []string{"gateway_adapter_published_total"},
			Stays:    []string{"gateway_redis_refusals_total"},
		},
	}
}
