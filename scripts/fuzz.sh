#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given, one after the other, because one run takes one only.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh <time per target, such as 30s, or executions, such as 10000000x>}

module=$(go list -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fuzz TARGET PACKAGE: whether nothing was found. A run now and then takes the end of its own time for a failure
# (golang/go issue 48157): it then says "context deadline exceeded" and names no input. That target runs again, twice
# at most.
fuzz() {
  local try
  for try in 1 2 3; do
    if "$work/test" -test.run '^$' -test.fuzz "^$1\$" -test.fuzztime "$time" \
      -test.fuzzcachedir "$(go env GOCACHE)/fuzz/$2" 2>&1 | tee "$work/log"; then return 0; fi
    if grep -q 'Failing input' "$work/log" || ! grep -q '^ *context deadline exceeded$' "$work/log"; then return 1; fi
    echo "fuzz: $1 ran out of its own time (try $try)"
  done
  return 1
}

count=0
while read -r package dir; do
  targets=$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(f \*testing\.F).*/\1/p' "$dir"/*_test.go)
  [ -n "$targets" ] || continue
  # go test -fuzz has every package watched for new ways through it, Go's own too, which makes an execution cost ten
  # times as much. This is what it does, for the packages of this module.
  go test -c -gcflags="$module/...=-d=libfuzzer" -o "$work/test" "$package"
  for target in $targets; do
    echo "fuzz: $package $target for $time"
    (cd "$dir" && fuzz "$target" "$package")
    count=$((count + 1))
  done
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' \
  ./internal/... ./engineio/... ./socketio/... ./adapter/... ./gateway/... | grep .)
echo "fuzz: $count targets"
