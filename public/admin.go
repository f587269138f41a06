package public

// The Socket.IO Admin UI: the files of its npm package, where the build had them, and what they need to be served from
// here alone.

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html"
	"io/fs"

	"github.com/brunossouza/websocket-escalonavel/internal/gzipfiles"
)

// AdminVersion is the version of @socket.io/admin-ui that is embedded. It is pinned, with the package's integrity hash,
// in npm/adminui/package-lock.json; a test compares the two.
const AdminVersion = "0.5.1"

//go:embed adminui
var adminUI embed.FS

//go:embed adminpage/defaults.js
var adminDefaults []byte

// AdminUI returns the UI's files by their paths below the page, index.html among them; AdminPage is what to serve for
// that. All but fonts and pictures are compressed with gzip, as index.html.gz. It reports false where the build had
// none.
func AdminUI() (fs.FS, bool) {
	files, err := fs.Sub(adminUI, "adminui")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(files, "index.html"+gzipfiles.Suffix); err != nil {
		return nil, false
	}
	return files, true
}

// AdminDefaults is the script that AdminPage loads as AdminDefaultsName.
func AdminDefaults() []byte { return adminDefaults }

// AdminDefaultsName is the path of AdminDefaults below the page.
const AdminDefaultsName = "defaults.js"

// AdminStyles are the sources, as a Content-Security-Policy has them, of the style sheet that the UI's script puts into
// the page: empty at first, then its colours, light or dark. The test in a browser says what they are in another
// version.
const AdminStyles = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' " +
	"'sha256-H0hALk5rjM4aGisbF9hx4t4yVUsKf0ZX1N28nouwAhI=' 'sha256-UA8uVkzlAxGk09z6OrvqQkcbhXuelL/B23jotWQLt78='"

// What the UI's page loads from elsewhere, and what takes the places. The first is a font, for which every system has
// another one.
const (
	adminFont  = `<link rel="stylesheet" href="https://fonts.googleapis.com/css?family=Roboto:100,300,400,500,700,900">`
	adminIcons = `<link rel="stylesheet" ` +
		`href="https://cdn.jsdelivr.net/npm/@mdi/font@latest/css/materialdesignicons.min.css">`
	ownIcons    = `<link rel="stylesheet" href="mdi/css/materialdesignicons.min.css">`
	adminScript = `<script src="js/chunk-vendors.`
)

// AdminPage returns the UI's page. It loads nothing from elsewhere, and is for the server that serves it: the admin
// namespace of that name, Socket.IO at path, and with noAuth without a form.
func AdminPage(namespace, path string, noAuth bool) ([]byte, error) {
	files, embedded := AdminUI()
	if !embedded {
		return nil, errors.New("public: this build has no Admin UI")
	}
	page, err := gzipfiles.New(files).Plain("index.html")
	if err != nil {
		return nil, fmt.Errorf("public: read the Admin UI's page: %w", err)
	}
	auth := "basic"
	if noAuth {
		auth = "none"
	}
	defaults := fmt.Sprintf(`<script src="%s" data-auth="%s" data-namespace="%s" data-path="%s"></script>`,
		AdminDefaultsName, auth, html.EscapeString(namespace), html.EscapeString(path))
	for _, r := range []struct{ from, to string }{
		{adminFont, ""}, {adminIcons, ownIcons}, {adminScript, defaults + adminScript},
	} {
		if bytes.Count(page, []byte(r.from)) != 1 {
			return nil, errors.New("public: the Admin UI's page does not have once: " + r.from)
		}
		page = bytes.Replace(page, []byte(r.from), []byte(r.to), 1)
	}
	return page, nil
}
