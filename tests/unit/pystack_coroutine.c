/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutines that are followed to what they await: right ones of each version, and forged ones. */
#include "tests/unit/pystack_names.h"
#include "tests/unit/pystack_tasks_forge.h"
#include "tests/unit/support/suite.h"

#include "pystack/tasks/label.h"

#include <string.h>

SUITE(pystack_coroutine);

/* System calls that a chain takes at most, however it is forged. */
#define READS_MAX 2000

static struct task_forge t;

static uint64_t coroutine(const char *name, uint64_t awaited)
{
        return task_forge_coroutine(&t, t.types.coroutine, forge_code(t.forge, name, "a.py", 1), FORGED_SUSPENDED,
                                    awaited);
}

/* Follows it, and makes frames of it. */
static int follow(uint64_t addr)
{
        task_forge_begin(&t);
        int e = coroutine_follow(t.reader, addr);

        return e == 0 ? coroutine_name_frames(t.reader) : e;
}

static void expect_frames(const char *const *names, size_t n)
{
        cr_assert_eq(t.reader->chain.n, n, "%s: %zu", t.forge->version->name, t.reader->chain.n);
        for (size_t i = 0; i < n; i++)
                cr_expect_str_eq(frame_name(&t.reader->frames[n - 1 - i]), names[i], "%s", t.forge->version->name);
}

static void expect_bounded(void)
{
        cr_expect_leq(t.forge->reads, READS_MAX, "%s: %u", t.forge->version->name, t.forge->reads);
        cr_expect_leq(t.reader->chain.n, PYSTACK_TASK_FRAMES_MAX);
}

Test(pystack_coroutine, is_followed_down_to_the_future_that_it_awaits)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t future = task_forge_future(&t), waiting = task_forge_step(&t, t.types.waiting, future);
                uint64_t ticks = task_forge_coroutine(&t, t.types.async_generator,
                                                      forge_code(t.forge, "ticks", "a.py", 1), FORGED_SUSPENDED,
                                                      waiting);
                uint64_t inner = coroutine("inner", task_forge_step(&t, t.types.step, ticks));
                cr_expect_eq(follow(coroutine("outer", inner)), 0, "%s", v->name);
                expect_frames((const char *const[]){ "outer", "inner", "ticks" }, 3);
                cr_expect_eq(t.reader->chain.awaited, future);
                cr_expect_eq(t.reader->chain.awaited_kind, KIND_FUTURE);
                cr_expect(t.reader->chain.begun && !t.reader->chain.runs && !t.reader->chain.truncated);
                cr_expect_eq(trail_confirm(&t.reader->trail), 0);
                task_forge_deinit(&t);
        }
}

Test(pystack_coroutine, that_has_not_begun_awaits_nothing)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t made = task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_NEW, 0);
                cr_expect_eq(follow(made), 0, "%s", v->name);
                expect_frames((const char *const[]){ "fetch" }, 1);
                cr_expect(!t.reader->chain.begun && !t.reader->chain.runs);
                cr_expect_eq(t.reader->chain.awaited, 0);
                task_forge_deinit(&t);
        }
}

Test(pystack_coroutine, that_runs_is_followed_no_further)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t inner = task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_RUNS, coroutine("x", 0));
                cr_expect_eq(follow(coroutine("outer", inner)), 0, "%s", v->name);
                expect_frames((const char *const[]){ "outer", "fetch" }, 2);
                cr_expect(t.reader->chain.runs);
                task_forge_deinit(&t);
        }
}

Test(pystack_coroutine, that_has_ended_has_no_frames)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t done = task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_DONE, coroutine("x", 0));
                cr_expect_eq(follow(done), PYSTACK_E_CORRUPT, "%s", v->name);
                task_forge_deinit(&t);
        }
}

/* A generator that yields looks the same up to 3.12: what is on top of its stack may be anything. */
Test(pystack_coroutine, behind_a_generator_is_followed_only_where_it_says_that_it_awaits)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t inner = coroutine("inner", t.threading.types.dict);
                uint64_t sleep = task_forge_coroutine(&t, t.types.generator, t.code, FORGED_SUSPENDED, inner);
                cr_expect_eq(follow(coroutine("outer", sleep)), 0, "%s", v->name);
                cr_expect_eq(t.reader->chain.n, v->version >= 0x030d0000 ? 3 : 2, "%s", v->name);
                task_forge_deinit(&t);
        }
}

/* ---- forged ones -------------------------------------------------------------------------------- */

Test(pystack_coroutine, that_awaits_itself_is_none)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t outer = coroutine("outer", t.types.other), inner = coroutine("inner", outer);
                task_forge_await(&t, inner, inner);
                cr_expect_eq(follow(inner), PYSTACK_E_CORRUPT, "%s", v->name);
                task_forge_await(&t, outer, inner);
                task_forge_await(&t, inner, outer);
                cr_expect_eq(follow(outer), PYSTACK_E_CORRUPT, "%s", v->name);
                expect_bounded();
                task_forge_deinit(&t);
        }
}

