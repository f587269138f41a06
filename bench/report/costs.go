package report

// What the things that a cluster does have cost: bench/cluster writes it, bench/model reads it.

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Costs are the costs of one run.
type Costs struct {
	Date    time.Time `json:"date"`
	Machine Machine   `json:"machine"`
	Commit  string    `json:"commit"`
	Others  float64   `json:"others"` // cores that other processes used meanwhile
	Text    int       `json:"text"`   // bytes of what is said in each message
	Rows    []Cost    `json:"rows"`
}

// A Cost is what nodes and broker have used while one thing was done.
type Cost struct {
	Kind    string  `json:"kind"` // of the nodes: pubsub, sharded, streams, nats
	What    string  `json:"what"` // connect, idle, rooms, all, talk, join, leave or fetch
	Nodes   int     `json:"nodes"`
	Clients int     `json:"clients"`
	Room    int     `json:"room,omitempty"` // clients of a room, on as many nodes as it can have
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate,omitempty"` // messages a second that a node was to say, which it may not have reached

	// How often it was done.
	Connects   int64 `json:"connects,omitempty"`   // and joined a room
	Pings      int64 `json:"pings,omitempty"`      // heartbeats of clients
	Messages   int64 `json:"messages,omitempty"`   // of clients, to a room or to all; of another node where it talks
	Deliveries int64 `json:"deliveries,omitempty"` // of those messages
	Missing    int64 `json:"missing,omitempty"`    // deliveries, or answers to fetches, that did not come
	Joins      int64 `json:"joins,omitempty"`      // of rooms that did not exist
	Leaves     int64 `json:"leaves,omitempty"`     // that end those rooms
	Fetches    int64 `json:"fetches,omitempty"`    // of all sockets

	Latency float64 `json:"latency,omitempty"` // of fetches, in seconds, median

	NodeCPU      float64 `json:"nodeCPU"`          // seconds, of all nodes
	BrokerCPU    float64 `json:"brokerCPU"`        // seconds
	BrokerIn     int64   `json:"brokerIn"`         // bytes; of NATS without what its protocol adds
	BrokerOut    int64   `json:"brokerOut"`        // the same
	Memory       int64   `json:"memory,omitempty"` // bytes, of all nodes, that connecting has taken
	NodeMemory   int64   `json:"nodeMemory"`       // bytes, of all nodes, at the end
	BrokerMemory int64   `json:"brokerMemory"`     // bytes, at the end
}

// WriteCosts writes costs to a file.
func WriteCosts(path string, c *Costs) error {
	content, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return fmt.Errorf("write the costs: %w", err)
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// LoadCosts reads what WriteCosts has written.
func LoadCosts(path string) (*Costs, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := new(Costs)
	if err := json.Unmarshal(content, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
