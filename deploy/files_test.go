package deploy_test

// How the tests read the files: a compose file as Docker has it when its variables have been filled in.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	laptopFile = "compose.yml"
	stackFile  = "compose-swarm-stack.yml"
)

// A composeFile holds what the tests look at.
type composeFile struct {
	Services map[string]service
	Networks map[string]struct {
		Name     string
		Internal bool
		IPAM     struct{ Config []struct{ Subnet string } }
	}
	Volumes map[string]any
	Configs map[string]struct{ Name, File string }
	Secrets map[string]any
}

type service struct {
	Image       string
	Build       any
	Command     []string
	Hostname    string
	Environment map[string]string
	Ports       []any
	Volumes     []string
	Networks    []string
	Configs     []struct{ Source, Target string }
	HealthCheck *struct {
		Test []string
	}
	StopGracePeriod string `yaml:"stop_grace_period"`
	Logging         struct{ Driver string }
	Ulimits         map[string]struct{ Soft, Hard int }
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	Deploy          struct {
		Mode           string
		Replicas       int
		EndpointMode   string `yaml:"endpoint_mode"`
		UpdateConfig   update `yaml:"update_config"`
		RollbackConfig update `yaml:"rollback_config"`
		Resources      struct {
			Limits, Reservations struct{ CPUs, Memory string }
		}
		Labels map[string]string
	}
}

type update struct {
	Parallelism     int
	Order           string
	FailureAction   string   `yaml:"failure_action"`
	Monitor         string   `yaml:"monitor"`
	MaxFailureRatio *float64 `yaml:"max_failure_ratio"`
}

// read is a file of the repository, by its path from the root.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A variable is a place in a compose file that Docker fills in: ${NAME}, ${NAME:-default} or ${NAME:?message}.
type variable struct{ name, operator, operand string }

var reference = regexp.MustCompile(`\$\{([A-Z_]+)(?:(:-|:\?)([^}]*))?\}`)

func variables(text string) []variable {
	var all []variable
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		all = append(all, variable{found[1], found[2], found[3]})
	}
	return all
}

// compose is a compose file with its defaults, and "given" where a value is required. Like Docker, it fills in what
// has been parsed: a default may be anything.
func compose(t *testing.T, path string) composeFile {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, path)), &root); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	fill(&root)
	var file composeFile
	if err := root.Decode(&file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(file.Services) == 0 {
		t.Fatalf("%s has no services", path)
	}
	return file
}

func fill(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		node.Value = reference.ReplaceAllStringFunc(node.Value, func(all string) string {
			v := variables(all)[0]
			if v.operator == ":?" {
				return "given"
			}
			return v.operand
		})
	}
	for _, child := range node.Content {
		fill(child)
	}
}

// instructions are the lines of the Dockerfile, with continued ones joined and comments left out.
func instructions(t *testing.T) []string {
	t.Helper()
	var lines []string
	open := false
	for line := range strings.Lines(read(t, "Dockerfile")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, more := strings.CutSuffix(line, `\`)
		if open {
			lines[len(lines)-1] += strings.TrimSpace(text) + " "
		} else {
			lines = append(lines, strings.TrimSpace(text)+" ")
		}
		open = more
	}
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}
