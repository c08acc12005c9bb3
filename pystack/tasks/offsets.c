/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a Task has what. Up to 3.13 by constants, which were compared with running interpreters: 3.8.18, 3.9.18, 3.10.13,
 * 3.11.7, 3.12.1, 3.13.0 and 3.13.5. A Task of another size is one that is not known.
 */
#include "places.h"

#include <string.h>

#define HEAD 16 /* bytes of an object's head in the table: free-threaded builds have more */

static const struct {
        uint16_t version;
        uint16_t size, coro, wakeup;
} table[] = {
        { 0x0308, 144, 112, 16 },                           /* TaskWakeupMethWrapper.ww_task */
        { 0x0309, 184, 152, 16 }, { 0x030a, 192, 160, 24 }, /* PyCFunctionObject.m_self */
        { 0x030b, 176, 136, 24 }, { 0x030c, 176, 136, 24 }, { 0x030d, 144, 120, 24 },
};

/* All but @coro, @size and @wakeup, which are set. */
static void complete_offsets(uint32_t head, struct task_offsets *o)
{
        o->waiter = o->coro - 8;
        o->name = o->coro + 8;
        o->callback = head + 8; /* behind fut_loop */
}

int task_offsets_find(uint16_t version, uint64_t size, uint32_t head, struct task_offsets *ret)
{
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                if (table[i].version != version || table[i].size - HEAD + head != size)
                        continue;
                memset(ret, 0xff, sizeof *ret); /* LAYOUT_NONE */
                ret->size = (uint32_t)size;
                ret->coro = table[i].coro - HEAD + head;
                ret->wakeup = table[i].wakeup - HEAD + head;
                complete_offsets(head, ret);
                return 0;
        }
        return PYSTACK_E_UNSUPPORTED;
}

/* struct _Py_AsyncioModuleDebugOffsets, the same in 3.14 and 3.15: words. */
enum {
        WORD_SIZE,
        WORD_NAME,
        WORD_AWAITED_BY,
        WORD_IS_TASK,
        WORD_AWAITED_BY_IS_SET,
        WORD_CORO,
        WORD_NODE,
        WORD_INTERP_SIZE,
        WORD_INTERP_TASKS,
        WORD_TSTATE_SIZE,
        WORD_RUNNING_LOOP,
        WORD_RUNNING,
        WORD_TASKS,
        WORDS,
};

/* The largest offset in a thread state or an interpreter that is believed. */
#define OFFSET_MAX ((uint64_t)1 << 20)

static bool is_inside(const uint64_t *words, int word, uint64_t len, int size)
{
        return words[word] <= words[size] && words[size] - words[word] >= len;
}

int task_offsets_parse(const void *bytes, size_t len, uint64_t size, uint32_t head, struct task_offsets *ret)
{
        uint64_t w[WORDS];

        if (len < sizeof w)
                return PYSTACK_E_CORRUPT;
        memcpy(w, bytes, sizeof w);
        bool task = w[WORD_SIZE] == size && size <= TASK_SIZE_MAX && is_inside(w, WORD_NAME, 8, WORD_SIZE) &&
                    is_inside(w, WORD_AWAITED_BY, 8, WORD_SIZE) && is_inside(w, WORD_IS_TASK, 1, WORD_SIZE) &&
                    is_inside(w, WORD_AWAITED_BY_IS_SET, 1, WORD_SIZE) && is_inside(w, WORD_CORO, 8, WORD_SIZE) &&
                    is_inside(w, WORD_NODE, 16, WORD_SIZE) && w[WORD_CORO] >= head + 8 &&
                    w[WORD_NAME] == w[WORD_CORO] + 8;
        bool threads = w[WORD_INTERP_SIZE] <= OFFSET_MAX && w[WORD_TSTATE_SIZE] <= OFFSET_MAX &&
                       is_inside(w, WORD_INTERP_TASKS, 16, WORD_INTERP_SIZE) &&
                       is_inside(w, WORD_RUNNING_LOOP, 8, WORD_TSTATE_SIZE) &&
                       is_inside(w, WORD_RUNNING, 8, WORD_TSTATE_SIZE) &&
                       is_inside(w, WORD_TASKS, 16, WORD_TSTATE_SIZE);
        if (!task || !threads)
                return PYSTACK_E_CORRUPT;
        *ret = (struct task_offsets){
                .size = (uint32_t)size,
                .coro = (uint32_t)w[WORD_CORO],
                .wakeup = LAYOUT_NONE,
                .awaited_by = (uint32_t)w[WORD_AWAITED_BY],
                .is_task = (uint32_t)w[WORD_IS_TASK],
                .awaited_by_is_set = (uint32_t)w[WORD_AWAITED_BY_IS_SET],
                .node = (uint32_t)w[WORD_NODE],
                .interp_tasks = (uint32_t)w[WORD_INTERP_TASKS],
                .running = (uint32_t)w[WORD_RUNNING],
                .running_loop = (uint32_t)w[WORD_RUNNING_LOOP],
                .tasks = (uint32_t)w[WORD_TASKS],
        };
        complete_offsets(head, ret);
        return 0;
}
