/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of refusals: each field once, some of them, and how many others there were. */
#include "agent/command/processes/refusals.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

SUITE(command_refusals);

static void refuse(pid_t pid, const char *field, uint64_t address)
{
        const struct pystack_refusal refusal = {
                .pid = pid, .field = field, .address = address, .expected = "a frame", .found = 1
        };
        struct pystack_trace trace = refusals_trace();

        cr_assert_not_null(trace.refused);
        trace.refused(trace.ctx, &refusal);
}

static const char *said(pid_t pid)
{
        capture_begin(STDERR_FILENO);
        refusals_say(pid);
        return capture_end();
}

Test(command_refusals, are_not_kept_unless_somebody_asks)
{
        cr_expect_null(refusals_trace().refused);
        cr_expect_str_eq(said(0), "");
}

Test(command_refusals, are_said_by_process_with_the_first_of_each_field)
{
        refusals_keep();
        refuse(9, "b", 0x10);
        refuse(7, "a", 0x20);
        refuse(9, "a", 0x30);
        refuse(9, "b", 0x40);
        cr_expect_str_eq(said(0),
                         "podflame: process 7: refused: a at 0x20: expected a frame, found 0x1\n"
                         "podflame: process 9: refused: b at 0x10: expected a frame, found 0x1 (the first of 2)\n"
                         "podflame: process 9: refused: a at 0x30: expected a frame, found 0x1\n");
        cr_expect_str_eq(said(7), "podflame: process 7: refused: a at 0x20: expected a frame, found 0x1\n");
        refusals_end();
        cr_expect_str_eq(said(0), "");
}

Test(command_refusals, of_a_process_that_was_opened_are_dropped_until_they_come_again)
{
        refusals_keep();
        refuse(7, "a", 0x10);
        refuse(7, "b", 0x20);
        refuse(9, "a", 0x30);
        refusals_drop(7);
        refuse(7, "a", 0x40);
        cr_expect_str_eq(said(0), "podflame: process 7: refused: a at 0x40: expected a frame, found 0x1\n"
                                  "podflame: process 9: refused: a at 0x30: expected a frame, found 0x1\n");
        refusals_end();
}

Test(command_refusals, are_bounded_by_process)
{
        static const char fields[2 * REFUSALS_SAID_MAX + 1] = "abcdefghijklmnop";
        size_t lines = 0;

        refusals_keep();
        for (unsigned i = 0; i < 3 * (sizeof fields - 1); i++)
                refuse(7, fields + i % (sizeof fields - 1), i);
        const char *text = said(0);
        for (const char *at = text; (at = strchr(at, '\n')); at++)
                lines++;
        cr_expect_eq(lines, REFUSALS_SAID_MAX + 1, "%s", text);
        cr_expect(strstr(text, "podflame: process 7: refused: 24 more, of 8 other fields\n"), "%s", text);
        refusals_end();
}

Test(command_refusals, that_find_no_room_are_counted)
{
        static const char fields[3080];

        refusals_keep();
        for (size_t i = 0; i < sizeof fields; i++)
                refuse(7, fields + i, 0);
        cr_expect(strstr(said(0), "podflame: 8 refusals were not kept\n"));
        refuse(8, "a", 0);
        cr_expect_str_eq(said(8), "");
        refusals_end();
}
