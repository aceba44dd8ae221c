#!/usr/bin/env bash
# Builds the BPF programs, the addon, the demo workloads and the TypeScript at the same time, each only when out of date.
# --no-check leaves the types of the TypeScript unchecked.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case ${1:-} in
'') check=yes ;;
--no-check) check=no ;;
*) fail "unknown flag $1; the only one is --no-check" ;;
esac
# Here, because a folder that is made during a build would look like a change of its parent.
mkdir -p "$cache" "$root"/{dist,native/build,native/dist,sandbox/workloads/build}

# build WHAT STAMP DIRECTORIES... -- COMMAND...: begins the command when a source is newer than the stamp.
build() {
	local what=$1 stamp=$2 sources=()
	shift 2
	while [ "$1" != -- ]; do
		sources+=("$root/$1")
		shift
	done
	shift
	up_to_date "$stamp" "${sources[@]}" || begin "building $what" stamped "$stamp" "$@"
}

# stamped STAMP COMMAND...: the stamp is older than what is edited, or generated, during the build.
stamped() {
	local stamp=$1
	shift
	touch "$stamp.new"
	"$@"
	mv "$stamp.new" "$stamp"
}

up_to_date() {
	local stamp=$1
	shift
	[ -e "$stamp" ] && [ -z "$(find "$@" \( -name node_modules -o -name build -o -name dist \) -prune -o \
		-newer "$stamp" \( -type d -o -name '*.[ch]' -o -name '*.ts' -o -name '*.json' -o -name '*.css' -o -name '*.html' -o -name Makefile \) -print -quit)" ]
}

typescript() {
	cd "$root" && node_modules/.bin/tsc -b "$@" && chmod +x dist/exporter/main.js dist/scaler/main.js dist/scaler/cli.js
	[ "$check" = no ] || node_modules/.bin/tsc -p scaler/web/page
}

# Without types checked, which takes longer than the rest, what runs is the same; a later build checks them.
build_typescript() {
	local sources=(common exporter scaler grafana sandbox test native tsconfig.json tsconfig.base.json)
	if [ "$check" = yes ]; then
		build TypeScript "$root/dist/.checked" "${sources[@]}" -- typescript
	elif ! up_to_date "$root/dist/.checked" "${sources[@]/#/$root/}"; then
		build TypeScript "$root/dist/.stamp" "${sources[@]}" -- typescript --noCheck
	fi
}

# The scaler's page is one bundle; what it imports is not installed where it runs.
page() {
	local page=$root/scaler/web/page dist=$root/dist/scaler/web/page
	mkdir -p "$dist"
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
build "the scaler's page" "$root/dist/.page-stamp" scaler/web -- page
build_typescript
finish
# The BPF build may have written another native/layout.ts.
build_typescript
finish
