# The gateway's image: one static binary with the page and the Socket.IO client in it, run by a user that is nobody, and
# nothing else but certificates. No shell, no package manager, no libc: what is not there cannot be attacked or patched late.
#
#   docker build -t gateway --build-arg VERSION=$(git describe --tags) --build-arg REVISION=$(git rev-parse HEAD) .
#   docker buildx build --platform linux/amd64,linux/arm64 ...      both, cross-compiled: nothing is emulated
#
# It needs BuildKit, which is what docker build is since Docker 23. The same commit, VERSION and REVISION give the same binary,
# byte for byte, on any machine: every base image and module is pinned, and neither path, time nor git state enters it.

# The Socket.IO client, as public/npm/package-lock.json pins it by integrity hash, compressed; what make client does.
FROM --platform=$BUILDPLATFORM node:24.11.1-trixie-slim AS client
WORKDIR /client
COPY public/npm/package.json public/npm/package-lock.json ./
# For a mirror of the npm registry. Not set, npm takes its own; the lockfile's hashes hold for either.
ARG NPM_CONFIG_REGISTRY
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --no-audit --no-fund && cp node_modules/socket.io-client/dist/socket.io.* . && \
    gzip -9n socket.io.* && ls socket.io.min.js.gz

# The Admin UI, as public/npm/adminui/package-lock.json pins it, without its source maps.
FROM --platform=$BUILDPLATFORM node:24.11.1-trixie-slim AS adminui
WORKDIR /adminui
COPY public/npm/adminui/package.json public/npm/adminui/package-lock.json ./
ARG NPM_CONFIG_REGISTRY
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund && mkdir -p ui/mdi/css ui/mdi/fonts && \
    cp -r node_modules/@socket.io/admin-ui/ui/dist/. ui/ && rm ui/js/*.map && \
    cp node_modules/@mdi/font/css/materialdesignicons.min.css ui/mdi/css/ && \
    find ui -type f ! -name '*.png' -exec gzip -9n {} + && \
    cp node_modules/@mdi/font/fonts/*.woff2 ui/mdi/fonts/ && ls ui/index.html.gz

FROM --platform=$BUILDPLATFORM golang:1.26.8-trixie AS build
WORKDIR /src
# For a mirror of the Go modules. Not set, Go takes its own; go.sum's hashes hold for either.
ARG GOPROXY
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod GOMODCACHE=/go/pkg/mod go mod download
# What is compiled, and no more: a change to a test or a document does not build anew. default.pgo beside main.go, where
# there is one, is used by itself.
COPY cmd cmd
COPY gateway gateway
COPY adapter adapter
COPY socketio socketio
COPY engineio engineio
COPY internal internal
COPY public public
COPY --from=client /client/socket.io.* public/client/
COPY --from=adminui /adminui/ui/ public/adminui/
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG TARGETOS
ARG TARGETARCH
# The binary says the first 12 digits of the revision, as make build's does.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOMODCACHE=/go/pkg/mod CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false \
      -ldflags "-s -w -buildid= -X main.version=$VERSION -X main.commit=$(printf %.12s "$REVISION")" \
      -o /gateway ./cmd/gateway

FROM scratch
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gateway" \
      org.opencontainers.image.description="Socket.IO chat gateway" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# For rediss://. Those of the build image: they age with its tag, so a release bumps that.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /gateway /gateway
# A number, so that Kubernetes' runAsNonRoot and Docker's --user checks need no /etc/passwd.
USER 65532:65532
# In a container the logs are collected: JSON, without personal data.
ENV NODE_ENV=production
EXPOSE 3000
# The gateway drains on it. Containers that docker stop or a stack ends need a stop_grace_period above the drain.
STOPSIGNAL SIGTERM
# Whether the process lives (/healthz), not whether it is ready: what is unhealthy gets killed.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/gateway", "healthcheck"]
ENTRYPOINT ["/gateway"]
