package peer

// Builds and finds what the peers consist of, and which versions those are.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A step is part of a peer's preparation. root is the project's root folder.
type step func(ctx context.Context, root string) error

// Prepare builds or finds what a peer needs. It must be called once for each peer, before anything is measured and
// before the harness has bound itself to a core. If it fails, that peer cannot take part.
func Prepare(ctx context.Context, p *Peer) error {
	root, err := projectRoot()
	if err != nil {
		return fmt.Errorf("prepare %s: %w", p.Name, err)
	}
	for _, do := range p.prepare {
		if err := do(ctx, root); err != nil {
			return fmt.Errorf("prepare %s: %w", p.Name, err)
		}
	}
	return nil
}

// projectRoot returns the folder of the gateway's module: the working directory or one above it.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module github.com/brunossouza/websocket-escalonavel\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside the project: " +
				"no go.mod of websocket-escalonavel above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// binary returns where a program of the benchmark is built.
func binary(root, name string) string { return filepath.Join(root, "bin", "bench", name) }

// buildGateway builds the gateway as `make build` does, but to a place where nothing else replaces it.
func buildGateway(ctx context.Context, root string) error {
	return command(ctx, root, "make", "-s", "build", "GATEWAY="+binary(root, "gateway"))
}

// buildGo builds a program of bench/peers; if profiled is set, with the gateway's profile, if there is one.
func buildGo(name string, profiled bool) step {
	return func(ctx context.Context, root string) error {
		args := []string{"build", "-trimpath", "-ldflags", "-s -w"} // as the gateway, so that modules are compiled once
		if profile := filepath.Join(root, "cmd", "gateway", "default.pgo"); profiled && exists(profile) {
			args = append(args, "-pgo", profile)
		}
		args = append(args, "-o", binary(root, name), ".")
		return command(ctx, filepath.Join(root, "bench", "peers", name), "go", args...)
	}
}

// The folders of npm packages that peers use: those of the tests, and those that only one peer needs.
const (
	testPackages   = "test/js"
	bunPackages    = "bench/peers/bun"
	uwsPackages    = "bench/peers/uws"
	nest12Packages = "bench/peers/nest12"
)

// needsNode checks that Node.js is installed, and the npm packages of a folder.
func needsNode(folder string) step {
	return func(ctx context.Context, root string) error {
		if _, err := exec.LookPath("node"); err != nil {
			return err
		}
		return needsPackages(folder)(ctx, root)
	}
}

// needsPackages checks that the npm packages of a folder are installed.
func needsPackages(folder string) step {
	return func(ctx context.Context, root string) error {
		if !exists(filepath.Join(root, folder, "node_modules", ".package-lock.json")) {
			return fmt.Errorf("the npm packages of %s are missing; `make test-deps` installs them", folder)
		}
		return nil
	}
}

// bun returns the program of Bun, as npm has installed it for this machine, or "" where it has not.
func bun(root string) string {
	found, err := filepath.Glob(filepath.Join(root, bunPackages, "node_modules", "@oven", "bun-*", "bin", "bun"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}

// bunVersion returns the version of Bun, or "?".
func bunVersion(root string) string {
	program := bun(root)
	if program == "" {
		return "?"
	}
	return npmVersion(root, bunPackages, filepath.Join("@oven", filepath.Base(filepath.Dir(filepath.Dir(program)))))
}

// needsBun checks that there is a Bun for this machine.
func needsBun(ctx context.Context, root string) error {
	if bun(root) == "" {
		return errors.New("npm has no Bun for this machine in " + bunPackages)
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// command runs a program to its end. The error contains its output.
func command(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

// npmVersion returns the version of a package that is installed in a folder, or "?".
func npmVersion(root, folder, name string) string {
	var about struct{ Version string }
	content, err := os.ReadFile(filepath.Join(root, folder, "node_modules", name, "package.json"))
	if err != nil || json.Unmarshal(content, &about) != nil || about.Version == "" {
		return "?"
	}
	return about.Version
}

// moduleVersion returns the version that a go.mod in bench requires of a Go module, or "?".
func moduleVersion(root, gomod, module string) string {
	content, err := os.ReadFile(filepath.Join(root, "bench", gomod))
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) >= 2 && fields[0] == module {
			return fields[1]
		}
	}
	return "?"
}
