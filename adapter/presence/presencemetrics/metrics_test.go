package presencemetrics

import (
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable/metrictabletest"
)

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	stats := &presence.Stats{
		Up: true, Settling: true, Users: 3, Nodes: 4, Sockets: 5, Own: 6, Records: 7, Waiting: 8,
		Lag: 1500 * time.Millisecond, Unread: 9, Written: 10, Came: 11, Went: 12, Joined: 13, Left: 14, Missed: 15,
		Compared: 16, Failures: 17, Cleared: 18, Outlawed: 19, Restored: 20, Refused: 21,
	}
	c := metrictable.New("socketio", table, func() *presence.Stats { return stats })
	want := map[string]float64{
		`socketio_presence_up`:                            1,
		`socketio_presence_settling`:                      1,
		`socketio_presence_users`:                         3,
		`socketio_presence_nodes`:                         4,
		`socketio_presence_sockets`:                       5,
		`socketio_presence_own_users`:                     6,
		`socketio_presence_records`:                       7,
		`socketio_presence_waiting`:                       8,
		`socketio_presence_lag_seconds`:                   1.5,
		`socketio_presence_unread`:                        9,
		`socketio_presence_written_total`:                 10,
		`socketio_presence_changes_total{kind="online"}`:  11,
		`socketio_presence_changes_total{kind="offline"}`: 12,
		`socketio_presence_changes_total{kind="join"}`:    13,
		`socketio_presence_changes_total{kind="leave"}`:   14,
		`socketio_presence_missed_total`:                  15,
		`socketio_presence_comparisons_total`:             16,
		`socketio_presence_failures_total`:                17,
		`socketio_presence_cleared_nodes_total`:           18,
		`socketio_presence_leases_lost_total`:             19,
		`socketio_presence_restored_total`:                20,
		`socketio_presence_rooms_refused_total`:           21,
	}
	metrictabletest.Expect(t, c, want)
	// How many are online is not known while Redis is away: no value is better than an old one.
	stats = &presence.Stats{Users: 3}
	for name := range want {
		want[name] = 0
	}
	delete(want, `socketio_presence_users`)
	metrictabletest.Expect(t, c, want)
}
