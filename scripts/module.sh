#!/usr/bin/env bash
# Gives the Go modules of this repository another path, for whoever publishes them elsewhere:
# scripts/module.sh example.com/team/project
# `make module PATH=...` calls it, which leaves no usable PATH in the environment.
set -euo pipefail
PATH="$(command -p getconf PATH):/usr/local/bin"
cd "$(dirname "$0")/.."

old=$(awk '$1 == "module" { print $2; exit }' go.mod)
new=${1:-}
if ! [[ $new =~ ^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9._~-]+)+$ ]]; then
  echo "module: PATH=$new is no module path: it needs a host with a dot and a path, such as example.com/team/project" >&2
  exit 2
fi
# Every mention of the path as a whole: in imports, go.mod files, links and commands. A name that only begins with it stays.
git ls-files -z --cached --others --exclude-standard -- '*.go' '*.mod' '*.md' '*.sh' '*.yml' Makefile Dockerfile |
  xargs -0 grep -lZF -- "$old" |
  OLD=$old NEW=$new xargs -0 perl -pi -e 's{(?<![\w./-])(https://)?\Q$ENV{OLD}\E(?![\w-])}{($1 // "") . $ENV{NEW}}ge'
echo "module: $old is now $new"
