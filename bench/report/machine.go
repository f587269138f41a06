package report

// Where it was measured.

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// ThisMachine describes this computer, as far as the system tells. Linux tells all.
func ThisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go")}
	m.Go = "Go " + m.Go
	if content, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if name := field(content, "model name"); name != "" {
			m.CPU = name
		}
	}
	if content, err := os.ReadFile("/proc/meminfo"); err == nil {
		kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(field(content, "MemTotal"), " kB"), 10, 64)
		m.Memory = kilobytes << 10
	}
	if content, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(content))
	}
	if out, err := exec.Command("node", "--version").Output(); err == nil {
		m.Node = strings.TrimPrefix(string(bytes.TrimSpace(out)), "v")
	}
	return m
}

// field returns the value of the first line "name : value".
func field(content []byte, name string) string {
	for line := range strings.Lines(string(content)) {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
