# Three images:
#   docker build -t kernscale:dev .                                  exporter, scaler and the kernscale command
#   docker build -t kernscale-tools:dev --target tools .             the same with promtool, for kernscale test
#   docker build -t kernscale-workloads:dev --target workloads .     the demo's servers and load generator
# manifests/README.md has the commands of other tools.
# Same base for build and run: the addon links the libbpf of its distribution.
ARG NODE_IMAGE=docker.io/library/node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS workloads-build
RUN apt-get update \
	&& apt-get install -y --no-install-recommends gcc libc6-dev make \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY sandbox/workloads .
RUN make LDFLAGS=-static

FROM scratch AS workloads
COPY --from=workloads-build /src/build/workload /src/build/loadgen /
USER 65534:65534
CMD ["/workload", "idle"]

FROM ${NODE_IMAGE} AS build
RUN apt-get update \
	&& apt-get install -y --no-install-recommends \
		bpftool clang-16 gcc libbpf-dev libc6-dev libelf-dev make zlib1g-dev \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json ./
COPY native/package.json native/
RUN npm ci --no-audit --no-fund
COPY . .
# Reads the type information of the build machine's kernel; the result runs on every kernel that has BTF.
RUN scripts/build.sh
RUN npm prune --omit=dev --no-audit --no-fund

# 48 MB, which nodes need not pull.
FROM ${NODE_IMAGE} AS promtool
WORKDIR /promtool
RUN apt-get update \
	&& apt-get download prometheus \
	&& dpkg-deb --extract prometheus_*.deb . \
	&& rm -rf /var/lib/apt/lists/*

FROM ${NODE_IMAGE} AS runtime
RUN apt-get update \
	&& apt-get install -y --no-install-recommends libbpf1 \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /opt/kernscale
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/native/package.json ./native/
COPY --from=build /src/native/dist ./native/dist
COPY --from=build /src/native/build/kernscale.node ./native/build/
COPY --from=build /src/dist/common ./dist/common
COPY --from=build /src/dist/exporter ./dist/exporter
COPY --from=build /src/dist/scaler ./dist/scaler
COPY --from=build /src/scaler/web/static ./scaler/web/static
RUN ln -s /opt/kernscale/dist/exporter/main.js /usr/local/bin/kernscale-exporter \
	&& ln -s /opt/kernscale/dist/scaler/main.js /usr/local/bin/kernscale-scaler \
	&& ln -s /opt/kernscale/dist/scaler/cli.js /usr/local/bin/kernscale
ENV NODE_ENV=production
EXPOSE 5000 5001
# The exporter's manifest sets root: Kubernetes grants capabilities to root only.
USER 65532:65532
CMD ["kernscale", "--help"]

FROM runtime AS tools
COPY --from=promtool /promtool/usr/bin/promtool /usr/local/bin/

FROM runtime AS kernscale
