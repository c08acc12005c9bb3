/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/processes/kin.h"
#include "tests/unit/support/suite.h"

SUITE(command_kin);

enum { ROOT = 10, CHILD = 11, GRANDCHILD = 12, OURS = 5, PARTS = 2 };

/* The clocks of the test's processes: by PID, 0: it is gone. */
static uint64_t own_ns[32], children_ns[32];

static bool own(pid_t pid, uint64_t *ret)
{
        *ret = own_ns[pid];
        return own_ns[pid] > 0;
}

static bool children(pid_t pid, uint64_t *ret)
{
        *ret = children_ns[pid];
        return own_ns[pid] > 0;
}

static const struct kin_clocks clocks = { own, children };

static struct kin *family(unsigned parts)
{
        struct kin *kin = kin_new(parts, false);
        const struct kin_begin root = { .pid = ROOT, .threads = 1, .python = true };

        memset(own_ns, 0, sizeof own_ns);
        memset(children_ns, 0, sizeof children_ns);
        own_ns[ROOT] = 1000;
        cr_assert_not_null(kin);
        kin_begin(kin, &root);
        return kin;
}

static void hear(struct kin *kin, enum lineage_kind kind, pid_t pid, pid_t parent, uint64_t at)
{
        const struct lineage_event event = { .kind = kind, .pid = pid, .parent = parent, .at = at };

        kin_hear(kin, &event);
}

static void use(struct kin *kin, pid_t pid, uint64_t ns)
{
        const struct lineage_event event = { .kind = LINEAGE_USED, .pid = pid, .ns = ns };

        kin_hear(kin, &event);
}

static void map(struct kin *kin, pid_t pid, const char *file, uint64_t at)
{
        const struct lineage_event event = { .kind = LINEAGE_MAPPED, .pid = pid, .file = file, .at = at };

        kin_hear(kin, &event);
}

static void live_and_end(struct kin *kin, pid_t pid, pid_t parent, uint64_t ns)
{
        hear(kin, LINEAGE_BORN, pid, parent, 1);
        hear(kin, LINEAGE_ENDED, pid, 0, 9);
        use(kin, pid, ns - 1);
        use(kin, pid, 1);
}

#define EXPECT(kin, unopened_, unseen_, foreign_)                           \
        do {                                                                \
                struct kin_sum sum = kin_take(kin, &clocks, false);         \
                cr_expect_eq(sum.unopened, unopened_, "%lu", sum.unopened); \
                cr_expect_eq(sum.unseen, unseen_, "%lu", sum.unseen);       \
                cr_expect_eq(sum.foreign, foreign_, "%lu", sum.foreign);    \
        } while (0)

Test(command_kin, a_child_that_nobody_opened)
{
        struct kin *kin = family(PARTS);

        live_and_end(kin, CHILD, ROOT, 100);
        EXPECT(kin, 100, 0, 0);
        EXPECT(kin, 0, 0, 0);
        kin_free(kin);
}

Test(command_kin, it_has_not_ended_before_all_is_told)
{
        struct kin *kin = family(PARTS);

        hear(kin, LINEAGE_ENDED, CHILD, 0, 9); /* the rings of CPUs are read one after the other */
        use(kin, CHILD, 70);
        EXPECT(kin, 0, 0, 0);
        cr_expect(kin_waits(kin, &clocks));
        hear(kin, LINEAGE_BORN, CHILD, ROOT, 1);
        EXPECT(kin, 0, 0, 0);
        use(kin, CHILD, 30);
        EXPECT(kin, 100, 0, 0);
        cr_expect(!kin_waits(kin, &clocks));
        kin_free(kin);
}

Test(command_kin, who_has_ended_is_forgotten_but_not_its_time)
{
        struct kin *kin = family(PARTS);

        live_and_end(kin, CHILD, ROOT, 100);
        cr_expect(kin_knows(kin, CHILD));
        kin_look(kin, &clocks);
        cr_expect(!kin_knows(kin, CHILD));
        EXPECT(kin, 100, 0, 0);
        kin_free(kin);
}

Test(command_kin, what_is_booked_is_not_counted_twice)
{
        struct kin *kin = family(PARTS);

        hear(kin, LINEAGE_BORN, CHILD, ROOT, 1);
        kin_opened(kin, CHILD, 2);
        hear(kin, LINEAGE_ENDED, CHILD, 0, 9);
        use(kin, CHILD, 100);
        use(kin, CHILD, 0);
        EXPECT(kin, 0, 0, 0);
        kin_booked(kin, CHILD, 96);
        kin_stopped(kin, CHILD);
        EXPECT(kin, 0, 4, 0);
        kin_free(kin);
}

Test(command_kin, the_files_that_it_maps_say_what_it_was)
{
        struct kin *kin = family(PARTS);

        hear(kin, LINEAGE_EXECUTED, CHILD, 0, 2);
        map(kin, CHILD, "/usr/bin/git", 3);
        live_and_end(kin, CHILD, ROOT, 100);
        hear(kin, LINEAGE_EXECUTED, GRANDCHILD, 0, 2);
        map(kin, GRANDCHILD, "/usr/lib/libpython3.11.so.1.0", 3);
        live_and_end(kin, GRANDCHILD, ROOT, 10);
        EXPECT(kin, 10, 0, 100);
        kin_free(kin);
}

Test(command_kin, a_python_that_becomes_something_else)
{
        struct kin *kin = family(PARTS);

        map(kin, CHILD, "/usr/bin/python3", 3);
        hear(kin, LINEAGE_EXECUTED, CHILD, 0, 4);
        live_and_end(kin, CHILD, ROOT, 100);
        EXPECT(kin, 0, 0, 100);
        kin_free(kin);
}

