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
	((BASH_SUBSHELL)) || stop_running
	printf 'setup: %s\n' "$*" >&2
	exit 1
}

declare -A running=() began=() logs=() # by process id: what runs, since when, and its output

# begin DESCRIPTION COMMAND...: starts a command quietly, beside those that run; $! is its process id.
begin() {
	local what=$1 log
	shift
	say "$what …"
	log=$(mktemp "$cache/step.XXXXXX")
	set -m # a process group of its own, so that a signal reaches the command's children
	"$@" >"$log" 2>&1 </dev/null &
	set +m
	running[$!]=$what began[$!]=$SECONDS logs[$!]=$log
	trap 'say "  stopping"; stop_running; exit 130' INT TERM HUP
}

# finish [PID]: waits for this command, or for all; reports every 10 s what still runs, and when one is done or fails.
finish() {
	local pid reported=$SECONDS
	while ((${#running[@]})) && [[ -z ${1:-} || -v running[$1] ]]; do
		for pid in "${!running[@]}"; do
			kill -0 "$pid" 2>/dev/null || conclude "$pid"
		done
		sleep 0.2
		if ((SECONDS - reported >= 10)); then
			reported=$SECONDS
			for pid in "${!running[@]}"; do say "  still ${running[$pid]}, for $((SECONDS - began[$pid])) s"; done
		fi
	done
	((${#running[@]})) || trap - INT TERM HUP
}

# Shows the end of its log when the command has failed.
conclude() {
	local pid=$1 what=${running[$1]} seconds=$((SECONDS - began[$1])) status=0
	wait "$pid" || status=$?
	((status == 0)) || tail -n 15 "${logs[$pid]}" | sed 's/^/  | /' >&2
	forget "$pid"
	((status == 0)) || fail "$what failed; the full log is in ${setup_log#"$root"/}"
	((seconds < 2)) || say "  done in $seconds s: $what"
}

forget() {
	cat "${logs[$1]}" >>"$setup_log"
	rm -f "${logs[$1]}"
	unset "running[$1]"
}

# SIGINT for SIGTERM too, and no SIGKILL: apt and npm then finish what must not be interrupted.
stop_running() {
	local pid
	for pid in "${!running[@]}"; do kill -INT -- "-$pid" 2>/dev/null || :; done
	for pid in "${!running[@]}"; do
		wait "$pid" || :
		forget "$pid"
	done
}

# step DESCRIPTION COMMAND...: runs a command, and waits for it.
step() {
	begin "$@"
	finish "$!"
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
