/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that are put off: provisional stacks are true if and only if settling says so. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <errno.h>

SUITE(pystack_proof);

/* More samples than it takes until proofs may wait. */
#define LONG 100

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        uint64_t leaf; /* code object */
};

/* A thread that has stood in one stack for so long that proofs wait, where they may. */
static void begin(struct world *w, const struct forge_version *version)
{
        forge_init(&w->forge, version);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        w->leaf = forge_code(&w->forge, "leaf", "a.py", 7);
        uint64_t outer = forge_frame(&w->forge, forge_code(&w->forge, "outer", "a.py", 3), 0);
        forge_run(&w->forge, forge_frame(&w->forge, w->leaf, outer));
        pystack_defer(w->py, true);
        for (int i = 0; i < LONG; i++)
                cr_assert_eq(pystack_sample(w->py, w->thread, 1, &w->stack), 0, "%s", version->name);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

static bool waits(const struct forge_version *v)
{
        return v->version >= 0x030c0000 && v->version < 0x030e0000;
}

static void sample(struct world *w)
{
        cr_assert_eq(pystack_sample(w->py, w->thread, 1, &w->stack), 0);
}

Test(pystack_proof, only_what_is_unique_waits_and_only_if_allowed)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                cr_expect_eq(w.stack.provisional, waits(v), "%s", v->name);
                cr_expect_eq(pystack_validate(w.py), 0, "%s", v->name);
                pystack_defer(w.py, false);
                sample(&w);
                cr_expect_not(w.stack.provisional, "%s", v->name);
                end(&w);
        }
}

Test(pystack_proof, many_stacks_are_validated_by_one_read)
{
        EACH_VERSION(v)
        {
                if (!waits(v))
                        continue;
                struct world w;
                begin(&w, v);
                cr_assert_eq(pystack_validate(w.py), 0);
                w.forge.reads = 0;
                cr_expect_eq(pystack_validate(w.py), 0, "nothing is deferred");
                cr_expect_eq(w.forge.reads, 0);
                for (int i = 0; i < 20; i++) {
                        sample(&w);
                        cr_expect(w.stack.provisional);
                }
                cr_expect_eq(pystack_validate(w.py), 0);
                cr_expect_eq(w.forge.reads, 21);
                end(&w);
        }
}

Test(pystack_proof, a_code_object_freed_before_or_after_a_sample_fails_it)
{
        EACH_VERSION(v)
        {
                if (!waits(v))
                        continue;
                for (int after = 0; after < 2; after++) {
                        struct world w;
                        begin(&w, v);
                        cr_assert_eq(pystack_validate(w.py), 0);
                        if (after)
                                sample(&w);
                        forge_recode(&w.forge, w.leaf, "other", "b.py", 1);
                        if (!after)
                                sample(&w);
                        cr_expect_eq(pystack_validate(w.py), PYSTACK_E_TORN, "%s", v->name);
                        sample(&w);
                        cr_expect_not(w.stack.provisional && pystack_validate(w.py) != 0);
                        cr_expect_str_eq(frame_name(&w.stack.frames[0]), "other");
                        cr_expect_str_eq(frame_name(&w.stack.frames[1]), "outer");
                        end(&w);
                }
        }
}

/* The same function, made again where it was: in between there was another one. */
Test(pystack_proof, a_code_object_that_came_back_is_not_the_same)
{
        EACH_VERSION(v)
        {
                if (!waits(v))
                        continue;
                struct world w;
                begin(&w, v);
                forge_recode(&w.forge, w.leaf, "other", "b.py", 1);
                sample(&w);
                forge_recode(&w.forge, w.leaf, "leaf", "a.py", 7);
                cr_expect_eq(pystack_validate(w.py), PYSTACK_E_TORN, "%s", v->name);
                end(&w);
        }
}

/* How many samples it takes until the leaf's proofs wait. */
static unsigned until_provisional(struct world *w)
{
        unsigned n = 0;

        do
                sample(w);
        while (++n < 4 * LONG && !w->stack.provisional);
        cr_assert(w->stack.provisional);
        return n;
}

Test(pystack_proof, where_code_objects_are_freed_they_wait_later_and_later)
{
        EACH_VERSION(v)
        {
                if (!waits(v))
                        continue;
                struct world w;
                unsigned last = 0;
                begin(&w, v);
                for (int i = 0; i < 4; i++) {
                        uint64_t code = forge_code(&w.forge, "short", "lived.py", 1);
                        forge_run(&w.forge, forge_frame(&w.forge, code, 0));
                        unsigned n = until_provisional(&w);
                        cr_expect(n > last + last / 2, "%s: %u after %u", v->name, n, last);
                        last = n;
                        forge_recode(&w.forge, code, "next", "one.py", 1);
                        cr_expect_eq(pystack_validate(w.py), PYSTACK_E_TORN);
                }
                end(&w);
        }
}

/* It is freed when it has been run, and always in use until then. */
Test(pystack_proof, a_module_never_waits)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                pystack_validate(w.py);
                forge_run(&w.forge, forge_frame(&w.forge, forge_code(&w.forge, "<module>", "m.py", 1), 0));
                for (int i = 0; i < LONG; i++) {
                        sample(&w);
                        cr_assert_not(w.stack.provisional, "%s", v->name);
                }
                end(&w);
        }
}

/* Noticed by a sample that read the proof, since the code object was on a stack where it did not wait. */
Test(pystack_proof, what_is_noticed_before_settling_fails_too)
{
        EACH_VERSION(v)
        {
                if (!waits(v))
                        continue;
                struct world w;
                begin(&w, v);
                cr_assert(w.stack.provisional);
                pystack_defer(w.py, false);
                forge_recode(&w.forge, w.leaf, "other", "b.py", 1);
                sample(&w);
                cr_expect_str_eq(frame_name(&w.stack.frames[0]), "other");
                cr_expect_eq(pystack_validate(w.py), PYSTACK_E_TORN, "%s", v->name);
                end(&w);
        }
}

/* Memory of a freed code object may not be there any more. */
static ssize_t read_nothing(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        (void)buf;
        (void)remote;
        (void)n;
        return *(const ssize_t *)ctx;
}

Test(pystack_proof, unreadable_proofs_fail)
{
        static const struct {
                ssize_t read;
                int error;
        } cases[] = { { -EFAULT, PYSTACK_E_TORN }, { -ESRCH, PYSTACK_E_GONE }, { 3, PYSTACK_E_TORN } };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct world w;
                ssize_t got = cases[i].read;
                begin(&w, forge_version("3.13"));
                struct pystack_memory remote = w.py->memory;
                w.py->memory = (struct pystack_memory){ .read = read_nothing, .ctx = &got };
                cr_expect_eq(pystack_validate(w.py), cases[i].error);
                w.py->memory = remote;
                sample(&w);
                cr_expect_eq(pystack_validate(w.py), 0);
                end(&w);
        }
}
