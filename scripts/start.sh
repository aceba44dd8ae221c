#!/usr/bin/env bash
# npm start: set up what is missing, then run the whole loop on this machine.
set -euo pipefail
here=$(dirname "$0")
case " $* " in
*' --help '* | *' -h '*) ;; # a question about flags should not have to wait for apt, once built
*) "$here/setup.sh" ;;
esac
[ -e "$here/../dist/test/loop/main.js" ] || "$here/setup.sh"
exec node "$here/../dist/test/loop/main.js" "$@"
