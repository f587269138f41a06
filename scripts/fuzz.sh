#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given, one after the other, because `go test -fuzz` takes one only.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh <time per target, such as 30s>}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz TARGET PACKAGE: whether nothing was found. go test now and then takes the end of its own time for a failure
# (golang/go issue 48157): it then says "context deadline exceeded" and names no input. That target runs again, twice
# at most.
fuzz() {
  local try
  for try in 1 2 3; do
    if go test -run '^$' -fuzz "^$1\$" -fuzztime "$time" "$2" 2>&1 | tee "$log"; then return 0; fi
    if grep -q 'Failing input' "$log" || ! grep -q '^ *context deadline exceeded$' "$log"; then return 1; fi
    echo "fuzz: $1 ran out of its own time (try $try)"
  done
  return 1
}

count=0
for package in $(go list ./internal/... ./engineio/... ./socketio/... ./adapter/... ./gateway/...); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    echo "fuzz: $package $target for $time"
    fuzz "$target" "$package"
    count=$((count + 1))
  done
done
echo "fuzz: $count targets"
