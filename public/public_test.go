package public

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/internal/gzipfiles"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPageLoadsTheClientFromTheServer(t *testing.T) {
	html, err := Page(false)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(html, []byte(`<script src="/socket.io/socket.io.min.js" defer></script>`)) {
		t.Errorf("the page does not load the server's own client:\n%s", html)
	}
	if bytes.Contains(html, []byte("https://")) {
		t.Error("the page names another host")
	}
}

func TestPageWithoutBundlesLoadsThePinnedCDNCopy(t *testing.T) {
	html, err := Page(true)
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile(`<script src="https://cdn\.socket\.io/` + regexp.QuoteMeta(ClientVersion) +
		`/socket\.io\.min\.js" integrity="(sha384-[^"]+)" crossorigin="anonymous" defer></script>`).FindSubmatch(html)
	if script == nil {
		t.Fatalf("the page does not load the CDN's copy:\n%s", html)
	}
	if got := strings.ReplaceAll(string(script[1]), "&#43;", "+"); got != CDNIntegrity {
		t.Errorf("integrity: got %s, want %s", got, CDNIntegrity)
	}
}

// The page's policy forbids inline script and style, so the page must have none, and it must only ask for files that
// exist.
func TestPageFitsItsPolicy(t *testing.T) {
	html, err := Page(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{`<style`, ` style=`, ` onclick=`, ` onload=`, `javascript:`} {
		if bytes.Contains(bytes.ToLower(html), []byte(forbidden)) {
			t.Errorf("the page has %s, which its policy forbids", forbidden)
		}
	}
	if inline := regexp.MustCompile(`<script(?:\s[^>]*)?>[^<]`).Find(html); inline != nil {
		t.Errorf("the page has an inline script: %s", inline)
	}
	links := regexp.MustCompile(`(?:src|href)="/chat/([^"]+)"`).FindAllSubmatch(html, -1)
	if len(links) != 3 {
		t.Errorf("the page links %d of its files, want its script, style and icon", len(links))
	}
	for _, link := range links {
		if _, err := Asset(string(link[1])); err != nil {
			t.Errorf("the page links %s: %v", link[1], err)
		}
	}
}

// What other people send must never be parsed as markup.
func TestScriptNeverWritesMarkup(t *testing.T) {
	script, err := Asset("app.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, sink := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser", "setHTML",
	} {
		if bytes.Contains(script, []byte(sink)) {
			t.Errorf("app.js uses %s", sink)
		}
	}
}

func TestAssetsAreNotTheRestOfTheDisk(t *testing.T) {
	for _, name := range []string{"missing.js", "../public.go", "", "."} {
		if body, err := Asset(name); err == nil {
			t.Errorf("Asset(%q) gave %d bytes", name, len(body))
		}
	}
}

// The version stands in the lockfile, where npm checks it, and in ClientVersion, which goes into ETags and addresses.
func TestClientVersionIsTheLockfiles(t *testing.T) {
	content, err := os.ReadFile("npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity, Resolved string }
	}
	if err := json.Unmarshal(content, &lock); err != nil {
		t.Fatal(err)
	}
	pinned := lock.Packages["node_modules/socket.io-client"]
	if pinned.Version != ClientVersion {
		t.Errorf("npm/package-lock.json pins %q, ClientVersion is %q", pinned.Version, ClientVersion)
	}
	for path, p := range lock.Packages {
		if path != "" && (!strings.HasPrefix(p.Integrity, "sha512-") || p.Resolved != "") {
			t.Errorf("%s: want an integrity hash and no registry, got %q, %q", path, p.Integrity, p.Resolved)
		}
	}
}

// A build either has all the bundles, of the pinned version, or none; both are whole builds. `make test` requires them.
func TestEmbeddedBundles(t *testing.T) {
	bundles, embedded := Client()
	if !embedded {
		left, err := fs.Glob(client, "client/socket.io*")
		if err != nil || len(left) != 0 {
			t.Errorf("no socket.io.min.js.gz, but there are %v (%v): run make clean client", left, err)
		}
		needs.Missing(t, "the client bundles", "make client")
	}
	files := gzipfiles.New(bundles)
	for _, name := range []string{
		"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js",
	} {
		body, err := files.Plain(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.HasPrefix(body, []byte("/*!\n * Socket.IO v"+ClientVersion+"\n")) {
			t.Errorf("%s is not version %s: it begins %.40q", name, ClientVersion, body)
		}
		sourceMap, err := files.Plain(name + ".map")
		if err != nil || !json.Valid(sourceMap) {
			t.Errorf("%s.map: not JSON (%v)", name, err)
		}
		if name == "socket.io.min.js" {
			sum := sha512.Sum384(body)
			if got := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); got != CDNIntegrity {
				t.Errorf("CDNIntegrity is %s, the bundle's hash %s", CDNIntegrity, got)
			}
		}
	}
}

// The Admin UI's version and those of its icons are the lockfile's, and its page loads nothing from elsewhere.
func TestAdminUI(t *testing.T) {
	content, err := os.ReadFile("npm/adminui/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity, Resolved string }
	}
	if err := json.Unmarshal(content, &lock); err != nil {
		t.Fatal(err)
	}
	if pinned := lock.Packages["node_modules/@socket.io/admin-ui"].Version; pinned != AdminVersion {
		t.Errorf("npm/adminui/package-lock.json pins %q, AdminVersion is %q", pinned, AdminVersion)
	}
	for path, p := range lock.Packages {
		if path != "" && (!strings.HasPrefix(p.Integrity, "sha512-") || p.Resolved != "") {
			t.Errorf("%s: want an integrity hash and no registry, got %q, %q", path, p.Integrity, p.Resolved)
		}
	}
	if _, embedded := AdminUI(); !embedded {
		needs.Missing(t, "the Admin UI", "make client")
	}
	page, err := AdminPage(`/a"dmin`, "/socket.io", false)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte("https://")) || !bytes.Contains(page, []byte(`data-namespace="/a&#34;dmin"`)) {
		t.Errorf("%s", page)
	}
	ui, _ := AdminUI()
	files := gzipfiles.New(ui)
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page, -1) {
		if name := string(link[1]); name != AdminDefaultsName {
			if _, err := files.Plain(name); err != nil {
				t.Error(err)
			}
		}
	}
}
