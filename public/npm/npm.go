// Package npm pins the npm packages whose files browsers get, by version and integrity hash: socket.io-client, and
// @socket.io/admin-ui with its icons.
package npm

import (
	"embed"
	"io/fs"
)

//go:embed package.json package-lock.json
var files embed.FS

//go:embed adminui/package.json adminui/package-lock.json
var adminUI embed.FS

// Files are package.json and package-lock.json of the client, as npm ci wants them.
func Files() embed.FS { return files }

// AdminUI are those of the Admin UI.
func AdminUI() fs.FS {
	sub, _ := fs.Sub(adminUI, "adminui") // a path that is there
	return sub
}
