# bash completion for podflame
# SPDX-License-Identifier: Apache-2.0
#
# Asks podflame itself for its commands and options, so it fits every version.

# Lines of "SHORT LONG ARGUMENT HELP" of a command, "-" for what there is not.
_podflame_options() {
        "$1" "$2" -h 2>/dev/null | sed -nE \
                -e "s/^(.*--[a-z-]+) '[^']*' /\1 TEXT /" -e 't next' -e ':next' \
                -e 's/^  (-.), (--[a-z-]+) ([A-Z][A-Z:=]*) +(.*)/\1 \2 \3 \4/p' -e 't' \
                -e 's/^  (-.), (--[a-z-]+) +(.*)/\1 \2 - \3/p' -e 't' \
                -e 's/^      (--[a-z-]+) ([A-Z][A-Z:=]*) +(.*)/- \1 \2 \3/p' -e 't' \
                -e 's/^      (--[a-z-]+) +(.*)/- \1 - \2/p'
}

# What an option's argument may be, by what it is called in the usage text.
_podflame_argument() {
        local program=$1 argument=$2 help=$3 cur=$4
        local containers='NR == 1 { for (i = 1; i <= NF; i++) if ($i == "CONTAINER") at = i }
                $1 ~ /^[0-9]+$/ && $at ~ /^[0-9a-f]+$/ && !seen[$at]++ { print $at, $(at + 1) == "-" ? "" : $(at + 1) }'
        case $argument in
        FILE) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        DIR) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        PID) mapfile -t COMPREPLY < <(compgen -W "$("$program" ps 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $1 }')" -- "$cur") ;;
        CONTAINER) mapfile -t COMPREPLY < <(compgen -W "$("$program" ps 2>/dev/null | awk "$containers")" -- "$cur") ;;
        # "cpu: threads on a CPU; cpu,wall: both (cpu)", "folded, html (folded)"
        MODE | FORMAT | ENGINE | GROUP) mapfile -t COMPREPLY < <(compgen -W "$(sed -E 's/[;,] /\n/g' <<<"${help%%(*}" | sed -E 's/^([a-z,]*).*/\1/')" -- "$cur") ;;
        esac
}

_podflame() {
        local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} cur=${COMP_WORDS[COMP_CWORD]}
        local prev=${COMP_WORDS[COMP_CWORD - 1]} short long argument help
        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
                mapfile -t COMPREPLY < <(compgen -W "$("$program" -h 2>/dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
                return
        fi
        while read -r short long argument help; do
                if [[ $argument != - && ($prev == "$short" || $prev == "$long") ]]; then
                        _podflame_argument "$program" "$argument" "$help" "$cur"
                        return
                elif [[ $long == "$cur"* ]]; then
                        COMPREPLY+=("$long")
                fi
        done < <(_podflame_options "$program" "$command")
}

complete -o filenames -F _podflame podflame
