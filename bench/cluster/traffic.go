//go:build linux

package main

// What a broker has passed on, as it says itself.

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// traffic is the bytes that have come to a broker and gone out, and the messages that nodes have given it. NATS counts
// the bytes of messages alone, without what its protocol adds.
type traffic struct{ in, out, messages int64 }

func (b *broker) traffic() (traffic, error) {
	if strings.HasPrefix(b.url, "nats:") {
		return natsTraffic(b.Addr())
	}
	return redisTraffic(b.Addr())
}

const askWithin = 2 * time.Second

// natsTraffic asks the monitoring of a NATS server.
func natsTraffic(monitor string) (t traffic, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: askWithin}
	response, err := client.Get("http://" + monitor + "/varz")
	if err != nil {
		return t, err
	}
	defer response.Body.Close()
	var v struct {
		In       int64 `json:"in_bytes"`
		Out      int64 `json:"out_bytes"`
		Messages int64 `json:"in_msgs"`
	}
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		return t, fmt.Errorf("monitoring of NATS: %w", err)
	}
	return traffic{v.In, v.Out, v.Messages}, nil
}

// redisTraffic asks Redis with INFO, whose answer of some KB is counted the next time.
func redisTraffic(addr string) (t traffic, err error) {
	conn, err := net.DialTimeout("tcp", addr, askWithin)
	if err != nil {
		return t, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(askWithin)) // Read and Write have the error
	if _, err := io.WriteString(conn, "INFO stats commandstats\r\nQUIT\r\n"); err != nil {
		return t, err
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		return t, err
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "total_net_input_bytes:%d", &t.in) // most lines are others
		_, _ = fmt.Sscanf(line, "total_net_output_bytes:%d", &t.out)
		for _, command := range []string{"publish", "spublish", "xadd"} {
			var calls int64
			if n, _ := fmt.Sscanf(line, "cmdstat_"+command+":calls=%d", &calls); n == 1 {
				t.messages += calls
			}
		}
	}
	if t.in == 0 || t.out == 0 {
		return t, fmt.Errorf("redis says nothing of its traffic: %.100q", text)
	}
	return t, nil
}
