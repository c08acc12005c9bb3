#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Judges a change by profiles: runs a command in the base's checkout and in the new one,
# in turn, records each run, and compares.
#
#   perf-check.sh BASE_DIR NEW_DIR COMMAND [ARGUMENT]...
#
#   RUNS=5       runs of each side
#   RATE=1000    samples per second of CPU time
#   REPORTS=.    where perf-check.md, .xml, .json and .html go
#   ALLOW=FILE   functions that may grow (see podflame check -h), if the file is there
#   FORMAT=text  what goes to standard output: github for annotations
#
# The exit status is that of podflame check: 0 pass, 1 regression, 2 not comparable or
# not recorded, 3 too few samples to tell. PODFLAME_INCONCLUSIVE=pass makes 0 of 3; all
# other options of podflame check can be set in the environment likewise.
set -eu

if [ $# -lt 3 ]; then
        echo "usage: perf-check.sh BASE_DIR NEW_DIR COMMAND [ARGUMENT]..." >&2
        exit 2
fi
base=$(cd "$1" && pwd) new=$(cd "$2" && pwd)
shift 2

podflame=${PODFLAME:-podflame}
reports=${REPORTS:-.}
profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
mkdir -p "$reports"

# record DIR FILE COMMAND...: a run that fails did something else than it should.
record() {
        dir=$1 file=$2
        shift 2
        (cd "$dir" && exec "$podflame" record --quiet --subprocesses --rate "${RATE:-1000}" --format otlp \
                --output "$file" -- "$@") && return
        echo "perf-check: the run in $dir ended with status $?" >&2
        exit 2
}

# In turn, so that a machine that gets slower meanwhile does so for both.
run=0
while [ "$run" -lt "${RUNS:-5}" ]; do
        record "$base" "$profiles/base-$run.json" "$@"
        record "$new" "$profiles/new-$run.json" "$@"
        run=$((run + 1))
done

if [ -n "${ALLOW:-}" ] && [ -e "$ALLOW" ]; then
        set -- --allow "$ALLOW"
else
        set --
fi
status=0
"$podflame" check --base "$profiles"/base-*.json --new "$profiles"/new-*.json --format "${FORMAT:-text}" \
        --output "$reports/perf-check.md" --output "$reports/perf-check.xml" \
        --output "$reports/perf-check.json" --output "$reports/perf-check.html" "$@" || status=$?
exit "$status"
