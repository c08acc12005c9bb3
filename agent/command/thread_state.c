/* SPDX-License-Identifier: Apache-2.0 */
/* The states of proc_pid_stat(5), and the one that it does not show. */
#include "thread_state.h"

static const struct {
        char letter;
        bool may_be_frozen; /* a thread in a frozen cgroup is seen in this state */
        const char *name;
} states[] = {
        { 'R', false, "running" },
        { 'S', true, "sleeping" },
        { 'D', true, "waiting uninterruptibly" },
        { 'T', false, "stopped" },
        { 't', false, "traced" },
        { 'Z', false, "ended" },
        { 'X', false, "ended" },
};

const char *thread_state(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, char letter)
{
        bool frozen = false;

        for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
                if (states[i].letter != letter)
                        continue;
                if (states[i].may_be_frozen && nsutil_frozen(freezers, pid, tid, &frozen) == 0 && frozen)
                        return "frozen";
                return states[i].name;
        }
        return "unknown";
}
