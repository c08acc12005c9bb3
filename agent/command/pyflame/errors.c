/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error messages. Pyflame's sentence comes first, for people who look for it. Then comes the reason, which Pyflame did
 * not tell.
 */
#include "pyflame.h"

#include "agent/command/cli/explanations.h"
#include "agent/command/command.h"

#include <stdio.h>
#include <string.h>

static void print_abi(uint32_t version)
{
        if (version == 0)
                fputs("Failed to detect a Python ABI.\n", stderr);
        else
                fprintf(stderr, "Target has Python ABI %u%u, which is not supported by this pyflame build.\n",
                        version >> 24, version >> 16 & 255);
}

int pyflame_refuse(pid_t pid, int error, const struct pystack_info *info)
{
        char why[512];

        switch (error) {
        case PYSTACK_E_GONE:
                explain_absence(pid, why, sizeof why);
                fprintf(stderr, "Failed to seize PID %d: %s\n", pid, why);
                return EXIT_FAILED;
        case PYSTACK_E_DENIED:
                explain_denial(pid, why, sizeof why);
                fprintf(stderr, "Failed to seize PID %d: permission refused: %s\n", pid, why);
                return EXIT_FAILED;
        case PYSTACK_E_UNSUPPORTED:
                print_abi(info->version);
                break;
        default:
                fputs("Failed to locate libpython within timeout period.\n", stderr);
        }
        return say_not_profilable(pid, error, info);
}

int pyflame_fail(int error)
{
        fprintf(stderr, "Unexpected error: %s\n", error < 0 ? strerror(-error) : pystack_strerror(error));
        return EXIT_FAILED;
}
