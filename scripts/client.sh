#!/usr/bin/env bash
# Copies the socket.io-client bundles and the Admin UI, pinned by version and integrity hash in public/npm, into
# public/client/ and public/adminui/, from where the gateway embeds them, compressed but for fonts and pictures. Does
# nothing where they are already there.
# Without npm or network it says so and succeeds, because a gateway without them works too; --require makes that a
# failure.
set -euo pipefail
cd "$(dirname "$0")/.."

require=no
[ "${1:-}" = --require ] && require=yes
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fetch NAME LOCKFILE DIR A-FILE-OF-IT WHAT-A-BUILD-WITHOUT-IT-DOES [FLAG...]
fetch() {
  local name=$1 lock=$2 dir=$3 file=$4 without=$5 pin
  shift 5
  pin=$(cksum < "$lock")
  [ -f "$dir/$file" ] && [ "$(cat "$dir/.pin" 2>/dev/null)" = "$pin" ] && return
  if ! command -v npm >/dev/null; then
    unavailable "$name: npm is not installed" "$without"
  elif ! go run ./cmd/clientjs "$@" "$dir" 2>"$log"; then
    tail -n 3 "$log" >&2
    unavailable "$name: cmd/clientjs failed" "$without"
  else
    find "$dir" -type f ! -name '*.md' ! -name '.*' ! -name '*.gz' ! -name '*.woff2' ! -name '*.png' \
      -exec gzip -9nf {} +
    echo "$pin" > "$dir/.pin"
  fi
}

unavailable() {
  if [ "$require" = yes ]; then
    echo "$1, and it is required" >&2
    exit 1
  fi
  echo "$1; building without it, $2" >&2
}

fetch "client bundles" public/npm/package-lock.json public/client socket.io.min.js.gz \
  "the page will load the client from the public CDN"
fetch "Admin UI" public/npm/adminui/package-lock.json public/adminui index.html.gz \
  "ADMIN=on has no page" -admin-ui
