#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks: Debian packages (as root or with sudo) and the npm packages
# of test/js and of the benchmark's peers, by their lockfiles. Prints what it installs; fails if it cannot. With
# --missing it only says what is not there.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { # need <debian package> <command>...: any of the commands will do
  local package=$1 command
  shift
  for command in "$@"; do
    if command -v "$command" >/dev/null; then return; fi
  done
  missing+=("$package")
}
need redis-server redis-server
need chromium /usr/bin/chromium # the tests name this path
need nginx-light /usr/sbin/nginx # likewise
need prometheus promtool # and the server, to read gateways with
need nodejs node
need npm npm
need python3 python3 # examples/backend-python
need qemu-user qemu-arm # programs of 32 bits
need gcc gcc # the race detector links with it

npm_folders=(test/js bench/peers/bun bench/peers/nest12 bench/peers/uws)
packages_missing() { # packages_missing <folder>
  [ -f "$1/package-lock.json" ] && ! cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock"
}

if [ "${1:-}" = --missing ]; then
  for folder in "${npm_folders[@]}"; do
    if packages_missing "$folder"; then missing+=("the npm packages of $folder"); fi
  done
  [ ${#missing[@]} -eq 0 ] && exit 0
  list=$(printf ', %s' "${missing[@]}")
  echo "not installed: ${list:2}. Tests that need them are skipped; make test installs them."
  exit 0
fi

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "test-deps: please install ${missing[*]} (there is no apt-get here to do it with)" >&2
    exit 1
  fi
  sudo=
  if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || { echo "test-deps: please install ${missing[*]} as root" >&2; exit 1; }
  fi
  echo "test-deps: installing ${missing[*]}"
  $sudo apt-get update -q
  # Debian starts a Redis service on install, which the tests do not use: they start their own on free ports.
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

for folder in "${npm_folders[@]}"; do
  if packages_missing "$folder"; then
    echo "test-deps: npm ci in $folder"
    # In the folder, whose .npmrc says what is left out of its packages.
    (cd "$folder" && npm ci --no-audit --no-fund)
    cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock"
  fi
done
