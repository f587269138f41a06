// Package public holds what a browser gets from the gateway, embedded in the binary: the chat page with its script,
// style and icon, and the client bundles of the npm package socket.io-client where the build had them.
package public

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/brunossouza/websocket-escalonavel/internal/gzipfiles"
)

// ClientVersion is the version of socket.io-client whose bundles are embedded. It is pinned, with the package's
// integrity hash, in npm/package-lock.json; a test compares the two.
const ClientVersion = "4.8.3"

// What the page loads where a build has no bundles: the project's own CDN copy of the same bytes. The browser checks
// them against the hash, which is that of dist/socket.io.min.js in the pinned package (a test compares them).
const (
	CDNOrigin    = "https://cdn.socket.io"
	CDNClient    = CDNOrigin + "/" + ClientVersion + "/socket.io.min.js"
	CDNIntegrity = "sha384-kzavj5fiMwLKzzD1f8S7TeoVIEi7uKHvbTA3ueZkrzYq75pNQUiUi6Dy98Q3fxb0"
)

// LocalClient is the path at which the page loads the bundle from the server itself.
const LocalClient = "/socket.io/socket.io.min.js"

//go:embed page
var page embed.FS

//go:embed client
var client embed.FS

// Client returns the embedded client bundles under the names that Socket.IO serves them by, compressed
// (socket.io.js.gz, socket.io.min.js.gz, ...): it is for socketio.Options.Client. It reports false where the build had
// none.
func Client() (fs.FS, bool) {
	bundles, err := fs.Sub(client, "client")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(bundles, "socket.io.min.js"+gzipfiles.Suffix); err != nil {
		return nil, false
	}
	return bundles, true
}

// Asset returns a file that the page links, such as app.js. The error is fs.ErrNotExist where there is none.
func Asset(name string) ([]byte, error) {
	return page.ReadFile("page/" + name)
}

// localScript is the tag in the page that loads the client, and cdnScript what takes its place where a build has no
// bundles.
//
// The one is replaced by the other as text, not by a template: text/template calls methods by name, and in a program
// that has it the linker keeps every exported method of every type. With go-redis that was 9 MB of 20, none of it ever
// called.
const (
	localScript = `<script src="` + LocalClient + `" defer></script>`
	cdnScript   = `<script src="` + CDNClient + `" integrity="` + CDNIntegrity + `" crossorigin="anonymous" ` +
		`defer></script>`
)

// Page returns the chat page, which loads the client from the CDN if fromCDN, else from the server itself.
func Page(fromCDN bool) ([]byte, error) {
	html, err := page.ReadFile("page/index.html")
	if err != nil {
		return nil, fmt.Errorf("public: read the page: %w", err)
	}
	if bytes.Count(html, []byte(localScript)) != 1 {
		return nil, errors.New("public: the page does not load the client once, by " + localScript)
	}
	if fromCDN {
		html = bytes.Replace(html, []byte(localScript), []byte(cdnScript), 1)
	}
	return html, nil
}
