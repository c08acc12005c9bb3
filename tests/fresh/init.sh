#!/bin/bash
# The first process of the fresh root, called by enter.sh: init.sh CHECKOUT COMMAND...
#
# Runs the commands one after another, up to the first that fails, and says what each took. Bash reaps
# whatever loses its parent; when it ends, the kernel ends all that is left.
set -uo pipefail
set -m # else what is started in the background ignores SIGINT

# A command that has ended is to leave no process and no mount.
say_what_is_left() {
        local folder
        for folder in /proc/[0-9]*; do
                case $(tr '\0' ' ' 2>/dev/null <"$folder/cmdline") in
                "" | "/bin/bash /$checkout/tests/fresh/init.sh"*) ;;
                *) left=1 && echo "fresh: still running: $(tr '\0' ' ' <"$folder/cmdline")" ;;
                esac
        done
        diff <(echo "$mounts") /proc/self/mounts && return
        left=1
}

checkout=$1
mounts=$(cat /proc/self/mounts)
left=0
cd "/$1" || exit
shift
trap 'exit 143' TERM HUP INT

TIMEFORMAT='fresh: %R s, of CPU time %U s in user space and %S s in the kernel'
status=0
for command in "$@"; do
        echo "fresh: $command"
        { time bash -c "$command"; } </dev/null &
        wait $!
        status=$?
        echo "fresh: $command: status $status, $(dpkg-query -W | wc -l) Debian packages," \
                "$(du -sxm / | cut -f1) MB; load $(cut -d' ' -f1-3 /proc/loadavg)"
        say_what_is_left
        [ "$status$left" = 00 ] || break
done
[ "$left" = 0 ] || status=1
exit "$status"
