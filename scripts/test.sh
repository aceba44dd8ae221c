#!/usr/bin/env bash
# npm test: installs and builds what is missing, then lints and runs every test, suite by suite.
#   npm test                    all suites
#   npm test -- unit kernel     only these suites
#   npm test -- --allow-skip    do not fail for a suite that this machine cannot run; report it as skipped
set -euo pipefail
. "$(dirname "$0")/lib.sh"

suites=()
for argument in "$@"; do
	case $argument in
	--allow-skip) export KERNSCALE_ALLOW_SKIP=1 ;;
	--help | -h) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit ;;
	lint) suites+=(lint) ;;
	-*) fail "unknown flag $argument; the only flag is --allow-skip" ;;
	*) [ -d "$root/test/$argument" ] || fail "there is no suite test/$argument" && suites+=("$argument") ;;
	esac
done

set_up --test
export PATH=$kubectl_directory:$PATH
cd "$root"
((${#suites[@]})) || suites=(lint unit hpa proof prometheus drill cluster workloads kernel kernels browser loop)

passed=0 failed=0 skipped=0 failures=() left_out=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run SUITE COMMAND...: runs one suite and adds its counts to the totals.
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

# Prints the reason why this machine cannot run a suite; nothing if it can.
obstacle() {
	case $1 in
	prometheus | drill | cluster | kernel | kernels | loop) [ "$(id -u)" = 0 ] || { echo 'it needs root' && return; } ;;
	esac
	case $1 in
	kernel | kernels | loop) [ -e /sys/kernel/btf/vmlinux ] || echo 'this kernel has no type information (/sys/kernel/btf/vmlinux)' ;;
	esac
}

# leave_out SUITE REASON: reports a suite that cannot run: as skipped with --allow-skip, else as failed.
leave_out() {
	printf '\n=== %s: NOT RUN, %s ===\n' "$1" "$2"
	if [ -n "${KERNSCALE_ALLOW_SKIP:-}" ]; then
		left_out+=("$1 ($2)")
	else
		failures+=("$1 ($2; --allow-skip ignores this)")
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
	elif [ "$suite" = unit ]; then
		# 10⁵ mutated objects and half as many responses: 16 s of CPU.
		export KERNSCALE_FUZZ=${KERNSCALE_FUZZ:-100000}
		run unit node_modules/.bin/c8 node_modules/.bin/mocha --require ./test/unit/coverage.js 'test/unit/**/*.test.ts'
	elif [ -n "$(find "test/$suite" -name '*.test.ts' -print -quit)" ]; then
		run "$suite" node_modules/.bin/mocha "test/$suite/**/*.test.ts"
	fi
done

printf '\n'
for suite in "${left_out[@]}"; do printf 'not run: %s\n' "$suite"; done
((skipped == 0)) || printf '%d tests were skipped because this machine cannot run them (see above)\n' "$skipped"
for suite in "${failures[@]}"; do printf 'failed: %s\n' "$suite"; done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" $((skipped + ${#left_out[@]}))
((${#failures[@]} == 0)) && ((passed > 0))
