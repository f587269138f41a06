#!/usr/bin/env bash
# Copies the socket.io-client bundles, pinned by version and integrity hash in public/npm/package-lock.json, into
# public/client/, from where the gateway embeds them. Does nothing where they are already there. Without npm or network
# it says so and succeeds, because a gateway without them works too; --require makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

unavailable() {
  if [ "$require" = yes ]; then
    echo "client bundles: $1, and they are required" >&2
    exit 1
  fi
  echo "client bundles: $1; building without them, the page will load the client from the public CDN" >&2
  exit 0
}

require=no
[ "${1:-}" = --require ] && require=yes

pin=$(cksum < public/npm/package-lock.json)
stamp=public/client/.pin
[ -f public/client/socket.io.min.js ] && [ "$(cat "$stamp" 2>/dev/null)" = "$pin" ] && exit 0

command -v npm >/dev/null || unavailable "npm is not installed"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
go run ./cmd/clientjs public/client 2>"$log" || {
  tail -n 3 "$log" >&2
  unavailable "cmd/clientjs failed"
}
echo "$pin" > "$stamp"
