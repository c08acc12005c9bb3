# SPDX-License-Identifier: Apache-2.0
"""No process can cost podflame, or through it the machine, more than its share."""

import hostile

# Of an interpreter that starts to run the program, and of podflame's own beginning, on a slow machine.
BEGINNING_SECONDS = 0.5


def test_opening_is_given_up_where_every_step_is_long():
    """1024 mappings of a file in which each look at a symbol is as long as it may be."""
    with hostile.running("slow_elf.c", ".", 1024) as target:
        done, cpu, peak = hostile.spent("dump", "-p", target.pid)
        assert done.returncode == 1 and "takes too much work" in done.stderr, done.stderr
        assert cpu < BEGINNING_SECONDS and peak < 32
