package deploy_test

// What images there are and what goes into ours.

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// pinned matches an image's name without a registry's host, with a whole version: 1.2 and latest are others tomorrow.
var pinned = regexp.MustCompile(`^([a-z0-9]+/)?[a-z0-9]+:v?\d+\.\d+\.\d+(-[a-z0-9.-]+)?$`)

func TestImagesArePinned(t *testing.T) {
	var images []string
	for _, file := range []string{laptopFile, stackFile} {
		for name, s := range compose(t, file).Services {
			if name != "gateway" {
				images = append(images, s.Image)
			}
		}
	}
	for _, line := range instructions(t) {
		if from, ok := strings.CutPrefix(line, "FROM "); ok && from != "scratch" {
			images = append(images, strings.Fields(strings.TrimPrefix(from, "--platform=$BUILDPLATFORM "))[0])
		}
	}
	if len(images) != 9 { // Redis, once in each file, four others of the stack, Node, Go
		t.Errorf("%d images: %v", len(images), images)
	}
	for _, image := range images {
		if !pinned.MatchString(image) {
			t.Errorf("image %q: want a name without a host and a whole version", image)
		}
	}
	laptop, stack := compose(t, laptopFile).Services["redis"].Image, compose(t, stackFile).Services["redis"].Image
	if laptop != stack {
		t.Errorf("two versions of Redis: %s and %s", laptop, stack)
	}
}

func TestDockerfile(t *testing.T) {
	lines := instructions(t)
	last := slices.Index(lines, "FROM scratch")
	builds := func(l string) bool { return strings.HasPrefix(l, "FROM") || strings.HasPrefix(l, "RUN") }
	if last < 0 || slices.ContainsFunc(lines[last+1:], builds) {
		t.Fatal("the image is not FROM scratch")
	}
	image := strings.Join(lines[last:], "\n") + "\n"
	for _, want := range []string{
		"\nUSER 65532:65532\n", "\nSTOPSIGNAL SIGTERM\n", "\nEXPOSE 3000\n", "\nENTRYPOINT [\"/gateway\"]\n",
		"\nENV NODE_ENV=production\n", "ca-certificates.crt",
		`org.opencontainers.image.version="$VERSION"`, `org.opencontainers.image.revision="$REVISION"`,
	} {
		if !strings.Contains(image, want) {
			t.Errorf("the image lacks %q", want)
		}
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{
		"-trimpath", "-buildvcs=false", "CGO_ENABLED=0", "GOOS=$TARGETOS", "GOARCH=$TARGETARCH",
		"npm ci --ignore-scripts",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the build lacks %q", want)
		}
	}
	// The Go that builds the image must be able to build the module, and be the same minor version.
	needs := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if needs == nil || !strings.Contains(all, "golang:"+needs[1]+".") {
		t.Errorf("go.mod wants Go %v, the image is built with another", needs)
	}
}

// Every package of the binary has to be copied into the build, and let through by .dockerignore.
func TestTheBuildGetsEveryPackage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		"{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}", "../cmd/gateway").Output()
	if err != nil {
		t.Fatal(err)
	}
	ignore := read(t, ".dockerignore")
	lines := instructions(t)
	seen := 0
	for pkg := range strings.FieldsSeq(string(out)) {
		folder, _, _ := strings.Cut(strings.TrimPrefix(pkg, "github.com/brunossouza/websocket-escalonavel/"), "/")
		seen++
		if !slices.Contains(lines, "COPY "+folder+" "+folder) {
			t.Errorf("the Dockerfile does not copy %s, where %s is", folder, pkg)
		}
		if !strings.Contains(ignore, "\n!"+folder+"\n") {
			t.Errorf(".dockerignore leaves out %s, where %s is", folder, pkg)
		}
	}
	if seen < 6 {
		t.Errorf("go list names %d packages of ours", seen)
	}
}

// The image was 20 MB and became 12 when html/template left the page: text/template calls methods by name, and in a
// program that has it the linker keeps every exported method of every type, go-redis's thousands among them.
func TestTheBinaryHasNoTemplates(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/gateway").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "net/http") || slices.Contains(packages, "text/template") {
		t.Error("the gateway imports text/template, or go list does not name what it imports")
	}
}

