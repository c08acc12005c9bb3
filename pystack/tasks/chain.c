/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include "label.h"
#include "state.h"

static bool append_frame(struct task_stack *s, const struct pystack_frame *frame)
{
        if (s->n == PYSTACK_MAX_FRAMES)
                return false;
        s->frames[s->n++] = *frame;
        return true;
}

static int append_label(struct task_stack *s, const struct pystack_code *label)
{
        const struct pystack_frame frame = { .code = label, .instruction = -1 };

        return append_frame(s, &frame) ? 0 : PYSTACK_E_COSTLY;
}

static int append_mark(struct task_stack *s, const char *name)
{
        const struct pystack_code *label;
        int e = label_get(s->reader->py, name, NULL, NULL, &label);

        return e == 0 ? append_label(s, label) : e;
}

int task_stack_add(struct task_stack *s, const struct task_object *task, const struct pystack_frame *outermost)
{
        const struct code_entry *entry = (const struct code_entry *)outermost->code;
        const struct pystack_code *label;
        int e = s->reader->py->tasks.names == PYSTACK_TASKS_BY_CODE
                        ? label_get(s->reader->py, PYSTACK_TASK_PREFIX, &entry->name, entry->data, &label)
                        : tasks_label(s->reader, task, &label);

        s->seen[s->n_seen++] = task->address;
        return e == 0 ? append_label(s, label) : e;
}

/* Adds a task that awaits the one inside, with the frames of its coroutines. */
static int add_awaiting_task(struct task_stack *s, uint64_t addr, struct task_object *ret)
{
        struct task_reader *r = s->reader;
        int e = task_read(r, addr, false, ret);

        if (e == 0)
                e = coroutine_follow(r, ret->coroutine);
        if (e == 0)
                e = coroutine_name_frames(r);
        for (size_t i = 0; e == 0 && i < r->chain.n; i++)
                e = append_frame(s, &r->frames[i]) ? 0 : PYSTACK_E_COSTLY;
        return e == 0 ? task_stack_add(s, ret, &r->frames[r->chain.n - 1]) : e;
}

static bool has_seen(const struct task_stack *s, uint64_t addr)
{
        for (size_t i = 0; i < s->n_seen; i++)
                if (s->seen[i] == addr)
                        return true;
        return false;
}

int task_stack_add_awaiters(struct task_stack *s, struct task_object *task)
{
        int e = 0;

        while (e == 0 && task->n_awaiters == 1 && !task->more_awaiters) {
                if (has_seen(s, task->awaiters[0]))
                        return append_mark(s, PYSTACK_TASK_CYCLE);
                if (s->n_seen == TASK_DEPTH_MAX)
                        return append_mark(s, PYSTACK_TASK_SEVERAL);
                e = add_awaiting_task(s, task->awaiters[0], task);
        }
        return e == 0 && (task->n_awaiters > 1 || task->more_awaiters) ? append_mark(s, PYSTACK_TASK_SEVERAL) : e;
}
