#!/usr/bin/env bash
# Checks the image, compose.yml and the Swarm stack, as far as this machine lets it, and says what it could not check:
#
#   1. the files, by go test ./deploy/ and by Docker's own parsers (docker stack config, docker compose config)
#   2. the image: it builds for amd64 and arm64, is small, has no shell, no root, labels; it starts, gets healthy, stops
#   3. the stack: a Swarm of this one machine runs Redis and three gateways, clients chat through all of them, and go on
#      to while they are replaced; the other services too where their images are to be had
#
# 2 and 3 need a Docker engine. A Swarm that is active already is used, under another name for the stack, and left as it
# was.
#
# DOCKER_BUILD is the command that builds, where `docker build` is not enough: mirrors of the registries are build
# arguments (GOPROXY, NPM_CONFIG_REGISTRY).
set -euo pipefail
cd "$(dirname "$0")/.."

limit=$((20 * 1000 * 1000)) # bytes, as Docker counts
read -r -a build <<<"${DOCKER_BUILD:-docker build}"
export DOCKER_BUILDKIT=1
stack=stackcheck-$$
image=gateway:$stack
probe=stackcheck:$stack
tmp=$(mktemp -d)
swarm=no
unchecked=()
too_large=() # said at the end: it keeps nothing else from being checked

say() { echo "stack-check: $*"; }
fail() { echo "stack-check: FAILED: $*" >&2; exit 1; }
not_checked() { unchecked+=("$*"); echo "stack-check: NOT CHECKED: $*" >&2; }

