package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/gzipfiles"
	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// TestBundles runs clients in a real browser: that of the bundle with MessagePack which the gateway serves, and those
// of Socket.IO 2, whose JSONP takes a page.
func TestBundles(t *testing.T) {
	t.Parallel()
	needs.Program(t, chromium)
	msgpack := filepath.Join(t.TempDir(), "socket.io.msgpack.min.js")
	bundles, embedded := public.Client()
	if !embedded {
		needs.Missing(t, "the client bundles", "make client")
	}
	if body, err := gzipfiles.New(bundles).Plain(filepath.Base(msgpack)); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(msgpack, body, 0o600); err != nil {
		t.Fatal(err)
	}
	old := func(version string) string {
		return "js/node_modules/socket.io-client-" + version + "/dist/socket.io.js"
	}
	eachTarget(t, func(t *testing.T, name string) {
		packed := startFixture(t, name, "PARSER=msgpack", "FAST=1")
		let := startFixture(t, name, "ALLOW_EIO3=1", "FAST=1")
		for _, c := range []struct {
			name, bundle, options string
			tg                    *target
		}{
			{"msgpack by polling", msgpack, `{"transports":["polling"]}`, packed},
			{"msgpack by websocket", msgpack, `{"transports":["websocket"]}`, packed},
			{"2.5 by polling", old("2.5.0"), `{"transports":["polling"]}`, let},
			{"2.5 by JSONP", old("2.5.0"), `{"transports":["polling"],"forceJSONP":true}`, let},
			{"2.0 by JSONP", old("2.0.4"), `{"transports":["polling"],"forceJSONP":true}`, let},
			{"2.5 by base64", old("2.5.0"), `{"transports":["polling"],"forceBase64":true}`, let},
			{"2.5 by websocket", old("2.5.0"), `{"transports":["websocket"]}`, let},
			{"2.5 with an upgrade", old("2.5.0"), `{}`, let},
		} {
			t.Run(c.name, func(t *testing.T) {
				bundle, err := filepath.Abs(c.bundle)
				if err != nil {
					t.Fatal(err)
				}
				child.RunScript(t, "js/clients/browser.test.mjs",
					"URL="+c.tg.url(), "CHROMIUM="+chromium, "BUNDLE="+bundle, "OPTIONS="+c.options)
			})
		}
	})
}
