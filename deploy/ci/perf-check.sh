#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Judges a change by profiles: runs a command in the base's checkout and in the new one,
# in turn, until it can be told whether a function takes a larger share than before.
#
#   perf-check.sh BASE_DIR NEW_DIR COMMAND [ARGUMENT]...
#
#   BUDGET=10m   how long to run the command at most
#   RATE=2500    samples per second of CPU time
#   REPORTS=.    where perf-check.md, .xml, .json and .html go
#   ALLOW=FILE   functions that may grow (see podflame check -h), if the file is there
#   FORMAT=text  what goes to standard output: github for annotations
#
# The exit status is that of podflame check: 0 pass, 1 regression, 2 not comparable or
# not recorded, 3 it cannot be told. PODFLAME_INCONCLUSIVE=pass makes 0 of 3; all
# other options of podflame check can be set in the environment likewise.
set -eu

if [ $# -lt 3 ]; then
        echo "usage: perf-check.sh BASE_DIR NEW_DIR COMMAND [ARGUMENT]..." >&2
        exit 2
fi
base=$1 new=$2
shift 2

reports=${REPORTS:-.}
mkdir -p "$reports"

set -- -- "$@"
if [ -n "${ALLOW:-}" ] && [ -e "$ALLOW" ]; then
        set -- --allow "$ALLOW" "$@"
fi
exec "${PODFLAME:-podflame}" check --base-dir "$base" --new-dir "$new" --budget "${BUDGET:-10m}" --rate "${RATE:-2500}" \
        --format "${FORMAT:-text}" --output "$reports/perf-check.md" --output "$reports/perf-check.xml" \
        --output "$reports/perf-check.json" --output "$reports/perf-check.html" "$@"
