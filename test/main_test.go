package test

// Builds what the tests run, and cleans up after them.

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// targetNames lets a developer run the tests against one service alone: go test ./test -targets=nest
var targetNames = flag.String("targets", "nest,gateway", "which services to test, of nest and gateway")

// workDir holds what the tests build and write; TestMain removes it.
var workDir string

// chromium is the browser that drives the page.
const chromium = "/usr/bin/chromium"

// nginx is a balancer that people use.
const nginx = "/usr/sbin/nginx"

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 1
	}
	defer os.RemoveAll(workDir)
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "test: goroutines left behind:", err)
		code = 1
	}
	return code
}

func prepare() error {
	var err error
	if workDir, err = os.MkdirTemp("", "gateway-test-"); err != nil {
		return err
	}
	if !wants("gateway") {
		return nil
	}
	if err := build("../cmd/gateway", gatewayBinary()); err != nil {
		return err
	}
	return build("./fixture/library", fixtureBinary())
}

// build compiles a command of the main module with the race detector on, where that can be had.
func build(pkg, output string) error {
	cmd := exec.Command("go", append(append([]string{"build"}, needs.Race()...), "-o", output, pkg)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

func gatewayBinary() string { return filepath.Join(workDir, "gateway") }
func fixtureBinary() string { return filepath.Join(workDir, "library") }

// wants reports whether the service called name is to be tested.
func wants(name string) bool {
	for _, n := range strings.Split(*targetNames, ",") {
		if n == name {
			return true
		}
	}
	return false
}
