#!/usr/bin/env bash
# Builds and runs the gateway, and does so again whenever a file that it is made of changes. A build that fails leaves
# the running one in place. The argument is the linker flags. Needs nothing but Go and find.
set -euo pipefail
cd "$(dirname "$0")/.."
ldflags=${1:-}
stamp=$(mktemp)
pid=

stop() {
  if [ -n "$pid" ]; then
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    pid=
  fi
}
trap 'stop; rm -f "$stamp"' EXIT
trap 'exit 0' INT TERM

changed() {
  [ -n "$(find . \( -name node_modules -o -name .git -o -name bin -o -path ./test \) -prune -o -type f \
    \( -name '*.go' -o -name go.mod -o -path './public/*' \) -newer "$stamp" -print -quit)" ]
}

while :; do
  touch "$stamp"
  if go build -ldflags "$ldflags" -o bin/gateway-dev ./cmd/gateway; then
    stop
    bin/gateway-dev &
    pid=$!
  else
    echo "dev: the build failed; waiting for a change" >&2
  fi
  until changed; do sleep 0.5; done
  echo "dev: a file changed" >&2
done
