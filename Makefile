# What one does with this project. `make` alone lists the targets.

# Versions of the tools that the targets below run. The client bundles are pinned in public/npm/package-lock.json, the
# clients and the Nest service of the tests in test/js/package-lock.json, the benchmark's peers on npm beside them in
# bench/peers, Go and its modules in go.mod.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.2.0

# Where staticcheck is built. It is built without GOFLAGS, which may ask for the race detector in what it looks at.
TOOLS := $(CURDIR)/bin/tools

# How long each fuzz target runs in `make fuzz`.
FUZZTIME ?= 30s
# How long `make soak` watches.
SOAK ?= 30m
# A checkout of github.com/socketio/socket.io, for `make suites`.
SOCKETIO_REPO ?=

VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo 0.0.0-dev)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# Where `make build` puts the gateway.
GATEWAY ?= bin/gateway
# Every Go file of ours, and none of npm's.
GOFILES = $(shell find . -name '*.go' -not -path '*/node_modules/*')

# The modules of the benchmark, of docs/COMPARISON.md, of the examples with frameworks and of what checks other
# platforms, each with dependencies of its own.
OTHER_MODULES = bench bench/peers/zishang2 bench/peers/zishang3client docs/compare docs/compare/zishang520 \
	examples/frameworks scripts/typecheck

# What runs elsewhere too; the black-box tests need a Unix.
SHIPPED = ./cmd/... ./gateway/... ./adapter/... ./socketio/... ./engineio/... ./public/... ./internal/... ./examples/...

.DEFAULT_GOAL := help
.PHONY: help run dev build client check test tests beside-tests test-32 test-deps cover lint vet staticcheck fmt fuzz \
	soak cross suites stack-check bench bench-quick bench-abuse bench-api bench-cluster bench-costs \
	module release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: build ## build and start the chat on http://localhost:3000 (PORT=... for another port)
	@exec bin/gateway

dev: client ## like run, and rebuild and restart on every change
	@scripts/dev.sh '$(LDFLAGS)'

build: client ## build bin/gateway
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(GATEWAY) ./cmd/gateway

client: # fetch the Socket.IO client bundles and the Admin UI to embed, where npm is at hand
	@scripts/client.sh

# What takes a Redis standing still, full, or dying, and so its time: for `make test`.
FAULTS = StandsStill|DiskFull|MemoryFull|KeepsToItsBytes|SlotsMove|MasterDies|ReplicaDies

# The packages' tests wait more than they compute, so more of them run at once than there may be cores.
check: lint ## lint and the packages' own tests, in two minutes; nothing has to be installed but Go
	@scripts/test-deps.sh --missing
	go test -p 4 -skip '$(FAULTS)' $(SHIPPED) ./deploy/... ./test/docs ./test/module ./test/needs

# With this a test that lacks a program fails; without, it says so and is skipped.
test: export TEST_REQUIRE_ALL = 1
test: test-deps ## lint, other platforms, all tests with the race detector; those of the fuzz targets run their seeds
	@scripts/client.sh --require
	GOFLAGS="$$GOFLAGS -race" $(MAKE) vet # so that the packages are compiled once for this and the tests
	$(MAKE) -j 2 tests beside-tests

# The longest packages come first, so that nothing else waits for them at the end; most wait more than they compute.
tests:
	go test -race -vet=off -p 2 -timeout 15m ./test ./test/... ./...
	cd bench && go test -race -vet=off -timeout 15m ./...

# What needs no more than the time that the tests leave of the cores.
beside-tests:
	GOFLAGS="$$GOFLAGS -race" nice -n 19 $(MAKE) -j 1 staticcheck
	nice -n 19 $(MAKE) -j 1 cross test-32

# Lengths that come from others overflow where int has 32 bits. Not every machine of 64 bits runs programs of 32, so
# they are emulated; ARM's, as the emulator is not good at Go's signals on x86. Compiling takes longer than running, so
# nothing is optimized.
test-32: export CGO_ENABLED = 0
test-32: export GOARCH = arm
test-32: export GOFLAGS = '-gcflags=all=-N -l'
test-32: # the parsers' tests, as on a machine of 32 bits
	go test -exec qemu-arm ./socketio/parser/... ./internal/msgpackjson ./adapter/internal/... ./adapter/cluster \
		./engineio/internal/plainhttp ./engineio/internal/wsframe ./engineio/internal/admission ./engineio/mux
	go test -exec qemu-arm -run 'Packet|Payload|Text|Query|Proxies|Proxy|Plain|Fuzz' ./engineio
	go test -exec qemu-arm -run 'Payload|Depth|Fuzz' ./socketio
	go test -exec qemu-arm -run 'Filter|Wire|Slot|Bound|PubSub|Fuzz' ./adapter

test-deps: # install what the tests need and this machine lacks
	@scripts/test-deps.sh

