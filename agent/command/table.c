/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subcommands, in the order in which people will use them. */
#include "command.h"
#include "commands.h"

const struct command command_table[] = {
        { "record", "sample a process or a container, write one profile", record_run },
        { "top", "show which functions take the time, live", top_run },
        { "gil", "show who holds the GIL while other threads want it", gil_run },
        { "dump", "print every thread's stack, now", dump_run },
        { "ps", "list the Python processes of this machine", ps_run },
        { "convert", "write profiles in another format, several as one", convert_run },
        { "lines", "show which lines of source take the time", lines_run },
        { "diff", "compare two profiles function by function", diff_run },
        { "check", "judge new profiles against a base, for CI", check_run },
        { "agent", "sample all Python processes continuously and push profiles to a collector", agent_run },
        { "collector", "the built-in collector and its page", collector_run },
        { "doctor", "say what this machine and a target allow, and how to grant what is missing", doctor_run },
};

const size_t command_table_n = sizeof command_table / sizeof *command_table;
