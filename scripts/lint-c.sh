#!/usr/bin/env bash
# Checks the formatting of all C sources against .clang-format; --fix formats them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

action=(--dry-run -Werror)
[ "${1:-}" != --fix ] || action=(-i)
formatter=$(compgen -c clang-format | grep -xE 'clang-format(-[0-9]+)?' | sort -V | tail -n 1) ||
	fail 'clang-format is missing; run: npm run setup -- --test'
cd "$root"
find native sandbox test \( -name node_modules -o -name build -o -name dist \) -prune -o -name '*.[ch]' -print0 |
	xargs -0 "$formatter" "${action[@]}"