cover: ## run the packages' own tests and show their coverage (coverage.html has the details)
	go test -coverprofile=coverage.out $(SHIPPED) \
		-coverpkg=./engineio/...,./socketio/...,./adapter/...,./gateway/...,./public/...
	go tool cover -html=coverage.out -o coverage.html
	@go tool cover -func=coverage.out | tail -n 1

lint: vet staticcheck ## gofmt, go vet, staticcheck, govulncheck, the length of lines and files, the module's tidiness

vet:
	@unformatted=$$(gofmt -l $(GOFILES)); if [ -n "$$unformatted" ]; then \
		echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	@scripts/lines.sh
	go mod tidy -diff
	go vet ./...

staticcheck:
	GOFLAGS= GOBIN=$(TOOLS) go install $(STATICCHECK)
	$(TOOLS)/staticcheck ./...
	@set -ex; for module in $(OTHER_MODULES); do \
		(cd $$module; go mod tidy -diff; go vet ./...); done
	cd bench && $(TOOLS)/staticcheck ./...
	cd docs/compare && go run . -check
	@scripts/vuln.sh $(GOVULNCHECK)

fmt: ## format every Go file
	gofmt -w $(GOFILES)

fuzz: ## fuzz every parser for FUZZTIME (30s) each
	@scripts/fuzz.sh $(FUZZTIME)

soak: export TEST_REQUIRE_ALL = 1
soak: ## watch gateways under load, attacks and a faulty Redis for SOAK (30m): nothing grows, nobody is lost
	SOAK=$(SOAK) go test ./test/soak -run TestSoak -v -count=1 -timeout 0

cross: ## check by its types that it builds for the other platforms
	cd scripts/typecheck && GOFLAGS= go build -o $(TOOLS)/typecheck .
	@set -e; for platform in linux/arm64 darwin/arm64 windows/amd64; do echo "typecheck for $$platform"; \
		GOFLAGS= CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(TOOLS)/typecheck $(SHIPPED); done

suites: ## run the official suites of protocol and clients, of a checkout, SOCKETIO_REPO=...
	@if [ -z "$(SOCKETIO_REPO)" ]; then \
		echo "usage: make suites SOCKETIO_REPO=<a checkout of github.com/socketio/socket.io>"; exit 2; fi
	test/suites/run.sh "$(SOCKETIO_REPO)"
	test/suites/clients.sh "$(SOCKETIO_REPO)"

stack-check: ## check the compose files, and with a Docker engine the image and the Swarm stack at work
	@scripts/stack-check.sh

bench: ## compare with the other servers (about 30 minutes, on a quiet machine) and write the figures into the docs
	cd bench && go build -o ../bin/bench/bench .
	cd bench && ../bin/bench/bench -out results
	cd bench && go run ./report/update

bench-quick: ## the main comparisons in under 2 minutes; writes nothing
	cd bench && go build -o ../bin/bench/bench .
	cd bench && ../bin/bench/bench -quick

bench-api: ## what requests of the server API cost, and what they send (90 s, quiet machine); writes its tables
	cd bench && go build -o ../bin/bench/api ./api
	cd bench && ../bin/bench/api -docs ../docs

bench-cluster: ## five nodes as one, with each adapter, beside Node.js (20 minutes, quiet machine); writes its tables
	cd bench && go build -o ../bin/bench/cluster ./cluster
	cd bench && ../bin/bench/cluster -docs ../docs

bench-costs: ## what each step costs a cluster, and a model of larger ones (40 minutes, quiet machine); writes it
	cd bench && go build -o ../bin/bench/cluster ./cluster
	cd bench && ../bin/bench/cluster -rows costs,check,fetch -results results
	cd bench && go run ./model docs ../docs

bench-abuse: ## what good clients notice of each attack, beside Node.js (13 minutes, quiet, root); writes its table
	cd bench && go build -o ../bin/bench/abuse ./abuse
	cd bench && ../bin/bench/abuse -rounds 3 -page ../docs/SECURITY-MODEL.md

# A PATH on the command line is that of the recipe too, so the shell gets a usual one back to find bash with. exec lets
# the script see make's own environment.
module: ## give the Go modules another path, PATH=...
	@if [ "$(origin PATH)" != "command line" ]; then \
		echo "usage: make module PATH=example.com/<team>/<project>"; exit 2; fi
	@PATH="$$(command -p getconf PATH)"; export PATH; exec bash scripts/module.sh '$(PATH)'

release: ## check that everything is ready for VERSION=x.y.z and tag it; pushes nothing
	@scripts/release.sh '$(VERSION)'

clean: ## remove everything that was built or fetched
	rm -rf bin coverage.out coverage.html public/client/socket.io* public/client/.pin
	git clean -fdqX public/adminui
	rm -rf public/npm/node_modules public/npm/adminui/node_modules test/js/node_modules \
		bench/peers/*/node_modules
