#!/usr/bin/env bash
# npm run lint: TypeScript, imports between folders, shell scripts and C sources; --fix formats what it can.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

case ${1:-} in
'') eslint=(eslint) prettier=(prettier --check) c_format=(--dry-run -Werror) ;;
--fix) eslint=(eslint --fix) prettier=(prettier --write --log-level=warn) c_format=(-i) ;;
*) fail "unknown flag $1; the only one is --fix" ;;
esac
clang_format=$(compgen -c clang-format | grep -xE 'clang-format(-[0-9]+)?' | sort -V | tail -n 1) ||
	fail 'clang-format is missing; run: npm run setup -- --test'

PATH=$root/node_modules/.bin:$PATH
"${eslint[@]}" .
"${prettier[@]}" .
depcruise common exporter grafana native sandbox scaler test
shellcheck scripts/*.sh .ci/run test/kernels/guest/init.sh
find native sandbox test \( -name node_modules -o -name build -o -name dist \) -prune -o -name '*.[ch]' -print0 |
	xargs -0 "$clang_format" "${c_format[@]}"
