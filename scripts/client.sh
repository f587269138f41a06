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
# npm ci refuses a package whose hash is not the one in the lockfile.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm ci --prefix public/npm --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000 \
  >"$log" 2>&1 || {
  tail -n 3 "$log" >&2
  unavailable "npm ci failed"
}
cp public/npm/node_modules/socket.io-client/dist/socket.io.* public/client/
echo "$pin" > "$stamp"
echo "client bundles: $(ls public/client/socket.io.* | wc -l) files copied to public/client/"