Test(pystack_coroutine, behind_an_awaitable_that_drives_itself_nothing_is_known)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t step = task_forge_step(&t, t.types.step, 0);
                forge_word(t.forge, step + layout_head(t.layout), step);
                cr_expect_eq(follow(coroutine("outer", step)), 0, "%s", v->name);
                expect_frames((const char *const[]){ "outer" }, 1);
                cr_expect(t.reader->chain.truncated);
                expect_bounded();
                cr_expect_eq(follow(step), PYSTACK_E_CORRUPT, "%s", v->name);
                expect_bounded();
                task_forge_deinit(&t);
        }
}

Test(pystack_coroutine, a_million_in_a_row_are_cut)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                if (t.layout->coroutine.await == AWAIT_INDEX) { /* else they have pointers to their own stacks */
                        memcpy(t.endless, forge_at(t.forge, coroutine("one", t.types.other)), ENDLESS_APART);
                        t.endless_awaits = t.layout->coroutine.frame + t.layout->coroutine.slots + 16;
                        t.endless_of = 1000000;
                        cr_expect_eq(follow(ENDLESS), 0, "%s", v->name);
                        cr_expect_eq(t.reader->chain.n, PYSTACK_TASK_FRAMES_MAX);
                        cr_expect(t.reader->chain.truncated);
                        expect_bounded();
                }
                task_forge_deinit(&t);
        }
}

/* As many as fit into the forged memory, of every version. */
Test(pystack_coroutine, a_long_row_is_cut)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t inner = 0, future = task_forge_future(&t);
                for (unsigned i = 0; i < PYSTACK_TASK_FRAMES_MAX; i++)
                        inner = task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_SUSPENDED,
                                                     inner ? inner : future);
                cr_expect_eq(follow(inner), 0, "%s", v->name);
                cr_expect_eq(t.reader->chain.n, PYSTACK_TASK_FRAMES_MAX);
                cr_expect(!t.reader->chain.truncated);
                for (unsigned i = 0; i < 4000; i++)
                        inner = task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_SUSPENDED, inner);
                cr_expect_eq(follow(inner), 0, "%s", v->name);
                cr_expect_eq(t.reader->chain.n, PYSTACK_TASK_FRAMES_MAX);
                cr_expect(t.reader->chain.truncated);
                expect_bounded();
                task_forge_deinit(&t);
        }
}

/* Code pointers that lead to no code object: nowhere, to another object, to a label, to an address with a tag. */
Test(pystack_coroutine, with_an_odd_code_pointer_has_no_frame)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                const struct pystack_code *label;
                cr_assert_eq(label_get(t.py, "task x", NULL, NULL, &label), 0);
                const uint64_t odd[] = { 0,
                                         8,
                                         UINT64_MAX - 7,
                                         FORGE_BASE + FORGE_SIZE - 8,
                                         t.types.task,
                                         t.code + 8,
                                         (uint64_t)1 << 63,
                                         ((const struct code_entry *)label)->addr };
                uint64_t bad = coroutine("bad", t.types.other), outer = coroutine("outer", bad);
                for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
                        task_forge_recode(&t, bad, odd[i]);
                        cr_expect_eq(follow(outer), PYSTACK_E_CORRUPT, "%s: %zu", v->name, i);
                }
                task_forge_deinit(&t);
        }
}

/* Whatever stands in its fields, reading ends soon, and with an error or with frames of the program. */
Test(pystack_coroutine, with_any_word_forged_is_bounded)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t inner = coroutine("inner", task_forge_step(&t, t.types.waiting, task_forge_future(&t)));
                uint64_t outer = coroutine("outer", inner);
                const uint64_t places[] = { outer, inner, task_forge_frame(&t, outer), task_forge_frame(&t, inner) };
                const uint64_t values[] = { 0, 1, UINT64_MAX, outer, inner, t.types.other, t.code, (uint64_t)1 << 40 };
                for (size_t i = 0; i < 4 * 24 * 8; i++) {
                        uint64_t at = places[i % 4] + 8 * (i / 4 % 24), before = word_at(forge_at(t.forge, at), 0);
                        forge_word(t.forge, at, values[i / 96]);
                        int e = follow(outer);
                        expect_bounded();
                        cr_expect(e >= 0 && e != PYSTACK_E_GONE, "%s: %d", v->name, e);
                        for (size_t j = 0; e == 0 && j < t.reader->chain.n; j++) {
                                const char *name = frame_name(&t.reader->frames[j]);
                                cr_expect(strcmp(name, "outer") == 0 || strcmp(name, "inner") == 0 ||
                                                  strcmp(name, "fetch") == 0,
                                          "%s: %s", v->name, name);
                        }
                        forge_word(t.forge, at, before);
                }
                task_forge_deinit(&t);
        }
}
