#!/bin/sh
# Runs the own tests of socket.io-client and engine.io-client against servers on our libraries, then against Node.js's,
# and prints the counts. Those that look at milliseconds fail on a machine that is busy, with either server.
#
# The tests belong to github.com/socketio/socket.io. They are read from a clone of that repository, a checkout or a bare
# git directory, which the argument or SOCKETIO_REPO names. They expect their server on localhost:3210 and :3000.
set -eu

SOCKETIO_REPO=${1:-${SOCKETIO_REPO:-}}
if [ -z "$SOCKETIO_REPO" ]; then
  echo "usage: clients.sh <a clone of github.com/socketio/socket.io>" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
if [ -d "$SOCKETIO_REPO/.git" ]; then SOCKETIO_REPO=$SOCKETIO_REPO/.git; fi
work=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT INT TERM

# The clients are built from the clone, and so are the servers on Node.js. Types that the compiler misses do not matter.
cp "$here/clients/package.json" "$here/clients/package-lock.json" "$here/clients/.npmrc" "$work"
for package in socket.io-component-emitter engine.io-parser socket.io-parser engine.io-client socket.io-client \
  engine.io socket.io-adapter; do
  git --git-dir="$SOCKETIO_REPO" archive HEAD "packages/$package" | tar -x -C "$work"
done
git --git-dir="$SOCKETIO_REPO" archive HEAD packages/socket.io/package.json packages/socket.io/tsconfig.json \
  packages/socket.io/lib packages/socket.io/wrapper.mjs | tar -x -C "$work"
cd "$work"
npm ci --silent --ignore-scripts >/dev/null
for package in packages/*; do
  for config in tsconfig.json tsconfig.esm.json; do
    if [ -f "$package/$config" ]; then (cd "$package" && npx --no-install tsc -p $config >/dev/null) || true; fi
  done
  if [ -x "$package/postcompile.sh" ]; then (cd "$package" && ./postcompile.sh); fi
done

listening() {
  node -e 'require("net").connect(Number(process.argv[1]), "localhost")
    .on("connect", () => process.exit(0)).on("error", () => process.exit(1))' "$1"
}

# suite NAME HOST ARGUMENTS...: mocha, and its counts.
suite() {
  name=$1 against=$2
  shift 2
  (cd "packages/$name" && npx --no-install mocha --exit --reporter "${REPORTER:-dot}" "$@" >"$work/out" 2>&1) ||
    sed -n '/passing/,$p' "$work/out"
  echo "$name against $against: $(grep -Eo '[0-9]+ (passing|failing|pending)' "$work/out" | paste -sd, -)"
}

# run NAME SERVER PORT HOOKS ARGUMENTS...: the suite against our server, then with the hooks that start Node.js's.
run() {
  name=$1 program=$2 port=$3 hooks=$4
  shift 4
  (cd "$here/../.." && go build -o "$work/$program" "./test/suites/$program")
  if listening "$port"; then
    echo "port $port is in use; the tests need it" >&2
    exit 1
  fi
  "$work/$program" 2>"$work/$program.log" &
  server=$!
  for _ in $(seq 100); do
    if listening "$port"; then break; fi
    sleep 0.1
  done
  suite "$name" ours "$@"
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=
  suite "$name" Node.js --require "$hooks" "$@"
}

run engine.io-client engineclient 3000 test/support/hooks.js test/index.js
run socket.io-client socketclient 3210 test/support/hooks.ts --import=tsx test/index.ts