cleanup() {
  code=$?
  if [ "$code" != 0 ] && [ -f "$tmp/engine" ]; then
    docker service logs "${stack}_gateway" --tail 20 2>/dev/null || true
    docker stack ps "$stack" --no-trunc 2>/dev/null | head -n 30 || true
  fi
  if [ -f "$tmp/engine" ]; then
    docker rm -fv "$stack-gateway" "$stack-redis" >/dev/null 2>&1 || true
    docker network rm "$stack" >/dev/null 2>&1 || true
    if [ -f "$tmp/deployed" ]; then
      docker stack rm "$stack" >/dev/null 2>&1 || true
      for _ in $(seq 60); do
        [ -z "$(docker ps -aq --filter "label=com.docker.stack.namespace=$stack")" ] && break
        sleep 1
      done
      docker volume ls -q --filter "label=com.docker.stack.namespace=$stack" |
        xargs -r docker volume rm >/dev/null 2>&1 || true
    fi
    [ "$swarm" = ours ] && docker swarm leave --force >/dev/null 2>&1
    docker image rm -f "$image" "$image-arm64" "$probe" >/dev/null 2>&1 || true
  fi
  rm -rf "$tmp"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

summary() {
  if [ ${#unchecked[@]} -eq 0 ]; then
    say "everything was checked"
  else
    say "this was not checked:"
    printf '  - %s\n' "${unchecked[@]}"
  fi
  [ ${#too_large[@]} -eq 0 ] || fail "the image is to have at most $limit bytes, and has ${too_large[*]}"
}

obtain() { docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" >/dev/null 2>&1; }

# until_true <seconds> <what> <command>...
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt "$end" ] || fail "$what: not within the time"
    sleep 0.5
  done
}

# --- the files

go test -count=1 ./deploy/...

# Any values will do: it is about the files.
export REDIS_PASSWORD=${REDIS_PASSWORD:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
export GRAFANA_PASSWORD=${GRAFANA_PASSWORD:-$REDIS_PASSWORD} OPS_USERS=${OPS_USERS:-'check:*'}
export STACK_NAME=$stack GATEWAY_IMAGE=$image
# None that a stack which runs here has by default.
export GATEWAY_PORT=${GATEWAY_PORT:-23000} HTTP_PORT=${HTTP_PORT:-23080} OPS_PORT=${OPS_PORT:-23081}
export EDGE_SUBNET=${EDGE_SUBNET:-10.89.1.0/24}

if ! command -v docker >/dev/null; then
  not_checked "what Docker says of the files, the image and the stack: there is no docker command"
  summary
  exit 0
fi
if docker stack config --help >/dev/null 2>&1; then
  docker stack config -c compose-swarm-stack.yml >"$tmp/stack.yml" || fail "compose-swarm-stack.yml"
  for variable in REDIS_PASSWORD GRAFANA_PASSWORD OPS_USERS; do
    if env -u "$variable" docker stack config -c compose-swarm-stack.yml >/dev/null 2>&1; then
      fail "compose-swarm-stack.yml can be deployed without $variable"
    fi
  done
  say "compose-swarm-stack.yml: valid, and not to be had without its passwords"
else
  not_checked "compose-swarm-stack.yml by docker stack config: this docker does not have it (Docker 25 does)"
fi
if docker compose version >/dev/null 2>&1; then
  docker compose -f compose.yml config -q || fail "compose.yml"
  say "compose.yml: valid"
else
  not_checked "compose.yml by docker compose config: this docker has no compose"
fi
if ! docker info >/dev/null 2>&1; then
  not_checked "the image and the stack: no Docker engine runs"
  summary
  exit 0
fi
touch "$tmp/engine"

# --- the image

revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
arguments=(--build-arg VERSION=0.0.0-check --build-arg "REVISION=$revision")
began=$SECONDS
"${build[@]}" "${arguments[@]}" -t "$image" . >"$tmp/build.log" 2>&1 ||
  { tail -n 40 "$tmp/build.log"; fail "the image does not build"; }
took=$((SECONDS - began))
inspect() { docker image inspect -f "$1" "$image"; }
label() { inspect "{{index .Config.Labels \"org.opencontainers.image.$1\"}}"; }
size=$(inspect '{{.Size}}')
[ "$size" -le "$limit" ] || too_large+=("$size for amd64")
user=$(inspect '{{.Config.User}}')
[[ "$user" =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "the image's user is '$user', not a number other than root's"
[ "$(label version)" = 0.0.0-check ] || fail "the image's version label"
[ "$(label revision)" = "$revision" ] || fail "the image's revision label"
[ "$(inspect '{{json .Config.Healthcheck.Test}}')" = '["CMD","/gateway","healthcheck"]' ] ||
  fail "the image's health check"
[ "$(inspect '{{.Config.StopSignal}}')" = SIGTERM ] || fail "the image's stop signal"
[ "$(inspect '{{json .Config.ExposedPorts}}')" = '{"3000/tcp":{}}' ] || fail "the image's ports"
# The files of its layers, without what Docker adds to a container.
docker save "$image" | tar -x -C "$tmp" --one-top-level=image
files=$(find "$tmp/image" -type f |
  while read -r layer; do tar -tf "$layer" 2>/dev/null | grep -v '/$' || true; done | sort | tr '\n' ' ')
[ "$files" = "etc/ssl/certs/ca-certificates.crt gateway " ] ||
  fail "the image holds other files than the binary and the certificates: $files"
said=$(docker run --rm "$image" --version)
[[ "$said" == "gateway 0.0.0-check (commit ${revision:0:12}) "* ]] || fail "the binary says '$said'"
say "image: built in $took s, $size bytes, user $user, nothing in it but the binary and certificates; $said"

"${build[@]}" "${arguments[@]}" --platform linux/arm64 -t "$image-arm64" . >"$tmp/build.log" 2>&1 ||
  { tail -n 40 "$tmp/build.log"; fail "the image does not build for arm64"; }
[ "$(docker image inspect -f '{{.Architecture}}' "$image-arm64")" = arm64 ] ||
  fail "the image for arm64 is for something else"
size=$(docker image inspect -f '{{.Size}}' "$image-arm64")
[ "$size" -le "$limit" ] || too_large+=("$size for arm64")
say "image for arm64: $size bytes"

redis=$(sed -n 's/^ *image: \(redis:.*\)/\1/p' compose-swarm-stack.yml)
if ! obtain "$redis"; then
  not_checked "the image at work, and the stack: $redis cannot be had"
  summary
  exit 0
fi

# The program that chats, built here for the engine's machine and put into an image, so that it can be where the
# gateways are.
CGO_ENABLED=0 GOOS=linux GOARCH="$(docker version -f '{{.Server.Arch}}')" \
  go build -trimpath -ldflags '-s -w' -o "$tmp/probe/stackcheck" ./deploy/stackcheck
printf 'FROM scratch\nCOPY stackcheck /stackcheck\nUSER 65532:65532\nENTRYPOINT ["/stackcheck"]\n' \
  >"$tmp/probe/Dockerfile"
docker build -q -t "$probe" "$tmp/probe" >/dev/null 2>&1 ||
  "${build[@]}" -t "$probe" "$tmp/probe" >/dev/null 2>&1 ||
  fail "the image of stackcheck does not build"

docker network create "$stack" >/dev/null
docker run -d --name "$stack-redis" --network "$stack" --network-alias redis "$redis" \
  redis-server --save '' --appendonly no --protected-mode no >/dev/null
docker run -d --name "$stack-gateway" --network "$stack" --network-alias gateway --read-only --cap-drop ALL \
  -e REDIS_URL=redis://redis:6379 -p 127.0.0.1::3000 "$image" >/dev/null
healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$stack-gateway")" = healthy ]; }
began=$SECONDS
until_true 60 "the container's health" healthy
said=$(docker inspect -f '{{(index .State.Health.Log 0).Output}}' "$stack-gateway")
say "container: healthy after $((SECONDS - began)) s: $said"
docker run --rm --network "$stack" "$probe" chat gateway:3000
began=$SECONDS
docker stop -t 60 "$stack-gateway" >/dev/null
code=$(docker inspect -f '{{.State.ExitCode}}' "$stack-gateway")
[ "$code" = 0 ] || fail "SIGTERM ends the container with code $code"
say "container: ended by itself with code 0, $((SECONDS - began)) s after SIGTERM"

# --- the stack

if [ ! -f "$tmp/stack.yml" ]; then
  not_checked "the stack: it takes docker stack config to make of it what one machine can run"
  summary
  exit 0
fi
case $(docker info -f '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}') in
  "active true") ;;
  inactive*)
    docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377 >/dev/null
    swarm=ours
    ;;
  *)
    not_checked "the stack: this machine is in a Swarm and no manager of it"
    summary
    exit 0
    ;;
esac
services=redis,gateway
for service in traefik prometheus grafana redisinsight; do
  name=$(sed -n "/^  $service:/,/image:/s/^ *image: //p" compose-swarm-stack.yml)
  if obtain "$name"; then
    services+=,$service
  else
    not_checked "$service: $name cannot be had"
  fi
done
options=()
# The routing mesh and virtual addresses are IPVS, which a Linux engine on this very machine may lack.
if [ "$(uname -s)" = Linux ] && [ "$(docker info -f '{{.Name}}')" = "$(hostname)" ] &&
  [ ! -e /proc/net/ip_vs ] && ! modprobe -q ip_vs 2>/dev/null; then
  not_checked "the routing mesh: this kernel has no IPVS"
  options+=(-no-mesh)
fi
if ! docker run --rm --ulimit nofile=524288 "$image" --version >/dev/null 2>&1; then
  not_checked "the stack's file limits: this machine does not allow them"
  options+=(-no-ulimits)
fi
go run ./deploy/stackcheck reduce -services "$services" -client "$probe" "${options[@]}" \
  <"$tmp/stack.yml" >"$tmp/reduced.yml"
touch "$tmp/deployed"
docker stack deploy --resolve-image never -c "$tmp/reduced.yml" "$stack" >"$tmp/deploy.log" 2>&1 ||
  { cat "$tmp/deploy.log"; fail "the stack does not deploy"; }

running() { # running <service> <count>
  local tasks
  tasks=$(docker service ps -q --filter desired-state=running "${stack}_$1")
  [ "$(xargs -r docker inspect -f '{{.Status.State}}' <<<"$tasks" | grep -c '^running$')" = "$2" ]
}
client() { docker service ps --format "{{.$1}}" --no-trunc "${stack}_client" | head -n 1; } # its newest task
finished() { [[ "$(client CurrentState)" =~ ^(Complete|Failed|Rejected) ]]; }
chatted() {
  until_true 240 "the client of the stack" finished
  docker service logs --raw "$(client ID)" 2>&1 | tail -n 1
  [[ "$(client CurrentState)" == Complete* ]] || fail "the chat through the stack"
}
began=$SECONDS
until_true 180 "three healthy gateways" running gateway 3
say "stack: three gateways are healthy after $((SECONDS - began)) s ($services)"
chatted
for service in ${services//,/ }; do
  [ "$service" = gateway ] || until_true 180 "$service" running "$service" 1
done
if [[ " ${options[*]} " != *" -no-mesh "* ]]; then
  docker run --rm --network host "$probe" chat -nodes 2 "127.0.0.1:$GATEWAY_PORT"
  say "routing mesh: port $GATEWAY_PORT leads to gateways that serve each other's sessions"
fi

if [[ ",$services," == *,traefik,* ]]; then
  docker run --rm --network host "$probe" chat -nodes 2 "127.0.0.1:$HTTP_PORT"
  say "Traefik: port $HTTP_PORT leads to the gateways"
fi

# What Prometheus answers to a query, which has to be one that a URL may hold.
ask_prometheus() {
  docker exec "$(docker ps -q --filter "name=^${stack}_prometheus")" \
    wget -qO- "http://127.0.0.1:9090/api/v1/query?query=$1"
}
prometheus_says() { [[ "$(ask_prometheus "$1")" == *"$2"* ]]; }
if [[ ",$services," == *,prometheus,* ]]; then
  until_true 90 "Prometheus' look at three gateways" prometheus_says 'count(up%7Bjob="gateway"%7D==1)' ',"3"]'
  until_true 30 "Prometheus' rules" prometheus_says 'sum(prometheus_rule_group_rules)>bool(0)' ',"1"]'
  until_true 30 "Prometheus' rules without failures" \
    prometheus_says 'sum(prometheus_rule_evaluation_failures_total)' ',"0"]'
  say "Prometheus: reads three gateways and evaluates its rules"
fi

update_is() { [ "$(docker service inspect -f '{{with .UpdateStatus}}{{.State}}{{end}}' "${stack}_gateway")" = "$1" ]; }
began=$SECONDS
docker service update --detach --quiet --force "${stack}_gateway" >/dev/null
until_true 300 "the rolling update" update_is completed
last=$(client ID)
docker service update --detach --quiet --force "${stack}_client" >/dev/null
another() { [ "$(client ID)" != "$last" ]; }
until_true 30 "the client's second task" another
chatted
say "stack: all three were replaced within $((SECONDS - began)) s, and the chat goes on"

# A version that does not start: the old ones stay, and Swarm goes back to what it was.
began=$SECONDS
docker service update --detach --quiet --args --not-an-option "${stack}_gateway" >/dev/null
until_true 300 "the way back from a version that does not start" update_is rollback_completed
until_true 60 "three healthy gateways after the way back" running gateway 3
say "stack: a version that does not start was taken back within $((SECONDS - began)) s"
if [[ ",$services," == *,prometheus,* ]]; then
  firing='ALERTS%7Balertstate="firing"%7D'
  prometheus_says "$firing" '"result":[]' || fail "alerts fire: $(ask_prometheus "$firing")"
  say "Prometheus: no alert fires after that"
fi
summary
