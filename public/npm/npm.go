// Package npm pins the npm package socket.io-client, whose bundles browsers get, by version and integrity hash.
package npm

import "embed"

//go:embed package.json package-lock.json
var files embed.FS

// Files are package.json and package-lock.json, as npm ci wants them.
func Files() embed.FS { return files }
