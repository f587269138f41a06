package socketio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestEventMiddleware: middlewares stand in their order round the handlers of all sockets, and decide over each event.
func TestEventMiddleware(t *testing.T) {
	type key struct{}
	var reported []error
	srv := newTestServer(t, Options{OnError: func(_ *Socket, err error) { reported = append(reported, err) }})
	var steps []string
	step := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	srv.UseEvents(func(ctx context.Context, e *Event, next func(context.Context) error) error {
		step("1 %s %s", e.Name(), e.Raw(0).JSON())
		if e.Name() == "forbidden" {
			return &Error{Message: "not you"}
		}
		err := next(context.WithValue(ctx, key{}, "span"))
		step("1 end %v", err)
		return err
	})
	srv.UseEvents(func(ctx context.Context, e *Event, next func(context.Context) error) error {
		step("2 %v", ctx.Value(key{}))
		switch e.Name() {
		case "dropped":
			return nil
		case "answered":
			return e.Ack("by 2")
		case "panics":
			panic("oh")
		case "wrapped":
			return fmt.Errorf("wrapped: %w", next(ctx))
		case "forgiven":
			_ = next(ctx)
			return nil
		}
		return next(ctx)
	})
	for _, event := range []string{"ok", "forbidden", "dropped", "answered", "panics"} {
		Handle(srv, event, func(ctx context.Context, _ *Socket, n int) (any, error) {
			step("handler")
			return ctx.Value(key{}), nil
		})
	}
	for _, event := range []string{"wrapped", "forgiven", "fails"} {
		srv.On(event, func(e *Event) error {
			step("handler %v", e.Context().Value(key{}))
			return &Error{Message: "failed"}
		})
	}
	for _, tt := range []struct {
		event, want, steps string
		reports            int
	}{
		{"ok", `["span"]`, "1 ok 1, 2 span, use, handler, 1 end <nil>", 0},
		{"forbidden", `[{"error":"not you"}]`, "1 forbidden 1", 1},
		{"dropped", "", "1 dropped 1, 2 span, 1 end <nil>", 0},
		{"answered", `["by 2"]`, "1 answered 1, 2 span, 1 end <nil>", 0},
		{"panics", `[{"error":"internal error"}]`, "1 panics 1, 2 span", 1},
		{"wrapped", `[{"error":"failed"}]`, "1 wrapped 1, 2 span, use, handler span, 1 end wrapped: failed", 1},
		{"forgiven", "", "1 forgiven 1, 2 span, use, handler span, 1 end <nil>", 1},
		{"fails", `[{"error":"failed"}]`, "1 fails 1, 2 span, use, handler span, 1 end failed", 1},
		{"unknown", "", "1 unknown 1, 2 span, use, 1 end <nil>", 0},
	} {
		t.Run(tt.event, func(t *testing.T) {
			c := srv.connect()
			c.socket().Use(func(*Event) error { step("use"); return nil })
			steps, reported = nil, nil
			c.send(`21["` + tt.event + `",1]`)
			if tt.want != "" {
				c.want("31" + tt.want)
			}
			c.settle()
			c.wantNothing()
			if got := strings.Join(steps, ", "); got != tt.steps {
				t.Errorf("the steps are\n%s, want\n%s", got, tt.steps)
			}
			if len(reported) != tt.reports {
				t.Errorf("reported: %v", reported)
			}
		})
	}
}

// TestEventMiddlewareOfADynamicNamespace: a parent's middlewares are its children's.
func TestEventMiddlewareOfADynamicNamespace(t *testing.T) {
	srv := newTestServer(t, Options{})
	parent := srv.OfFunc(func(string, *Handshake) bool { return true })
	parent.UseEvents(func(_ context.Context, _ *Event, _ func(context.Context) error) error {
		return fmt.Errorf("no: %w", errors.ErrUnsupported)
	})
	On0(parent, "x", func(context.Context, *Socket) error { t.Error("the handler runs"); return nil })
	c := srv.dial()
	c.send("0/any,")
	c.want(`0/any,{"sid":"<SID>"}`)
	c.send(`2/any,1["x"]`)
	c.want(`3/any,1[{"error":"internal error"}]`)
}
