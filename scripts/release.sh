#!/usr/bin/env bash
# Makes the tag of a release, once everything is as a release needs it, and pushes nothing:
#
#   make release VERSION=1.2.3
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-}
tag=v$version

refuse() { echo "release: $*" >&2; exit 1; }

# Semantic Versioning 2.0.0, without build metadata, which Go's versions do not have.
number='(0|[1-9][0-9]*)'
identifier='(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)'
[[ $version =~ ^$number\.$number\.$number(-$identifier(\.$identifier)*)?$ ]] ||
  refuse "VERSION=$version is no semantic version, such as 1.2.3 or 1.2.3-rc.1 (without a v)"

branch=$(git symbolic-ref --quiet --short HEAD || true)
[ "$branch" = main ] || refuse "releases are made on main, and this is ${branch:-no branch}"
[ -z "$(git status --porcelain)" ] || refuse "there are changes that are not committed"
if git rev-parse --quiet --verify "refs/tags/$tag" >/dev/null; then refuse "the tag $tag exists"; fi

# The section of CHANGELOG.md is the tag's message.
notes=$(awk -v heading="## $version" '
  /^## / { inside = ($0 == heading || index($0, heading " ") == 1); next }
  inside' CHANGELOG.md)
[[ $notes =~ [^[:space:]] ]] || refuse "CHANGELOG.md has no section \"## $version\", or nothing in it"

make check || refuse "make check fails"

git tag --annotate --cleanup=whitespace --message "websocket-escalonavel $version" --message "$notes" "$tag"
echo "release: $tag is made; git push origin main $tag publishes it"
