/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that begin at their task: in forged memory of each version, right or not changed at all. */
#include "tests/unit/pystack_names.h"
#include "tests/unit/pystack_tasks_forge.h"
#include "tests/unit/support/suite.h"

#include "pystack/tasks/running.h"

#include <stdio.h>
#include <string.h>

SUITE(pystack_tasks_running);

/* run_forever calls the coroutine "fetch" of the task "inner", which calls parse. */
static struct scene {
        struct task_forge t;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        uint64_t loop, coroutine, frame, inner;
} s;

static uint64_t code(const char *name)
{
        return forge_code(s.t.forge, name, "a.py", 1);
}

static uint64_t new_task(uint64_t coroutine, const char *name)
{
        return task_forge_task(&s.t, coroutine, threading_string(&s.t.threading, name));
}

static uint64_t waits(const char *name, uint64_t awaited)
{
        return task_forge_coroutine(&s.t, s.t.types.coroutine, code(name), FORGED_SUSPENDED, awaited);
}

/* _current_tasks has the running task of each loop, up to 3.13; then the thread state has it. */
static void set_current(const uint64_t *tasks, size_t n)
{
        struct forged_item items[20];

        if (s.t.places->offsets.running != LAYOUT_NONE) {
                forge_word(s.t.forge, s.t.forge->tstate + TASKS_RUNNING, n > 0 ? tasks[0] : 0);
                return;
        }
        for (size_t i = 0; i < n; i++)
                items[i] = (struct forged_item){ i + 1, s.t.types.other + 16 * i, tasks[i] };
        s.t.places->modules[0].current = threading_dict(&s.t.threading, items, n, false);
}

/* A coroutine whose frame is the one at @frame. */
static uint64_t coroutine_of(uint64_t frame)
{
        const struct layout *l = s.t.layout;
        uint64_t addr = frame - l->coroutine.frame;

        if (l->coroutine.state != LAYOUT_NONE) {
                *forge_at(s.t.forge, addr + l->coroutine.state) = (uint8_t)(l->version >= 0x030f ? 4 : 0);
        } else {
                addr = threading_object(&s.t.threading, s.t.types.coroutine, 128);
                forge_word(s.t.forge, addr + l->coroutine.frame, frame);
        }
        forge_word(s.t.forge, addr + l->object_type, s.t.types.coroutine);
        return addr;
}

static void open_scene(const char *version)
{
        task_forge_init(&s.t, version);
        struct forge *f = s.t.forge;
        bool shims = s.t.layout->frame.entry == LAYOUT_NONE && s.t.layout->frame.owner != LAYOUT_NONE;

        s.thread = forge_thread(f, s.t.py);
        s.loop = forge_frame(f, code("run_forever"), forge_frame(f, code("main"), 0));
        uint64_t caller = shims ? forge_frame_elsewhere(f, 0, s.loop, LAYOUT_OWNER_SHIM) : s.loop;
        forge_alloc(f, 512); /* the coroutine, whose frame is behind its fields */
        s.frame = forge_frame_elsewhere(f, code("fetch"), caller, LAYOUT_OWNER_GENERATOR);
        if (s.t.layout->frame.entry != LAYOUT_NONE)
                *forge_at(f, s.frame + s.t.layout->frame.entry) = 1;
        s.coroutine = coroutine_of(s.frame);
        s.inner = new_task(s.coroutine, "inner");
        set_current(&s.inner, 1);
        forge_run(f, forge_frame(f, code("parse"), s.frame));
        pystack_tasks_want(s.t.py, PYSTACK_TASKS_BY_NAME);
}

static void close_scene(void)
{
        pystack_thread_close(s.thread);
        task_forge_deinit(&s.t);
}

/* 3.11 has all forged frames in one loop, where C cannot call a coroutine. */
static bool can_be_forged(const struct forge_version *v)
{
        return v->version >> 16 != 0x030b;
}

#define EACH_SCENE(v)        \
        EACH_TASK_VERSION(v) \
        if (can_be_forged(v))

