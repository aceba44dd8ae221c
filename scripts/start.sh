#!/usr/bin/env bash
# npm start: installs and builds what is missing, then runs all of Kernscale on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

loop=$root/dist/sandbox/loop/main.js
# shellcheck disable=SC2119 # the base packages are enough
case " $* " in
*' --help '* | *' -h '*) [ -e "$loop" ] || set_up ;; # the help text does not wait for apt
*) set_up ;;
esac
exec node "$loop" "$@"
