#!/usr/bin/env bash
# Brings the Swarm stack up, or to what the working tree says now, and takes it down:
#
#   deploy/stack.sh up      build the image, make passwords where there are none yet, deploy, wait until all is up
#   deploy/stack.sh down    remove the stack; its volumes stay
#
# deploy/stack.env holds the passwords and may hold any other variable of compose-swarm-stack.yml. GATEWAY_IMAGE, if
# set, is deployed instead of building: a Swarm of several nodes needs one that they all can pull.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=deploy/stack.env

fail() { echo "stack: $*" >&2; exit 1; }

make_passwords() {
  command -v openssl >/dev/null || fail "openssl is needed to make the passwords of $environment"
  local ops
  ops=$(openssl rand -hex 12)
  (
    umask 077
    cat >"$environment" <<END
# Made by deploy/stack.sh. Keep it: Redis and Grafana go on with these.
REDIS_PASSWORD=$(openssl rand -hex 24)
GRAFANA_PASSWORD=$(openssl rand -hex 12)
# Prometheus and RedisInsight: user ops, password $ops
OPS_USERS='ops:$(openssl passwd -apr1 "$ops")'
END
  )
  echo "stack: made passwords, they are in $environment"
}

build() {
  docker build -q -t gateway:building \
    --build-arg VERSION="$(git describe --tags --dirty 2>/dev/null || echo 0.0.0-dev)" \
    --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" . >/dev/null
  # Named after what is in it: Swarm replaces the tasks when the name is another, and only then.
  local id
  id=$(docker image inspect -f '{{.Id}}' gateway:building)
  GATEWAY_IMAGE=gateway:${id:7:12}
  docker tag gateway:building "$GATEWAY_IMAGE"
}

[ "$(docker info -f '{{.Swarm.ControlAvailable}}' 2>/dev/null)" = true ] ||
  fail "this is no Swarm manager; on a machine of its own: docker swarm init"

case "${1:-}" in
  up)
    [ -f "$environment" ] || make_passwords
    set -a
    # shellcheck disable=SC1090
    . "$environment"
    STACK_NAME=${STACK_NAME:-chat}
    if [ -z "${GATEWAY_IMAGE:-}" ]; then
      [ "$(docker node ls -q | wc -l)" = 1 ] ||
        fail "this Swarm has several nodes: push an image that all of them can pull, and name it in GATEWAY_IMAGE"
      build
    fi
    # Swarm's configs cannot be changed, so their names change with their contents.
    # shellcheck disable=SC2034 # set -a exports it
    CONFIG_VERSION=$(find deploy/redis deploy/prometheus deploy/grafana -type f | LC_ALL=C sort | xargs cat |
      sha256sum | cut -c1-12)
    set +a
    wait=()
    if docker stack deploy --help | grep -q -- --detach; then wait=(--detach=false); fi
    docker stack deploy "${wait[@]}" --prune -c compose-swarm-stack.yml "$STACK_NAME"
    cat <<END
stack: $STACK_NAME is deployed with $GATEWAY_IMAGE
  the chat        http://localhost:${HTTP_PORT:-80}, and without Traefik http://localhost:${GATEWAY_PORT:-3000}
  for operators   http://grafana.${OPS_DOMAIN:-localhost}:${OPS_PORT:-8081}, http://prometheus.…, http://redisinsight.…
END
    ;;
  down)
    if [ -f "$environment" ]; then
      # shellcheck disable=SC1090
      . "$environment"
    fi
    docker stack rm "${STACK_NAME:-chat}"
    ;;
  *)
    echo "usage: deploy/stack.sh up | down" >&2
    exit 2
    ;;
esac
