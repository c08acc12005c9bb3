/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the tasks of a process, and when it is read. */
#include "running.h"
#include "state.h"

#include "label.h"
#include "pystack/decode/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Characters of a task's name that are kept. */
#define NAME_CHARS 256

/* Uses of a reader for which types are remembered. */
#define KINDS_FORGOTTEN_AFTER 256

void pystack_tasks_want(struct pystack *py, enum pystack_task_names names)
{
        py->tasks.names = names;
}

bool pystack_tasks_are_stale(const struct pystack *py)
{
        return py->tasks.stale;
}

uint64_t pystack_tasks_unread(const struct pystack *py)
{
        return py->tasks.unread;
}

int pystack_tasks_read(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx)
{
        struct pystack_tasks_state *state = calloc(1, sizeof *state);
        int e = state ? task_places_find(py, &state->places) : -ENOMEM;

        if (e == 0 && lock && !lock(ctx))
                e = PYSTACK_E_HANGS;
        if (e != 0) {
                free(state);
                return e;
        }
        state->ready = true;
        tasks_free(py);
        py->tasks.state = state;
        py->tasks.stale = false;
        if (unlock)
                unlock(ctx);
        return 0;
}

struct task_reader *tasks_reader(struct pystack *py)
{
        struct pystack_tasks_state *state = py->tasks.state;

        if (!state->reader)
                state->reader = calloc(1, sizeof *state->reader);
        if (!state->plans)
                state->plans = calloc(PLANS, sizeof *state->plans);
        if (state->reader) {
                state->reader->py = py;
                state->reader->places = &state->places;
                if (state->reader->uses++ % KINDS_FORGOTTEN_AFTER == 0)
                        state->reader->kinds.n = 0;
                state->reader->generation = 0;
                trail_begin(&state->reader->trail, &py->memory);
        }
        return state->reader;
}

void tasks_trim(struct pystack *py)
{
        if (!py->tasks.state)
                return;
        free(py->tasks.state->reader);
        free(py->tasks.state->plans);
        py->tasks.state->reader = NULL;
        py->tasks.state->plans = NULL;
}

void tasks_free(struct pystack *py)
{
        tasks_trim(py);
        free(py->tasks.state);
        py->tasks.state = NULL;
}

/* ---- names -------------------------------------------------------------------------------- */

/* From 3.12 on a Task that was given no name has its number, until somebody asks for the name. */
static int label_number(struct task_reader *r, uint64_t addr, const struct pystack_code **ret)
{
        const struct layout *l = &r->py->runtime.layout;
        char text[sizeof PYSTACK_TASK_PREFIX "Task-18446744073709551615"];
        const uint8_t *fields;
        int e = trail_read(&r->trail, addr + l->names.int_size, 16, &fields);

        if (e != 0)
                return e;
        snprintf(text, sizeof text, PYSTACK_TASK_PREFIX "Task-%" PRIu64, value_int(l, fields));
        return label_get(r->py, text, NULL, NULL, ret);
}

int tasks_label(struct task_reader *r, const struct task_object *task, const struct pystack_code **ret)
{
        struct pystr name;
        const struct layout *l = &r->py->runtime.layout;
        const uint8_t *data;
        enum task_kind kind;
        uint64_t type;
        int e = trail_word(&r->trail, task->name + l->object_type, &type);

        if (e == 0)
                e = task_kind_at(r, task->name, &kind);

        if (e == 0 && kind == KIND_INT)
                return label_number(r, task->name, ret);
        if (e == 0 && kind != KIND_STR)
                return PYSTACK_E_CORRUPT;
        if (e == 0)
                e = value_str(&r->trail, l, task->name, type, NAME_CHARS, &name, &data);
        return e == 0 ? label_get(r->py, PYSTACK_TASK_PREFIX, &name, data, ret) : e;
}
