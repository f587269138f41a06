#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given, one after the other, because `go test -fuzz` takes one only.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh <time per target, such as 30s>}

count=0
for package in $(go list ./engineio/... ./socketio/... ./adapter/... ./gateway/...); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    echo "fuzz: $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
    count=$((count + 1))
  done
done
echo "fuzz: $count targets"
