#!/usr/bin/env bash
# npm start: set up what is missing, then run the whole loop on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

loop=$root/dist/sandbox/loop/main.js
case " $* " in
*' --help '* | *' -h '*) [ -e "$loop" ] || set_up ;; # a question about flags should not have to wait for apt
*) set_up ;;
esac
exec node "$loop" "$@"
