package test

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// TestClientsMsgpack has what TestClientsLibrary has with MessagePack on both sides, and what only that can carry.
func TestClientsMsgpack(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name, "PARSER=msgpack")
		for _, script := range []string{"library", "msgpack"} {
			for _, transport := range []string{"polling", "websocket", "default"} {
				t.Run(script+"/"+transport, func(t *testing.T) {
					child.RunScript(t, "js/clients/"+script+".test.mjs", "CLIENT=4.8.3", "TRANSPORT="+transport,
						"PARSER=msgpack", "URL="+tg.url())
				})
			}
		}
	})
}

// TestMsgpackInACluster has clients with MessagePack at one server and clients with JSON at another, ours and Node's in
// each of the parts.
func TestMsgpackInACluster(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	for _, names := range [][2]string{{"gateway", "gateway"}, {"gateway", "nest"}, {"nest", "gateway"}} {
		if !wants(names[0]) || !wants(names[1]) {
			continue
		}
		t.Run(names[0]+" and "+names[1], func(t *testing.T) {
			packed := startFixture(t, names[0], "PARSER=msgpack", "REDIS_URL="+redis.URL())
			plain := startFixture(t, names[1], "REDIS_URL="+redis.URL())
			child.RunScript(t, "js/clients/parsers.test.mjs", "URL="+packed.url(), "PLAIN_URL="+plain.url())
		})
	}
}