static void expect_stack(const char *const *names, size_t n)
{
        char found[512] = "";

        cr_assert_eq(pystack_sample(s.t.py, s.thread, 3, &s.stack), 0, "%s", s.t.forge->version->name);
        for (size_t i = 0; i < s.stack.n; i++)
                snprintf(found + strlen(found), sizeof found - strlen(found), "%s;",
                         frame_name(&s.stack.frames[s.stack.n - 1 - i]));
        cr_expect_eq(s.stack.n, n, "%s: %s", s.t.forge->version->name, found);
        for (size_t i = 0; i < n && i < s.stack.n; i++)
                cr_expect_str_eq(frame_name(&s.stack.frames[s.stack.n - 1 - i]), names[i], "%s: %s",
                                 s.t.forge->version->name, found);
}
#define EXPECT_STACK(...)                                  \
        expect_stack((const char *const[]){ __VA_ARGS__ }, \
                     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

#define UNCHANGED "main", "run_forever", "fetch", "parse"

Test(pystack_tasks_running, a_stack_begins_at_its_task)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                EXPECT_STACK("task inner", "fetch", "parse");
                EXPECT_STACK("task inner", "fetch", "parse");
                pystack_tasks_want(s.t.py, PYSTACK_TASKS_BY_CODE);
                EXPECT_STACK("task fetch", "fetch", "parse");
                pystack_tasks_want(s.t.py, PYSTACK_TASKS_OFF);
                EXPECT_STACK(UNCHANGED);
                cr_expect_eq(pystack_tasks_unread(s.t.py), 0, "%s", v->name);
                close_scene();
        }
}

Test(pystack_tasks_running, what_was_let_go_is_read_again)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                EXPECT_STACK("task inner", "fetch", "parse");
                pystack_trim(s.t.py);
                EXPECT_STACK("task inner", "fetch", "parse");
                forge_word(s.t.forge, s.inner + s.t.places->offsets.name, threading_string(&s.t.threading, "renamed"));
                EXPECT_STACK("task renamed", "fetch", "parse");
                close_scene();
        }
}

Test(pystack_tasks_running, the_tasks_that_await_it_stand_outside)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                uint64_t middle = new_task(waits("serve", waits("get", s.inner)), "middle");
                uint64_t outer = new_task(waits("boot", middle), "outer");
                task_forge_awaiter(&s.t, s.inner, middle);
                task_forge_awaiter(&s.t, middle, outer);
                EXPECT_STACK("task outer", "boot", "task middle", "serve", "get", "task inner", "fetch", "parse");
                cr_expect_eq(pystack_tasks_unread(s.t.py), 0, "%s", v->name);
                close_scene();
        }
}

/* ---- no task ---------------------------------------------------------------------------------------- */

Test(pystack_tasks_running, a_task_that_another_thread_runs_is_not_this_one)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                uint64_t other = new_task(waits("other", s.t.types.other), "other");
                set_current(&other, 1);
                EXPECT_STACK(UNCHANGED);
                set_current(NULL, 0);
                EXPECT_STACK(UNCHANGED);
                const uint64_t both[] = { other, s.inner };
                set_current(both, 2);
                if (s.t.places->offsets.running == LAYOUT_NONE)
                        EXPECT_STACK("task inner", "fetch", "parse");
                close_scene();
        }
}

/* What is there in the place of the running task. */
Test(pystack_tasks_running, what_is_no_task_changes_nothing)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                const uint64_t values[] = { 8,
                                            UINT64_MAX,
                                            s.coroutine,
                                            s.t.types.task,
                                            FORGE_BASE + FORGE_SIZE - 8,
                                            new_task(0, "none"),
                                            new_task(8, "nowhere"),
                                            new_task(s.inner, "task") };
                for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                        set_current(&values[i], 1);
                        EXPECT_STACK(UNCHANGED);
                }
                close_scene();
        }
}

/* The stack is as it was, and it is counted. */
Test(pystack_tasks_running, a_name_that_cannot_be_read_changes_nothing)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                forge_word(s.t.forge, s.inner + s.t.places->offsets.name, 8);
                EXPECT_STACK(UNCHANGED);
                cr_expect_eq(pystack_tasks_unread(s.t.py), 1, "%s", v->name);
                pystack_tasks_want(s.t.py, PYSTACK_TASKS_BY_CODE);
                EXPECT_STACK("task fetch", "fetch", "parse");
                close_scene();
        }
}

