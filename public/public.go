// Package public holds what a browser gets from the gateway, embedded in the binary: the chat page with its script,
// style and icon, and the client bundles of the npm package socket.io-client where the build had them.
package public

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
)

// ClientVersion is the version of socket.io-client whose bundles are embedded. It is pinned, with the package's
// integrity hash, in npm/package-lock.json; a test holds the two together.
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

// Client returns the embedded client bundles under the names that Socket.IO serves them by (socket.io.js,
// socket.io.min.js, ...). It reports false where the build had none.
func Client() (fs.FS, bool) {
	bundles, err := fs.Sub(client, "client")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(bundles, "socket.io.min.js"); err != nil {
		return nil, false
	}
	return bundles, true
}

// Asset returns a file that the page links, such as app.js. The error is fs.ErrNotExist where there is none.
func Asset(name string) ([]byte, error) {
	return page.ReadFile("page/" + name)
}

// Page returns the chat page, which loads the client from the CDN if fromCDN, else from the server itself.
func Page(fromCDN bool) ([]byte, error) {
	parsed, err := template.ParseFS(page, "page/index.html")
	if err != nil {
		return nil, fmt.Errorf("public: parse the page: %w", err)
	}
	data := struct{ Client, Integrity string }{Client: LocalClient}
	if fromCDN {
		data.Client, data.Integrity = CDNClient, CDNIntegrity
	}
	var html bytes.Buffer
	if err := parsed.Execute(&html, data); err != nil {
		return nil, fmt.Errorf("public: write the page: %w", err)
	}
	return html.Bytes(), nil
}
