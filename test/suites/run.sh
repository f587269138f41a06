#!/bin/sh
# Runs the official protocol test suites against servers built on our libraries and prints the counts.
#
# The suites belong to github.com/socketio/socket.io. They are read from a clone of that repository, a checkout or a
# bare git directory, which the argument or SOCKETIO_REPO names. They expect their server on localhost:3000.
set -eu

SOCKETIO_REPO=${1:-${SOCKETIO_REPO:-}}
if [ -z "$SOCKETIO_REPO" ]; then
  echo "usage: run.sh <a clone of github.com/socketio/socket.io>" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
if [ -d "$SOCKETIO_REPO/.git" ]; then SOCKETIO_REPO=$SOCKETIO_REPO/.git; fi
work=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT INT TERM

# listening reports whether anybody listens on localhost:3000.
listening() {
  node -e 'require("net").connect(3000, "localhost")
    .on("connect", () => process.exit(0)).on("error", () => process.exit(1))'
}

# run SUITE SERVER: the suite's folder below docs/, and the folder of our server for it.
run() {
  dir=$work/$2
  mkdir -p "$dir"
  git --git-dir="$SOCKETIO_REPO" archive "HEAD:docs/$1" | tar -x -C "$dir"
  (cd "$dir" && npm ci --silent --no-audit --no-fund >/dev/null)
  (cd "$here/../.." && go build -race -o "$dir/server" "./test/suites/$2")
  if listening; then
    echo "port 3000 is in use; the suites need it" >&2
    exit 1
  fi
  "$dir/server" 2>"$dir/server.log" &
  server=$!
  for _ in $(seq 100); do
    if listening; then break; fi
    sleep 0.1
  done
  status=0
  (cd "$dir" && npx --no-install mocha --exit --reporter "${REPORTER:-dot}" test-suite.js >"$dir/out" 2>&1) || status=$?
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=
  if grep -q 'DATA RACE' "$dir/server.log"; then
    cat "$dir/server.log"
    status=1
  fi
  if [ "$status" -ne 0 ]; then cat "$dir/out"; failed=1; fi
  echo "$1: $(grep -Eo '[0-9]+ (passing|failing|pending)' "$dir/out" | paste -sd, -)"
}

failed=0
run engine.io-protocol/v4-test-suite engine
run socket.io-protocol/v5-test-suite socket
exit $failed
