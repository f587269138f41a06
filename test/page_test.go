package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// TestPage drives the chat page in a real browser. It leaves screenshots in artifacts/.
func TestPage(t *testing.T) {
	needsGateway(t)
	needs.Program(t, chromium)
	artifacts, err := filepath.Abs("artifacts")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	tg := startTarget(t, "gateway")
	child.RunScript(t, "js/page/page.test.mjs",
		"URL="+tg.url(), "CONTROL="+tg.control(t), "CHROMIUM="+chromium, "ARTIFACTS="+artifacts)
}
