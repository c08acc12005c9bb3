# fish completion for podflame
# SPDX-License-Identifier: Apache-2.0
#
# Asks podflame itself for its commands and options, so it fits every version.

function __podflame_commands
    podflame -h 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)$' '$1\t$2'
end

function __podflame_options
    podflame (commandline -opc)[2] -h 2>/dev/null |
        string replace -rf '^(?:      |  -., )(--[a-z-]+)(?: [A-Z][A-Z:=]*| \'[^\']*\')? +(.*)$' '$1\t$2'
end

complete -c podflame -f -n __fish_use_subcommand -a '(__podflame_commands)'
complete -c podflame -n 'not __fish_use_subcommand' -a '(__podflame_options)'
