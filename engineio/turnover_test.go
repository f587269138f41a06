package engineio

import "testing"

// Sessions are counted as they come, and as they go by their reason.
func TestTurnover(t *testing.T) {
	h := start(t, setup{message: echo})
	if got := h.Turnover(); got.Opened != 0 || len(got.Closed) != len(reasons) {
		t.Errorf("at first: %+v", got)
	}
	first, second := h.openPoll(), h.openPoll()
	first.post("1")
	second.peer().Close(ReasonForcedClose)
	eventually(t, "the counts", func() bool {
		got := h.Turnover()
		return got.Opened == 2 && got.Closed[ReasonTransportClose] == 1
	})
	second.poll()
	eventually(t, "the counts", func() bool { return h.Turnover().Closed[ReasonForcedClose] == 1 })
}
