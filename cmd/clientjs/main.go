// Clientjs puts the browser bundles of socket.io-client, and their source maps, in a folder, for a program that serves
// them itself (socketio.Options.Client). It needs npm, which checks them against the hashes that this module pins:
//
//	go run github.com/brunossouza/websocket-escalonavel/cmd/clientjs client
//
// As a go:generate line it has the bundles ready for go:embed after each update of this module. With -admin-ui it is
// the Socket.IO Admin UI that it puts there, with its icons, for a program that uses package socketio/admin.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/public/npm"
)

func main() {
	args, what := os.Args[1:], client
	if len(args) == 2 && args[0] == "-admin-ui" {
		args, what = args[1:], adminUI
	}
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(os.Stderr, "usage: clientjs [-admin-ui] DIR\n"+
			"Puts the browser bundles of socket.io-client, or the Admin UI, in DIR. Needs npm.")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := install(ctx, what, args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "clientjs:", err)
		os.Exit(1)
	}
	fmt.Printf("clientjs: %d files in %s\n", n, args[0])
}

// A bundle is what npm packages have for browsers.
type bundle struct {
	pins  fs.FS    // package.json and package-lock.json
	files []source // of node_modules
}

// A source are files of a package.
type source struct {
	root    string // below node_modules
	pattern string // of paths below root
	to      string // below the folder that is filled
}

var (
	client  = bundle{npm.Files(), []source{{"socket.io-client/dist", "socket.io.*", ""}}}
	adminUI = bundle{npm.AdminUI(), []source{
		// Without the source maps, which are three times as large as all the rest.
		{"@socket.io/admin-ui/ui/dist", "index.html", ""}, {"@socket.io/admin-ui/ui/dist", "favicon.png", ""},
		{"@socket.io/admin-ui/ui/dist", "css/*.css", ""}, {"@socket.io/admin-ui/ui/dist", "js/*.js", ""},
		{"@socket.io/admin-ui/ui/dist", "img/*.svg", ""},
		{"@mdi/font", "css/materialdesignicons.min.css", "mdi"}, {"@mdi/font", "fonts/*.woff2", "mdi"},
	}}
)

// install puts the files in dir, which it makes if need be, and returns how many that are. It leaves dir as it is where
// npm fails.
func install(ctx context.Context, what bundle, dir string) (n int, err error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return 0, errors.New("npm is not installed")
	}
	work, err := os.MkdirTemp("", "clientjs-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, what.pins); err != nil {
		return 0, err
	}
	// npm ci refuses a package whose hash is not the one in the lockfile. The Admin UI's package would bring a server.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund",
		"--fetch-retries=1", "--fetch-timeout=20000")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	for _, from := range what.files {
		copied, err := from.copy(filepath.Join(work, "node_modules"), dir)
		if err != nil {
			return n, err
		}
		n += copied
	}
	return n, nil
}

// copy copies the files, of which there must be some.
func (s source) copy(modules, dir string) (n int, err error) {
	root := filepath.Join(modules, s.root)
	found, err := filepath.Glob(filepath.Join(root, s.pattern))
	if err != nil || len(found) == 0 {
		return 0, fmt.Errorf("the package has no %s (%w)", s.pattern, errors.Join(err, fs.ErrNotExist))
	}
	for _, path := range found {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return n, err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return n, err
		}
		to := filepath.Join(dir, s.to, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return n, err
		}
		if err := os.WriteFile(to, content, 0o666); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
