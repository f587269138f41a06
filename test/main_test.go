package test

// Builds what the tests run, and cleans up.

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/backends"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// targetNames lets a developer run the tests against one service alone: go test ./test -targets=nest
var targetNames = flag.String("targets", "nest,gateway", "which services to test, of nest and gateway")

// workDir holds what the tests build and write; TestMain removes it.
var workDir string

// nestBackend is examples/backend-nest.
var nestBackend backends.Nest

// chromium is the browser that shows the chat page.
const chromium = "/usr/bin/chromium"

// nginx is the balancer most people use.
const nginx = "/usr/sbin/nginx"

func TestMain(m *testing.M) {
	// They wait for other processes nearly all of the time.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 1
	}
	defer os.RemoveAll(workDir)
	defer nestBackend.Remove()
	return fleet.Run(m)
}

func prepare() error {
	var err error
	if workDir, err = os.MkdirTemp("", "gateway-test-"); err != nil {
		return err
	}
	if !wants("gateway") {
		return nil
	}
	if err := child.Build(gatewayBinary(), "../cmd/gateway", needs.Race()...); err != nil {
		return err
	}
	return child.Build(fixtureBinary(), "./fixture/library", needs.Race()...)
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
