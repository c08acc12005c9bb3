#!/bin/bash
# The first process of the fresh root, called by enter.sh: init.sh CHECKOUT COMMAND...
#
# Runs the commands one after another, up to the first that fails, and says what each took. Bash reaps
# whatever loses its parent; when it ends, the kernel ends all that is left.
set -uo pipefail
set -m # else what is started in the background ignores SIGINT

cd "/$1" || exit
shift
trap 'exit 143' TERM HUP INT

status=0
for command in "$@"; do
        echo "fresh: $command"
        begin=$(date +%s)
        bash -c "$command" </dev/null &
        wait $!
        status=$?
        echo "fresh: $command: status $status, $(($(date +%s) - begin)) s, $(dpkg-query -W | wc -l) Debian packages," \
                "$(du -sxm / | cut -f1) MB, $(find .cache -xdev 2>/dev/null | wc -l) files in .cache;" \
                "load $(cut -d' ' -f1-3 /proc/loadavg)"
        left=$(ps -eo args --no-headers 2>/dev/null | grep -vE '^(/bin/bash|bash|ps|grep)' || true)
        [ -z "$left" ] || echo "fresh: still running: $left"
        [ "$status" = 0 ] || break
done
times
exit "$status"