func TestEveryFileOfTheStackIsMounted(t *testing.T) {
	stack := compose(t, stackFile)
	mounted := make(map[string]string) // file: where
	for name, config := range stack.Configs {
		if !strings.HasPrefix(config.Name, "chat_"+name+"_1") {
			t.Errorf("config %s is called %q: want the stack's name in front and CONFIG_VERSION at the end", name,
				config.Name)
		}
		read(t, config.File)
		for _, s := range stack.Services {
			for _, use := range s.Configs {
				if use.Source == name {
					mounted[config.File] = use.Target
				}
			}
		}
	}
	for _, folder := range []string{"redis", "prometheus", "grafana"} {
		err := fs.WalkDir(os.DirFS("."), folder, func(file string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && mounted["deploy/"+file] == "" {
				t.Errorf("no service of the stack mounts deploy/%s", file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrometheusFindsTheServices(t *testing.T) {
	var config struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName      string `yaml:"job_name"`
			DNSSDConfigs []struct {
				Names []string
				Type  string
				Port  string
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/prometheus.yml")), &config); err != nil {
		t.Fatal(err)
	}
	stack := compose(t, stackFile)
	found := 0
	for _, job := range config.ScrapeConfigs {
		for _, dns := range job.DNSSDConfigs {
			found++
			name := strings.TrimPrefix(dns.Names[0], "tasks.")
			s, ok := stack.Services[name]
			if !ok || name != job.JobName || dns.Type != "A" || !slices.Contains(s.Networks, "metrics") {
				t.Errorf("job %s looks for %v", job.JobName, dns)
			}
			if metrics := s.Environment["METRICS_ADDR"]; name == "gateway" && metrics != ":"+dns.Port {
				t.Errorf("Prometheus asks the gateways on port %s, their metrics are at %q", dns.Port, metrics)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d services are looked for in Swarm's DNS, want 2", found)
	}
	for name, c := range stack.Services["prometheus"].Configs {
		reads := func(pattern string) bool { ok, _ := path.Match(pattern, c.Target); return ok }
		if strings.HasSuffix(c.Source, "_rules") && !slices.ContainsFunc(config.RuleFiles, reads) {
			t.Errorf("Prometheus does not read its rules (config %d) at %s", name, c.Target)
		}
	}
}

func TestAlertsSayWhatIsWrong(t *testing.T) {
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Record, Expr string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/rules/gateway.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if (rule.Alert == "") == (rule.Record == "") || rule.Expr == "" {
				t.Errorf("%s: %+v is neither an alert nor a record", group.Name, rule)
			}
			if rule.Alert == "" {
				continue
			}
			alerts++
			if rule.Annotations["summary"] == "" ||
				!slices.Contains([]string{"warning", "critical"}, rule.Labels["severity"]) {
				t.Errorf("%s says %v with severity %q", rule.Alert, rule.Annotations, rule.Labels["severity"])
			}
		}
	}
	if alerts == 0 {
		t.Error("there are no alerts")
	}
}

func TestGrafanaFindsItsDashboards(t *testing.T) {
	var provider struct {
		Providers []struct{ Options struct{ Path string } }
	}
	err := yaml.Unmarshal([]byte(read(t, "deploy/grafana/provisioning/dashboards/gateway.yml")), &provider)
	if err != nil {
		t.Fatal(err)
	}
	var source struct {
		Datasources []struct{ UID, URL string }
	}
	err = yaml.Unmarshal([]byte(read(t, "deploy/grafana/provisioning/datasources/prometheus.yml")), &source)
	if err != nil {
		t.Fatal(err)
	}
	if len(source.Datasources) != 1 || source.Datasources[0].URL != "http://prometheus:9090" {
		t.Fatalf("data sources: %+v", source)
	}
	stack := compose(t, stackFile)
	for _, c := range stack.Services["grafana"].Configs {
		file := stack.Configs[c.Source].File
		if !strings.HasSuffix(file, ".json") {
			continue
		}
		if len(provider.Providers) != 1 || path.Dir(c.Target) != provider.Providers[0].Options.Path {
			t.Errorf("Grafana does not look for %s at %s", file, c.Target)
		}
		text := read(t, file)
		var dashboard struct{ UID, Title string }
		if err := json.Unmarshal([]byte(text), &dashboard); err != nil || dashboard.UID == "" || dashboard.Title == "" {
			t.Errorf("%s: %v, uid %q, title %q", file, err, dashboard.UID, dashboard.Title)
		}
		sources := regexp.MustCompile(`"datasource": *\{[^}]*"uid": *"([^"]+)"`)
		for _, used := range sources.FindAllStringSubmatch(text, -1) {
			if used[1] != source.Datasources[0].UID && used[1] != "-- Grafana --" {
				t.Errorf("%s asks the data source %q, which is not there", file, used[1])
			}
		}
	}
}
