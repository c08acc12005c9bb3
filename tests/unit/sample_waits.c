/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of reasons, and the leaf frames that they become. */
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include "agent/sample/internal.h"
#include "pystack/internal.h"

#include <string.h>
#include <sys/socket.h>

SUITE(sample_waits);

static struct reason io_of(enum nsutil_wait_thing thing, uint64_t inode)
{
        return (struct reason){ .kind = REASON_IO,
                                .wait = { .kind = NSUTIL_WAIT_IO, .act = NSUTIL_ACT_READ, .thing = thing },
                                .has_detail = true,
                                .detail = { .thing = thing, .inode = inode, .fd = 3 } };
}

/* The name of the leaf frame that @reason becomes below a stack of one frame of @file. "": the sample is left out. */
static const char *leaf_of(struct waits_rule *rule, uint32_t mark, const char *function, const char *file)
{
        static char name[REASON_SIZE + 32];
        struct profile *p = profile_new();
        profile_id frame = interned_frame(p, interned_function(p, function, file, 1), 1), leaf;
        profile_id stack = interned_stack(p, &frame, 1);

        *name = '\0';
        if (waits_leaf(rule, p, stack, mark, &leaf)) {
                const struct profile_function *f = profile_function(p, profile_frame(p, leaf)->function);
                cr_expect_str_eq(f->file, "");
                snprintf(name, sizeof name, "%s", f->name);
        }
        profile_free(p);
        return name;
}

Test(sample_waits, the_kind_is_read_back_from_the_frame)
{
        struct waits waits = { 0 };
        struct waits_rule rule = { .waits = &waits, .privacy = REASON_ALL };

        for (unsigned kind = 0; kind < REASON_KINDS; kind++) {
                struct reason reason = { .kind = kind };
                if (kind == REASON_RUNNING)
                        continue;
                if (kind == REASON_IO)
                        reason = io_of(NSUTIL_THING_PIPE, 0);
                if (kind == REASON_LOCK || kind == REASON_GIL)
                        reason.wait.kind = NSUTIL_WAIT_FUTEX;
                const char *name = leaf_of(&rule, waits_mark(&waits, &reason), "f", "/app/x.py");
                const char *read = profile_reason_kind(name, "");
                cr_expect(read && strcmp(read, reason_word(kind)) == 0, "%s", name);
                cr_expect_null(profile_reason_kind(name, "/app/x.py"), "a function of a file is none");
        }
        waits_deinit(&waits);
}

/* In mode cpu marks may be opcodes. One of 3.11 has the number 187, and no name. */
Test(sample_waits, opcodes_are_leaves)
{
        struct waits waits = { 0 };
        static struct pystack py = { .runtime.layout.version = 0x030b };
        struct waits_rule rule = { .waits = &waits, .opcodes_of = &py };
        static const struct {
                uint32_t mark;
                const char *name;
        } leaves[] = {
                { PYSTACK_OPCODE_UNKNOWN, "[opcode: unknown]" },
                { PYSTACK_OPCODE_FIRST + 5, "[opcode: BINARY_OP_ADD_INT]" },
                { PYSTACK_OPCODE_FIRST + 187, "[opcode: 187]" },
                { PYSTACK_OPCODE_FIRST + 256, "[opcode: unknown]" },
        };

        for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
                const char *name = leaf_of(&rule, leaves[i].mark, "f", "/app/x.py");
                cr_expect_str_eq(name, leaves[i].name);
                cr_expect(profile_is_opcode(name, ""));
                cr_expect_null(profile_reason_kind(name, ""));
        }
}

/* Each word that a stack may give a lock. */
Test(sample_waits, locks_are_locks)
{
        static const char *const names[] = { "[waits: queue]",          "[waits: event]",  "[waits: condition]",
                                             "[waits: barrier]",        "[waits: thread]", "[waits: semaphore]",
                                             "[waits: future]",         "[waits: lock]",   "[waits for work: queue]",
                                             "[waits: lock on file /x]" };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                cr_expect_str_eq(profile_reason_kind(names[i], ""), "lock", "%s", names[i]);
        cr_expect_str_eq(profile_reason_kind("[waits: lock or GIL]", ""), "unknown");
        cr_expect_str_eq(profile_reason_kind("[waits: socket 10.0.0.7:5432]", ""), "io");
        cr_expect_null(profile_reason_kind("[waits: x", ""));
        cr_expect_null(profile_reason_kind("[other]", ""));
        cr_expect_null(profile_reason_kind("", ""));
        cr_expect_null(profile_reason_kind("(idle)", ""));
}

Test(sample_waits, equal_reasons_have_one_mark)
{
        struct waits waits = { 0 };
        struct reason few = io_of(NSUTIL_THING_MANY, 0), many = few, socket = io_of(NSUTIL_THING_SOCKET, 7),
                      other = io_of(NSUTIL_THING_SOCKET, 8);

        few.detail.descriptors = 2;
        many.detail.descriptors = 3;
        uint32_t first = waits_mark(&waits, &socket);
        cr_expect_gt(first, 0);
        cr_expect_eq(waits_mark(&waits, &socket), first);
        cr_expect_neq(waits_mark(&waits, &other), first);
        cr_expect_eq(waits_mark(&waits, &few), waits_mark(&waits, &many));
        cr_expect_eq(waits.nameless, 2);
        waits_deinit(&waits);
}

/* A program may wait for a new socket at every tick. */
Test(sample_waits, are_bounded)
{
        struct waits waits = { 0 };
        struct waits_rule rule = { .waits = &waits, .privacy = REASON_ALL };
        uint32_t mark = 0;

        for (uint64_t i = 0; i < 10 * WAITS_MAX; i++) {
                struct reason reason = io_of(NSUTIL_THING_SOCKET, i + 1);
                mark = waits_mark(&waits, &reason);
                cr_assert_gt(mark, 0);
        }
        cr_expect_eq(waits.n, WAITS_MAX + 1, "%zu", waits.n);
        cr_expect_str_eq(leaf_of(&rule, mark, "f", "/app/x.py"), "[waits: socket]");
        cr_expect_lt(waits_bytes(&waits), (size_t)4 << 20);
        waits_deinit(&waits);
}

Test(sample_waits, who_waits_for_work_may_be_left_out)
{
        struct waits waits = { 0 };
        const char *worker = "/usr/lib/python3.11/concurrent/futures/thread.py";
        struct reason lock = { .kind = REASON_LOCK, .wait.kind = NSUTIL_WAIT_FUTEX };
        uint32_t mark = waits_mark(&waits, &lock);
        struct waits_rule rule = { .waits = &waits, .privacy = REASON_ALL };

        cr_expect_str_eq(leaf_of(&rule, mark, "_worker", worker), "[waits for work: lock]");
        cr_expect_str_eq(leaf_of(&rule, mark, "f", "/app/x.py"), "[waits: lock]");
        rule.no_idle_workers = true;
        cr_expect_str_eq(leaf_of(&rule, mark, "_worker", worker), "");
        cr_expect_str_eq(leaf_of(&rule, mark, "f", "/app/x.py"), "[waits: lock]");
        waits_deinit(&waits);
}
