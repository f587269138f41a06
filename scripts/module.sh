#!/usr/bin/env bash
# Gives the Go modules of this repository another path, for whoever publishes them elsewhere:
#
#   make module PATH=example.com/<team>/<project>
#
# It rewrites every mention of the path in code, go.mod files, documents and scripts. Renaming back undoes it.
set -euo pipefail

# A PATH on make's command line replaces that of all its recipes. The real one is still in the environment that make
# itself was started with, which Linux shows; elsewhere Go and git have to be in a usual place.
made=$(tr '\0' '\n' 2>/dev/null <"/proc/$PPID/environ" | sed -n 's/^PATH=//p') || made=
PATH="${made:+$made:}$(command -p getconf PATH):/usr/local/bin:/usr/local/go/bin:/opt/homebrew/bin"
export PATH
cd "$(dirname "$0")/.."

new=${1:-}
if ! [[ $new =~ ^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9._~-]+)+$ ]]; then
  echo "module: PATH=$new is no module path, which is a host with a dot and a path: example.com/<team>/<project>" >&2
  exit 2
fi
for program in go gofmt git perl; do
  command -v "$program" >/dev/null || { echo "module: $program is needed, and is not in $PATH" >&2; exit 1; }
done

old=$(awk '$1 == "module" { print $2; exit }' go.mod)
# Every mention of the path as a whole, in imports, links and commands. A name that only begins with it stays.
git ls-files -z --cached --others --exclude-standard -- '*.go' '*.mod' '*.md' '*.sh' '*.yml' Makefile Dockerfile |
  xargs -0 grep -lZF -- "$old" |
  OLD=$old NEW=$new xargs -0 perl -pi -e 's{(?<![\w./-])(https://)?\Q$ENV{OLD}\E(?![\w-])}{($1 // "") . $ENV{NEW}}ge'

# Imports and requirements are sorted by path, and the path is another now.
git ls-files -z --cached --others --exclude-standard -- '*.go' | xargs -0 gofmt -w
git ls-files -z --cached --others --exclude-standard -- go.mod '*/go.mod' | xargs -0 -n 1 go mod edit -fmt
echo "module: $old is now $new"
