// Clientjs puts the browser bundles of socket.io-client, and their source maps, in a folder, for a program that serves
// them itself (socketio.Options.Client). It needs npm, which checks them against the hashes that this module pins:
//
//	go run github.com/brunossouza/websocket-escalonavel/cmd/clientjs client
//
// As a go:generate line it has the bundles ready for go:embed after each update of this module.
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
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: clientjs DIR\nPuts the browser bundles of socket.io-client in DIR. Needs npm.")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := install(ctx, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "clientjs:", err)
		os.Exit(1)
	}
	fmt.Printf("clientjs: %d files in %s\n", n, os.Args[1])
}

// install puts the bundles in dir, which it makes if need be, and returns how many files that are. It leaves dir as it
// is where npm fails.
func install(ctx context.Context, dir string) (n int, err error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return 0, errors.New("npm is not installed")
	}
	work, err := os.MkdirTemp("", "clientjs-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, npm.Files()); err != nil {
		return 0, err
	}
	// npm ci refuses a package whose hash is not the one in the lockfile.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
		"--fetch-retries=1", "--fetch-timeout=20000")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	bundles, err := filepath.Glob(filepath.Join(work, "node_modules/socket.io-client/dist/socket.io.*"))
	if err != nil || len(bundles) == 0 {
		return 0, fmt.Errorf("the package has no bundles (%w)", errors.Join(err, fs.ErrNotExist))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	for _, bundle := range bundles {
		content, err := os.ReadFile(bundle)
		if err != nil {
			return n, err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(bundle)), content, 0o666); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
