#!/usr/bin/env bash
# npm test: set up what is missing, then lint and run every test, suite by suite.
#   npm test                    everything
#   npm test -- unit kernel     only these suites
#   npm test -- --allow-skip    skip, loudly, what this machine cannot run instead of failing
set -euo pipefail
. "$(dirname "$0")/lib.sh"

suites=()
for argument in "$@"; do
	case $argument in
	--allow-skip) export KERNSCALE_ALLOW_SKIP=1 ;;
	--help | -h) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit ;;
	lint) suites+=(lint) ;;
	-*) fail "unknown flag $argument; the only one is --allow-skip" ;;
	*) [ -d "$root/test/$argument" ] || fail "there is no suite test/$argument" && suites+=("$argument") ;;
	esac
done

set_up --test
export PATH=$kubectl_directory:$PATH
cd "$root"
((${#suites[@]})) || suites=(lint unit hpa prometheus cluster workloads kernel kernels browser loop)

passed=0 failed=0 skipped=0 failures=() left_out=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run SUITE COMMAND...: runs one suite and adds up what its runner counted.
run() {
	local suite=$1 status=0 started=$SECONDS
	shift
	printf '\n=== %s ===\n' "$suite"
	"$@" 2>&1 </dev/null | tee "$log" || status=$?
	passed=$((passed + $(count passing)))
	failed=$((failed + $(count failing)))
	skipped=$((skipped + $(count pending)))
	printf '=== %s: %s in %d s ===\n' "$suite" "$( ((status)) && echo FAILED || echo ok)" $((SECONDS - started))
	((status == 0)) || failures+=("$suite")
}

# Why this machine cannot run a suite; nothing when it can.
obstacle() {
	case $1 in
	prometheus | cluster | kernel | kernels | loop) [ "$(id -u)" = 0 ] || { echo 'it needs root' && return; } ;;
	esac
	case $1 in
	kernel | kernels | loop) [ -e /sys/kernel/btf/vmlinux ] || echo 'this kernel has no type information (/sys/kernel/btf/vmlinux)' ;;
	esac
}

# leave_out SUITE REASON: not running a suite is a failure, unless --allow-skip says that it is expected.
leave_out() {
	printf '\n=== %s: NOT RUN, %s ===\n' "$1" "$2"
	if [ -n "${KERNSCALE_ALLOW_SKIP:-}" ]; then
		left_out+=("$1 ($2)")
	else
		failures+=("$1 ($2; --allow-skip goes on without it)")
	fi
}

count() {
	sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -n "s/^  *\([0-9][0-9]*\) $1.*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}

for suite in "${suites[@]}"; do
	reason=$(obstacle "$suite")
	if [ -n "$reason" ]; then
		leave_out "$suite" "$reason"
	elif [ "$suite" = lint ]; then
		run lint npm run --silent lint
	elif [ -n "$(find "test/$suite" -name '*.test.ts' -print -quit)" ]; then
		run "$suite" node_modules/.bin/mocha "test/$suite/**/*.test.ts"
	fi
done

printf '\n'
for suite in "${left_out[@]}"; do printf 'not run: %s\n' "$suite"; done
((skipped == 0)) || printf '%d tests were skipped: this machine cannot run them (see above)\n' "$skipped"
for suite in "${failures[@]}"; do printf 'failed: %s\n' "$suite"; done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" $((skipped + ${#left_out[@]}))
((${#failures[@]} == 0)) && ((passed > 0))
