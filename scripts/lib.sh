# shellcheck shell=bash
# Shared by the other scripts: paths and messages. Messages go to standard error, because standard output belongs to
# the program that runs afterwards.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
setup_log=$cache/setup.log
# shellcheck disable=SC2034 # for setup.sh and test.sh
kubectl_directory=$cache/kubectl # empty where the machine's own kubectl is new enough

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
	printf 'setup: %s\n' "$*" >&2
	exit 1
}

# step DESCRIPTION COMMAND...: runs a command quietly, reports every 10 s that it is still running, and shows the end
# of its log when it fails.
step() {
	local what=$1 started=$SECONDS pid status=0 offset
	offset=$(stat -c %s "$setup_log" 2>/dev/null || echo 0)
	shift
	say "$what …"
	set -m # a process group of its own, so that a signal reaches the command's children
	"$@" >>"$setup_log" 2>&1 </dev/null &
	pid=$!
	set +m
	# SIGINT for SIGTERM too, and no SIGKILL: apt and npm then finish what must not be interrupted.
	trap 'say "  stopping"; kill -INT -- "-$pid" 2>/dev/null; wait "$pid" || :; exit 130' INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if (((SECONDS - started) % 10 == 9)); then
			say "  still running after $((SECONDS - started + 1)) s"
			sleep 1
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM HUP
	if ((status != 0)); then
		tail -c +$((offset + 1)) "$setup_log" | tail -n 15 | sed 's/^/  | /' >&2
		fail "$what failed; the full log is in ${setup_log#"$root"/}"
	fi
	((SECONDS - started < 2)) || say "  done in $((SECONDS - started)) s"
}

# set_up FLAGS...: runs setup.sh and passes termination signals on to it.
set_up() {
	local pid
	"$root/scripts/setup.sh" "$@" &
	pid=$!
	trap 'kill -TERM "$pid" 2>/dev/null; wait "$pid" || :; exit 143' INT TERM HUP
	wait "$pid"
	trap - INT TERM HUP
}
