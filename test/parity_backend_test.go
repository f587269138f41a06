package test

// The chat as a NestJS controller behind the gateway (examples/backend-nest): its clients notice nothing.

import (
	"slices"
	"strings"
	"testing"
)

// notTheChat are the cases that are not the chat's, with the reason.
var notTheChat = map[string]string{
	"GET /":               nestsOwn,
	"GET / with Origin":   nestsOwn,
	"HEAD /":              nestsOwn,
	"GET /?a=1":           nestsOwn,
	"GET //":              nestsOwn,
	"GET / If-None-Match": nestsOwn,
}

const nestsOwn = "Nest's own page, which a balancer sends to Nest: the gateway passes on no requests of a page"

func TestParityBehindABackend(t *testing.T) {
	needsGateway(t)
	cases, differences := parityCases(t)
	for name := range notTheChat {
		if !slices.ContainsFunc(cases, func(c parityCase) bool { return c.name == name }) {
			t.Errorf("%q is no case", name)
		}
	}
	cases = slices.DeleteFunc(cases, func(c parityCase) bool { return notTheChat[c.name] != "" })
	expected := slices.Clone(cases)
	for i, c := range cases {
		if d, differs := differences[c.name]; differs {
			d.file = c.file
			expected[i] = d
		}
	}
	tg := startTarget(t, "backend", nestBackend.Start(t).Gateway()...)
	for i, result := range playAll(tg.addr, expected) {
		c := cases[i]
		t.Run(strings.TrimSuffix(c.file, ".txt")+"/"+c.name, func(t *testing.T) {
			if result.err != nil {
				t.Fatal(result.err)
			}
			// What the chassis does in its own way, it does here too.
			if got, want := result.got.String(), c.String(); got != want && got != expected[i].String() {
				t.Errorf("the conversation went\n%s\nand should have gone\n%s", got, want)
			}
		})
	}
}
