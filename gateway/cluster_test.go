package gateway

import (
	"encoding/json"
	"testing"
)

func TestReadyAloneAndNotWithoutItsRedis(t *testing.T) {
	tests := []struct {
		settings []string
		status   int
		want     string
	}{
		{nil, 200, "ready"},
		{[]string{"ADAPTER", "pubsub", "REDIS_URL", "redis://:s3cret@127.0.0.1:1"}, 503, "not ready"},
	}
	for _, test := range tests {
		n := start(t, test.settings...)
		response, body := n.Request(t, "GET", "/readyz", "")
		var got readiness
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if response.StatusCode != test.status || got.Status != test.want || got.Hostname != n.hostname {
			t.Errorf("%v: got %d %s", test.settings, response.StatusCode, body)
		}
		if down := got.Redis != nil && got.Redis.Status == "down"; down != (test.status == 503) {
			t.Errorf("%v: got %s", test.settings, body)
		}
		// Its own clients are served all the same.
		if response, _ := n.Request(t, "GET", "/socket.io/?EIO=4&transport=polling", ""); response.StatusCode != 200 {
			t.Errorf("%v: handshake got %d", test.settings, response.StatusCode)
		}
	}
}