Test(pystack_tasks_running, where_tasks_are_not_known_it_is_said)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                tasks_free(s.t.py);
                cr_expect(!pystack_tasks_are_stale(s.t.py));
                EXPECT_STACK(UNCHANGED);
                cr_expect(pystack_tasks_are_stale(s.t.py), "%s", v->name);
                close_scene();
        }
}

/* ---- forged awaiters --------------------------------------------------------------------------------- */

Test(pystack_tasks_running, tasks_that_await_each_other_are_marked)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                uint64_t outer = new_task(waits("boot", s.inner), "outer");
                task_forge_awaiter(&s.t, s.inner, outer);
                task_forge_awaiter(&s.t, outer, s.inner);
                EXPECT_STACK(PYSTACK_TASK_CYCLE, "task outer", "boot", "task inner", "fetch", "parse");
                task_forge_awaiter(&s.t, s.inner, s.inner);
                EXPECT_STACK(PYSTACK_TASK_CYCLE, "task inner", "fetch", "parse");
                close_scene();
        }
}

Test(pystack_tasks_running, a_row_of_awaiters_without_end_is_cut)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                uint64_t inner = s.inner;
                for (size_t i = 0; i < 200; i++) {
                        uint64_t outer = new_task(waits("boot", inner), "outer");
                        task_forge_awaiter(&s.t, inner, outer);
                        inner = outer;
                }
                cr_assert_eq(pystack_sample(s.t.py, s.thread, 3, &s.stack), 0, "%s", v->name);
                cr_expect_str_eq(frame_name(&s.stack.frames[s.stack.n - 1]), PYSTACK_TASK_SEVERAL, "%s", v->name);
                cr_expect_eq(s.stack.n, 3 + 63 * 2 + 1, "%s: %zu", v->name, s.stack.n);
                close_scene();
        }
}

Test(pystack_tasks_running, an_awaiter_that_cannot_be_read_changes_nothing)
{
        EACH_SCENE(v)
        {
                open_scene(v->name);
                uint64_t outer = new_task(waits("boot", s.inner), "outer");
                task_forge_awaiter(&s.t, s.inner, outer);
                forge_word(s.t.forge, outer + s.t.places->offsets.coro, 8);
                EXPECT_STACK(UNCHANGED);
                cr_expect_eq(pystack_tasks_unread(s.t.py), 1, "%s", v->name);
                close_scene();
        }
}

/* ---- while it changes -------------------------------------------------------------------------------- */

static uint64_t changed_at, changed_to;
static unsigned change_in;

static void change(struct forge *forge, size_t span, size_t n)
{
        (void)n;
        if (span == 0 && change_in > 0 && --change_in == 0)
                forge_word(forge, changed_at, changed_to);
}

/* The thread runs on, and another task: at any moment of reading. A stack is of the one or of the other. */
Test(pystack_tasks_running, a_task_that_ends_meanwhile_leads_to_no_wrong_stack)
{
        EACH_SCENE(v)
        for (unsigned when = 1; when < 40; when++) {
                open_scene(v->name);
                uint64_t outer = new_task(waits("boot", s.inner), "outer"),
                         other = new_task(waits("x", s.inner), "other");
                task_forge_awaiter(&s.t, s.inner, outer);
                if (s.t.places->offsets.awaited_by == LAYOUT_NONE) {
                        changed_at = s.inner + s.t.places->offsets.callback;
                        changed_to = 0;
                } else {
                        changed_at = s.inner + s.t.places->offsets.awaited_by;
                        changed_to = other;
                }
                change_in = when;
                s.t.forge->between = change;
                cr_assert_eq(pystack_sample(s.t.py, s.thread, 3, &s.stack), 0, "%s: %u", v->name, when);
                const char *root = frame_name(&s.stack.frames[s.stack.n - 1]);
                cr_expect(strcmp(root, "task outer") == 0 || strcmp(root, "task other") == 0 ||
                                  strcmp(root, "task inner") == 0 || strcmp(root, "main") == 0,
                          "%s: %u: %s", v->name, when, root);
                if (strcmp(root, "task outer") == 0)
                        cr_expect_str_eq(frame_name(&s.stack.frames[s.stack.n - 2]), "boot");
                if (strcmp(root, "task other") == 0)
                        cr_expect_str_eq(frame_name(&s.stack.frames[s.stack.n - 2]), "x");
                close_scene();
        }
}
