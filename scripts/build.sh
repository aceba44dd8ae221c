#!/usr/bin/env bash
# Builds the BPF programs, the addon, the demo workloads and the TypeScript, each only when out of date.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

mkdir -p "$cache"

# build WHAT STAMP DIRECTORIES... -- COMMAND...: runs the command when a source is newer than the stamp.
build() {
	local what=$1 stamp=$2 sources=()
	shift 2
	while [ "$1" != -- ]; do
		sources+=("$root/$1")
		shift
	done
	shift
	up_to_date "$stamp" "${sources[@]}" && return 0
	mkdir -p "$(dirname "$stamp")"
	touch "$stamp.new" # older than what is edited during the build
	step "building $what" "$@"
	mv "$stamp.new" "$stamp"
}

up_to_date() {
	local stamp=$1
	shift
	[ -e "$stamp" ] && [ -z "$(find "$@" \( -name node_modules -o -name build -o -name dist \) -prune -o \
		-newer "$stamp" \( -type d -o -name '*.[ch]' -o -name '*.ts' -o -name '*.json' -o -name '*.css' -o -name '*.html' -o -name Makefile \) -print -quit)" ]
}

typescript() {
	cd "$root" && node_modules/.bin/tsc -b && node_modules/.bin/tsc -p scaler/web/page && chmod +x dist/exporter/main.js dist/scaler/main.js dist/scaler/cli.js
}

# The scaler's page is one bundle; what it imports is not installed where it runs.
page() {
	local page=$root/scaler/web/page dist=$root/dist/scaler/web/page
	"$root/node_modules/.bin/esbuild" "$page/page.ts" --bundle --minify --format=esm --target=es2022 --log-level=warning \
		--legal-comments=none --outdir="$dist" && cp "$page/index.html" "$page/icon.svg" "$dist" &&
		(cd "$root/node_modules" && tail -n +1 {preact,htm,uplot,@dagrejs/dagre,@dagrejs/graphlib}/LICENSE) >"$dist/LICENSES.txt"
}

# Compiled against the type information of one kernel, the programs run on every other that has it. Without, everything
# that needs no probe still builds.
if [ -e /sys/kernel/btf/vmlinux ] || [ -e "$root/native/build/vmlinux.h" ]; then
	build 'the BPF programs and the addon' "$root/native/build/.stamp" native -- make -C "$root/native"
else
	say 'skipping the BPF programs: this kernel has no type information (/sys/kernel/btf/vmlinux)'
fi
build 'the demo workloads' "$root/sandbox/workloads/build/.stamp" sandbox/workloads -- make -C "$root/sandbox/workloads"
build TypeScript "$root/dist/.stamp" common exporter scaler grafana sandbox test native tsconfig.json tsconfig.base.json -- typescript
build "the scaler's page" "$root/dist/.page-stamp" scaler/web -- page
