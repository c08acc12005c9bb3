/* SPDX-License-Identifier: Apache-2.0 */
/* Lists all tasks of a process: first where they are, then each by itself. */
#include "chain.h"
#include "collect.h"
#include "label.h"
#include "running.h"
#include "state.h"

#include "pystack/memory/effort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often a task is read that changes meanwhile. */
#define TRIES 3

/* Bytes of the name of a type that are told, NUL included. */
#define TYPE_NAME_BYTES 64

/* Tasks that are read between two looks at the clock. */
#define TASKS_PER_CLOCK 64

struct listing {
        struct task_reader *reader;
        bool chains;
        struct pystack_frame frames[PYSTACK_MAX_FRAMES]; /* with @chains */
        struct pystack_task task;
        struct pystack_text text;
        uint64_t what_type; /* the type whose name is in @what; 0: none */
        char what[4 * TYPE_NAME_BYTES];
};

/* The last part of a type's name: tp_name has the module before it if the type is of C. */
static void name_awaited(struct listing *l)
{
        const struct layout *layout = &l->reader->py->runtime.layout;
        char name[TYPE_NAME_BYTES] = "";
        uint64_t type = 0, at;

        l->task.what = l->what;
        if (l->task.awaited && trail_word(&l->reader->trail, l->task.awaited + layout->object_type, &type) == 0 &&
            type == l->what_type)
                return;
        l->what[0] = '\0';
        l->what_type = type;
        if (!type || remote_read_word(&l->reader->py->memory, type + layout->names.type_name, &at) != 0 ||
            remote_read(&l->reader->py->memory, at, name, sizeof name - 1) != 0)
                return;
        const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
        pystack_escape(last, strlen(last), l->what, sizeof l->what);
}

static enum pystack_task_awaits awaits_what(const struct coroutine_chain *chain)
{
        if (!chain->awaited)
                return PYSTACK_AWAITS_NOTHING;
        return chain->awaited_kind == KIND_TASK     ? PYSTACK_AWAITS_TASK
               : chain->awaited_kind == KIND_FUTURE ? PYSTACK_AWAITS_FUTURE
                                                    : PYSTACK_AWAITS_OTHER;
}

static void fill_task(struct listing *l, const struct task_object *object, uint64_t tstate)
{
        const struct coroutine_chain *chain = &l->reader->chain;

        l->task = (struct pystack_task){
                .address = object->address,
                .tstate = tstate,
                .state = chain->runs     ? PYSTACK_TASK_RUNS
                         : !chain->begun ? PYSTACK_TASK_NEW
                                         : PYSTACK_TASK_SUSPENDED,
                .frames = l->reader->frames,
                .n = chain->n,
                .truncated = chain->truncated,
                .awaits = awaits_what(chain),
                .awaited = chain->awaited,
                .n_awaiters = object->n_awaiters,
                .more_awaiters = object->more_awaiters,
        };
        memcpy(l->task.awaiters, object->awaiters, sizeof object->awaiters);
        name_awaited(l);
}

static int read_task_name(struct listing *l, const struct task_object *object)
{
        const struct pystack_code *label;
        int e = tasks_label(l->reader, object, &label);

        if (e != 0)
                return e;
        pystack_text(label, &l->text);
        l->task.name = l->text.name + strlen(PYSTACK_TASK_PREFIX);
        return 0;
}

/* It is compared when the trail is confirmed: as long as it stays, code objects need no proof. */
static void read_generation_of(struct task_reader *r)
{
        const struct layout *l = &r->py->runtime.layout;

        r->interp = r->places->modules[0].interp;
        r->generation = 0;
        if (r->places->n == 1 && l->interp.code_generation != LAYOUT_NONE &&
            trail_word(&r->trail, r->interp + l->interp.code_generation, &r->generation) != 0)
                r->generation = 0;
}

/* The task's own frames are copied first: reading those outside changes the reader's. */
static int add_chain(struct listing *l, struct task_object *object)
{
        struct task_stack stack = { .reader = l->reader, .frames = l->frames, .n = l->task.n };

        memcpy(l->frames, l->reader->frames, l->task.n * sizeof *l->frames);
        l->task.frames = l->task.stack = l->frames;
        int e = task_stack_add(&stack, object, &l->frames[l->task.n - 1]);
        if (e == 0)
                e = task_stack_add_awaiters(&stack, object);
        l->task.stack_n = stack.n;
        return e;
}

static int read_task_once(struct listing *l, const struct task_address *at)
{
        struct task_object object;

        trail_begin(&l->reader->trail, &l->reader->py->memory);
        read_generation_of(l->reader);
        int e = task_read(l->reader, at->task, !l->chains, &object);
        if (e == 0)
                e = coroutine_follow(l->reader, object.coroutine);
        if (e == 0)
                e = coroutine_name_frames(l->reader);
        if (e == 0)
                fill_task(l, &object, at->tstate);
        if (e == 0)
                e = read_task_name(l, &object);
        if (e == 0 && l->chains)
                e = add_chain(l, &object);
        return e == 0 ? trail_confirm(&l->reader->trail) : e;
}

static bool may_be_tried_again(int e)
{
        return e == PYSTACK_E_TORN || e == PYSTACK_E_CORRUPT || e == PYSTACK_E_COSTLY;
}

static int list_each(struct listing *l, const struct task_addresses *addresses, uint64_t end_ns, pystack_task_fn each,
                     void *ctx, struct pystack_tasks_seen *seen)
{
        bool more = true;

        for (size_t i = 0; more && i < addresses->n; i++) {
                int e = PYSTACK_E_TORN;
                if (i % TASKS_PER_CLOCK == 0 && end_ns && effort_cpu_ns() > end_ns)
                        return PYSTACK_E_COSTLY;
                code_cache_sweep(&l->reader->py->codes);
                for (unsigned j = 0; may_be_tried_again(e) && j < TRIES; j++)
                        e = read_task_once(l, &addresses->items[i]);
                if (e != 0 && !may_be_tried_again(e))
                        return e;
                seen->unread += e != 0;
                seen->told += e == 0;
                more = e != 0 || each(ctx, &l->task);
        }
        return 0;
}

int pystack_tasks(struct pystack *py, uint64_t cpu_ns, bool chains, pystack_task_fn each, void *ctx,
                  struct pystack_tasks_seen *ret)
{
        struct task_addresses addresses = { 0 };
        struct listing *l;

        *ret = (struct pystack_tasks_seen){ 0 };
        if (!py->tasks.state)
                return PYSTACK_E_NOT_READY;
        l = calloc(1, sizeof *l);
        if (!l || !(l->reader = tasks_reader(py))) {
                free(l);
                return -ENOMEM;
        }
        l->chains = chains;
        uint64_t end_ns = cpu_ns ? effort_cpu_ns() + cpu_ns : 0;
        int e = task_addresses_collect(l->reader, &addresses);
        ret->cut = addresses.cut;
        if (e == 0)
                e = list_each(l, &addresses, end_ns, each, ctx, ret);
        task_addresses_deinit(&addresses);
        free(l);
        return e;
}
