package test

// Attacks at the gateway's edges while 50 good clients chat: requests that grow past the limit on their way to another
// node, and a page of an origin that is not allowed.

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/abuse"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// Upgrades and POSTs of about 20 KB, for a session of the other node, once made each node drop the other from its
// registry.
func TestLongRequestsThroughANode(t *testing.T) {
	needsGateway(t)
	_, addrs := startGateways(t, 2)
	var sids []string
	for _, addr := range addrs {
		sid, err := wire.OpenSession(addr, patience)
		if err != nil {
			t.Fatal(err)
		}
		sids = append(sids, sid)
	}
	for i, addr := range addrs { // each node knows the other
		if _, err := wire.Post(addr, wire.NewPolling+"&sid="+sids[1-i], "40", patience); err != nil {
			t.Fatal(err)
		}
	}
	underAttack(t, startTCPBalancer(t, addrs), func(worker, i int) {
		target := wire.NewPolling + "&sid=" + sids[1-worker%2]
		request := wire.Request{Method: "POST", Target: target, Body: "4x"}
		if i%2 == 0 {
			request = wire.UpgradeRequest(strings.Replace(target, "polling", "websocket", 1))
		}
		long := wire.Header{Name: "Cookie", Value: strings.Repeat("x", 19_700+(i*7)%700)}
		request.Headers = append(request.Headers, long)
		r, err := wire.Do(addrs[worker%2], request, patience)
		if err == nil && r.Code != 431 && r.Code != 101 && r.Code != 200 && r.Code != 400 {
			t.Errorf("%d %s", r.Code, r.Body)
		}
		if r, err := wire.Get(addrs[worker%2], "/metrics", patience); err != nil ||
			!strings.Contains(string(r.Body), "\ngateway_forward_nodes 1\n") {
			t.Errorf("the other node is forgotten: %v", err)
		}
	}, func() {
		for _, addr := range addrs {
			r, err := wire.Get(addr, "/metrics", patience)
			if err != nil || strings.Contains(string(r.Body), `gateway_forwarded_requests_total{result="too long"} 0`) {
				t.Errorf("no request has been too long: %v", err)
			}
		}
	})
}

// A page of another origin tries every way in; the clients, which have an allowed one or none, notice nothing.
func TestAPageOfAnotherOrigin(t *testing.T) {
	needsGateway(t)
	tg := startTarget(t, "gateway", "CORS_ORIGINS=https://chat.example", "LOG_LEVEL=error")
	sid, err := wire.OpenSession(tg.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	evil := wire.Header{Name: "Origin", Value: "https://evil.example"}
	session := wire.NewPolling + "&sid=" + sid
	tries := []wire.Request{
		{Method: "GET", Target: wire.NewPolling}, {Method: "GET", Target: session},
		{Method: "POST", Target: session, Body: "40"}, wire.UpgradeRequest(wire.NewSocket),
		wire.UpgradeRequest(strings.Replace(session, "polling", "websocket", 1)),
	}
	underAttack(t, tg.addr, func(_, i int) {
		request := tries[i%len(tries)]
		request.Headers = append(request.Headers[:len(request.Headers):len(request.Headers)], evil)
		if r, err := wire.Do(tg.addr, request, patience); err != nil || r.Code != 403 {
			t.Errorf("%s %s: %v, %v", request.Method, request.Target, r, err)
		}
	}, func() {})
}

// underAttack attacks by 4 at once, 150 times each, while 50 clients chat, and checks that each message reaches all.
func underAttack(t *testing.T, addr string, attack func(worker, i int), afterwards func()) {
	t.Helper()
	chat, err := abuse.NewChat(addr, 50)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	var attackers sync.WaitGroup
	over := make(chan struct{})
	for worker := range 4 {
		attackers.Go(func() {
			for i := range 150 {
				attack(worker, i)
			}
		})
	}
	go func() { attackers.Wait(); close(over) }()
	said := 0
	for done := false; !done; said++ {
		if err := chat.Say(said, said+1, 200*time.Millisecond); err != nil {
			t.Error(err)
		}
		select {
		case <-over:
			done = true
		default:
		}
	}
	if err := chat.Heard(said); err != nil {
		t.Error(err)
	}
	t.Logf("%d rounds of messages", said)
	afterwards()
}