Test(command_kin, what_its_end_takes_is_in_its_parents_account)
{
        struct kin *kin = family(PARTS);

        live_and_end(kin, CHILD, ROOT, 100);
        children_ns[ROOT] = 108;
        EXPECT(kin, 108, 0, 0);
        EXPECT(kin, 0, 0, 0);
        kin_free(kin);
}

Test(command_kin, a_grandchilds_time_is_in_its_parents_account_too)
{
        struct kin *kin = family(PARTS);

        hear(kin, LINEAGE_BORN, CHILD, ROOT, 1);
        live_and_end(kin, GRANDCHILD, CHILD, 50);
        EXPECT(kin, 50, 0, 0);
        hear(kin, LINEAGE_ENDED, CHILD, 0, 9);
        use(kin, CHILD, 20);
        use(kin, CHILD, 0);
        children_ns[ROOT] = 70;
        EXPECT(kin, 20, 0, 0);
        kin_free(kin);
}

Test(command_kin, orphans_are_accounted_to_who_adopts_them)
{
        struct kin *kin = family(PARTS);
        const struct kin_begin ours = { .pid = OURS, .adopts = true };

        own_ns[OURS] = 1;
        kin_begin(kin, &ours);
        live_and_end(kin, GRANDCHILD, CHILD, 50); /* CHILD has ended before anything was known of it */
        children_ns[OURS] = 60;
        EXPECT(kin, 60, 0, 0);
        kin_free(kin);
}

Test(command_kin, what_was_before_does_not_count)
{
        struct kin *kin = family(PARTS);
        const struct kin_begin child = { .pid = CHILD, .parent = ROOT, .threads = 1, .own_ns = 500, .children_ns = 7 };

        children_ns[ROOT] = 40; /* of others */
        kin_begin(kin, &child);
        kin_complete(kin, &clocks);
        hear(kin, LINEAGE_ENDED, CHILD, 0, 9);
        use(kin, CHILD, 3);
        use(kin, CHILD, 0);
        children_ns[ROOT] = 40 + 510;
        EXPECT(kin, 0, 0, 3);
        kin_free(kin);
}

Test(command_kin, a_copy_that_no_tick_has_met_was_not_seen)
{
        struct kin *kin = kin_new(PARTS, true);
        const struct kin_begin root = { .pid = ROOT, .threads = 1, .python = true };

        memset(own_ns, 0, sizeof own_ns);
        kin_begin(kin, &root);
        kin_opened(kin, ROOT, 1);
        hear(kin, LINEAGE_BORN, CHILD, ROOT, 2);
        live_and_end(kin, GRANDCHILD, CHILD, 100);
        EXPECT(kin, 0, 100, 0);
        kin_free(kin);
}

Test(command_kin, a_copy_that_executes_another_interpreter_is_to_be_opened)
{
        struct kin *kin = kin_new(PARTS, true);
        const struct kin_begin root = { .pid = ROOT, .threads = 1, .python = true };

        memset(own_ns, 0, sizeof own_ns);
        kin_begin(kin, &root);
        kin_opened(kin, ROOT, 1);
        hear(kin, LINEAGE_EXECUTED, CHILD, 0, 3);
        map(kin, CHILD, "/usr/bin/python3.11", 4);
        live_and_end(kin, CHILD, ROOT, 100);
        EXPECT(kin, 100, 0, 0);
        kin_free(kin);
}

Test(command_kin, the_account_of_who_has_ended_is_not_held_against_children)
{
        struct kin *kin = family(PARTS);

        hear(kin, LINEAGE_BORN, CHILD, ROOT, 1);
        kin_opened(kin, CHILD, 2);
        hear(kin, LINEAGE_ENDED, CHILD, 0, 8);
        use(kin, CHILD, 99);
        use(kin, CHILD, 1);
        hear(kin, LINEAGE_ENDED, ROOT, 0, 9); /* a zombie whose second record has not come yet */
        use(kin, ROOT, 5);
        children_ns[ROOT] = 100;
        kin_booked(kin, CHILD, 100);
        kin_stopped(kin, CHILD);
        EXPECT(kin, 0, 0, 0);
        kin_free(kin);
}

Test(command_kin, those_that_live_count_in_the_end)
{
        struct kin *kin = family(PARTS);

        kin_opened(kin, ROOT, 1);
        hear(kin, LINEAGE_BORN, CHILD, ROOT, 1);
        own_ns[CHILD] = 30;
        EXPECT(kin, 0, 0, 0);
        cr_expect_eq(kin_take(kin, &clocks, true).unopened, 30);
        own_ns[CHILD] = 35;
        cr_expect_eq(kin_take(kin, &clocks, true).unopened, 5);
        kin_free(kin);
}

Test(command_kin, lost_records_are_made_up_for_by_accounts)
{
        struct kin *kin = family(PARTS);

        hear(kin, LINEAGE_BORN, CHILD, ROOT, 1);
        hear(kin, LINEAGE_LOST, 0, 0, 0);
        children_ns[ROOT] = 100;
        EXPECT(kin, 100, 0, 0);
        cr_expect(!kin_knows(kin, CHILD));
        kin_free(kin);
}

Test(command_kin, where_the_kernel_tells_nothing_accounts_do)
{
        struct kin *kin = family(0);
        struct kin_begin child = { .pid = CHILD, .parent = ROOT };

        own_ns[CHILD] = 20; /* met by looking: a program that is not Python */
        kin_begin(kin, &child);
        kin_look(kin, &clocks);
        own_ns[CHILD] = 0;
        children_ns[ROOT] = 20 + 70; /* and others, whom nobody has met */
        EXPECT(kin, 70, 0, 20);
        kin_free(kin);
}
