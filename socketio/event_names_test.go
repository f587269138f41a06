package socketio

import (
	"slices"
	"testing"
)

func TestEventNames(t *testing.T) {
	srv := newServer(Options{})
	handler := func(*Event) error { return nil }
	if got := srv.EventNames(); len(got) != 0 {
		t.Errorf("without handlers: %q", got)
	}
	srv.On("say", handler)
	srv.On("ask", handler)
	srv.On("say", handler)
	srv.OnAny(handler)
	admin := srv.Of("/admin")
	admin.On("ban", handler)
	if got, want := srv.EventNames(), []string{"ask", "say"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := admin.EventNames(), []string{"ban"}; !slices.Equal(got, want) {
		t.Errorf("/admin: got %q, want %q", got, want)
	}
}
