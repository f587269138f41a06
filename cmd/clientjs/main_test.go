package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The bundles are those that the gateway embeds, with their maps, in a folder that need not be there.
func TestInstall(t *testing.T) {
	needs.Program(t, "npm")
	dir := filepath.Join(t.TempDir(), "a", "b")
	n, err := install(t.Context(), client, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js",
	} {
		bundle, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(string(bundle), "/*!\n * Socket.IO v"+public.ClientVersion+"\n") {
			t.Errorf("%s begins %.40q (%v)", name, bundle, err)
		}
		if _, err := os.Stat(filepath.Join(dir, name+".map")); err != nil {
			t.Error(err)
		}
		n -= 2
	}
	if n < 0 {
		t.Errorf("%d files too few are counted", -n)
	}
}

// Without npm nothing is touched, and the error says what is missing.
func TestInstallWithoutNPM(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := filepath.Join(t.TempDir(), "client")
	if _, err := install(t.Context(), client, dir); err == nil || err.Error() != "npm is not installed" {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is there (%v)", err)
	}
}

// The Admin UI has all that its page and its icons' style sheet name, without source maps.
func TestInstallAdminUI(t *testing.T) {
	needs.Program(t, "npm")
	dir := t.TempDir()
	n, err := install(t.Context(), adminUI, dir)
	if err != nil {
		t.Fatal(err)
	}
	if n != 10 {
		t.Errorf("%d files", n)
	}
	for _, name := range []string{
		"index.html", "mdi/css/materialdesignicons.min.css", "mdi/fonts/materialdesignicons-webfont.woff2",
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
