package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// cheapHash is a password's hash that is quickly checked on a busy machine.
func cheapHash(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), admin.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

// TestAdminUI drives the real Admin UI in a real browser, on a cluster of two gateways. It leaves screenshots in
// artifacts/.
func TestAdminUI(t *testing.T) {
	needsGateway(t)
	needs.Program(t, chromium)
	if _, embedded := public.AdminUI(); !embedded {
		needs.Missing(t, "the Admin UI", "make client")
	}
	artifacts, err := filepath.Abs("artifacts")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	_, addrs := startGateways(t, 2, "LOG_LEVEL=debug",
		"ADMIN=on", "ADMIN_USER=ana", "ADMIN_PASSWORD_HASH="+cheapHash(t, "correct horse"))
	readers := startTarget(t, "gateway", "ADMIN=on", "ADMIN_READONLY=true", "ADMIN_PATH=/ops/look/",
		"ADMIN_USER=bia", "ADMIN_PASSWORD_HASH="+cheapHash(t, "only looking"))
	open := startTarget(t, "gateway", "ADMIN=on", "ADMIN_AUTH=none", "ADMIN_MODE=production")
	child.RunScript(t, "js/page/admin.test.mjs", "NODES="+strings.Join(addrs, ","), "READERS="+readers.url(),
		"OPEN="+open.url(), "CHROMIUM="+chromium, "ARTIFACTS="+artifacts)
}
