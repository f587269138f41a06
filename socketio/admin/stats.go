package admin

// server_stats: the numbers that every admin sees, in either mode. They are differences of counts that the server
// keeps anyway, so nothing on the way of a message knows of them.

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// The features that the UI may be told of, in Node.js's order.
var (
	commandFeatures = []string{"EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"}
	numbersFeature  = "AGGREGATED_EVENTS"
	detailFeature   = "ALL_EVENTS"
)

type config struct {
	SupportedFeatures []string `json:"supportedFeatures"`
}

func (a *Admin) features(detailed bool) []string {
	var features []string
	if !a.opts.ReadOnly {
		features = slices.Clone(commandFeatures)
	}
	features = append(features, numbersFeature)
	if detailed {
		features = append(features, detailFeature)
	}
	return features
}

type serverStats struct {
	ServerID            string           `json:"serverId"`
	Hostname            string           `json:"hostname"`
	PID                 int              `json:"pid"`
	Uptime              float64          `json:"uptime"` // seconds
	ClientsCount        int              `json:"clientsCount"`
	PollingClientsCount int              `json:"pollingClientsCount"`
	AggregatedEvents    []aggregate      `json:"aggregatedEvents"`
	Namespaces          []namespaceStats `json:"namespaces"`
}

type aggregate struct {
	Timestamp int64  `json:"timestamp"` // ms since 1970, of a whole second
	Type      string `json:"type"`
	SubType   string `json:"subType,omitempty"`
	Count     int64  `json:"count"`
}

type namespaceStats struct {
	Name         string `json:"name"`
	SocketsCount int    `json:"socketsCount"`
}

// numbers are what has been counted until the last time.
type numbers struct {
	a        *Admin
	hostname string
	engine   engineio.Stats
	turnover engineio.Turnover
	notShown int64
}

func (a *Admin) newNumbers() *numbers {
	n := &numbers{a: a, engine: a.io.Engine().Stats(), turnover: a.io.Engine().Turnover()}
	n.hostname, _ = os.Hostname()
	n.notShown = a.counts.notShown.Load()
	return n
}

// next are the numbers now, and what has happened since the last time.
func (n *numbers) next() serverStats {
	engine, turnover := n.a.io.Engine().Stats(), n.a.io.Engine().Turnover()
	n.a.mirror.settle(engine.MessagesSent - n.engine.MessagesSent)
	notShown := n.a.counts.notShown.Load()
	stats := serverStats{
		ServerID: n.a.opts.ServerID, Hostname: n.hostname, PID: os.Getpid(), Uptime: time.Since(n.a.began).Seconds(),
		ClientsCount: n.a.io.Sessions(), PollingClientsCount: engine.Polling,
		AggregatedEvents: []aggregate{}, Namespaces: []namespaceStats{},
	}
	for _, ns := range n.a.io.Namespaces() {
		if len(stats.Namespaces) == maxShownNamespaces {
			break
		}
		stats.Namespaces = append(stats.Namespaces, namespaceStats{ns.Name(), ns.SocketCount()})
	}
	slices.SortFunc(stats.Namespaces, func(x, y namespaceStats) int { return strings.Compare(x.Name, y.Name) })
	second := time.Now().Truncate(time.Second).UnixMilli()
	add := func(kind, sub string, count int64) {
		if count > 0 {
			stats.AggregatedEvents = append(stats.AggregatedEvents, aggregate{second, kind, sub, count})
		}
	}
	add("rawConnection", "", turnover.Opened-n.turnover.Opened)
	for reason, count := range turnover.Closed {
		add("rawDisconnection", string(reason), count-n.turnover.Closed[reason])
	}
	add("packetsIn", "", engine.MessagesReceived-n.engine.MessagesReceived)
	add("bytesIn", "", engine.BytesReceived-n.engine.BytesReceived)
	add("packetsOut", "", engine.MessagesSent-n.engine.MessagesSent)
	add("bytesOut", "", engine.BytesSent-n.engine.BytesSent)
	add("eventsNotShown", "", notShown-n.notShown) // ours; the UI passes over what it does not know
	n.engine, n.turnover, n.notShown = engine, turnover, notShown
	return stats
}

// maxShownNamespaces bounds those of one server: clients may make dynamic ones.
const maxShownNamespaces = 1000
