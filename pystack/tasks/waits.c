/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local variables of coroutines of asyncio that wait. Which variable is which was compared in 3.8 to 3.15:
 * Lib/asyncio/tasks.py, streams.py and selector_events.py. An object is believed only if its type is the right one.
 */
#include "state.h"

#include "pystack/decode/attribute.h"
#include "pystack/decode/value.h"

#include <string.h>

/* Local variables, by number. */
enum { LOCAL_SELF = 0, LOCAL_DELAY = 0, LOCAL_SOCKET = 1, LOCAL_HANDLE = 4 };

/* Bytes of the longest name of a type below, NUL included. */
#define NAME_BYTES 16

static bool is_of_type(struct task_reader *r, uint64_t object, const char *name, uint64_t *ret_type)
{
        const struct layout *l = &r->py->runtime.layout;
        char found[NAME_BYTES] = "";
        uint64_t at;

        return trail_word(&r->trail, object + l->object_type, ret_type) == 0 &&
               remote_read_word(&r->py->memory, *ret_type + l->names.type_name, &at) == 0 &&
               remote_read(&r->py->memory, at, found, strlen(name) + 1) == 0 && strcmp(found, name) == 0;
}

/* The frame is still where it was when the task was read, with the same code at the same place. */
static int read_local(struct task_reader *r, const struct pystack_task *task, size_t i, unsigned number, uint64_t *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        const struct raw_frame *raw = &r->chain.frames[task->n - 1 - i];
        uint64_t code;
        int e = trail_word(&r->trail, raw->addr + l->frame.code, &code);

        if (e == 0 && (code & ~l->frame.tag_mask) != raw->code)
                e = PYSTACK_E_TORN;
        if (e == 0)
                e = trail_word(&r->trail, raw->addr + l->coroutine.locals + 8 * number, ret);
        *ret = e == 0 ? *ret & ~l->frame.tag_mask : 0;
        return e == 0 && !*ret ? PYSTACK_E_CORRUPT : e;
}

static int read_float(struct task_reader *r, uint64_t object, double *ret)
{
        uint64_t type, bits;

        if (!is_of_type(r, object, "float", &type))
                return PYSTACK_E_CORRUPT;
        int e = trail_word(&r->trail, object + layout_head(&r->py->runtime.layout), &bits);
        if (e == 0)
                memcpy(ret, &bits, sizeof *ret);
        return e;
}

/* A delay is a float or an int. */
static int read_seconds(struct task_reader *r, uint64_t object, double *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        const uint8_t *fields;
        enum task_kind kind;
        int e = read_float(r, object, ret);

        if (e != PYSTACK_E_CORRUPT)
                return e;
        e = task_kind_at(r, object, &kind);
        if (e == 0)
                e = kind == KIND_INT ? trail_read(&r->trail, object + l->names.int_size, 16, &fields)
                                     : PYSTACK_E_CORRUPT;
        if (e == 0)
                *ret = (double)value_int(l, fields);
        return e;
}

/* Lib/asyncio/events.py: the slots of a TimerHandle are sorted, and `_when` is the last one. */
static int read_when(struct task_reader *r, uint64_t handle, double *ret)
{
        uint64_t type, size, when;

        if (!is_of_type(r, handle, "TimerHandle", &type))
                return PYSTACK_E_CORRUPT;
        int e = remote_read_word(&r->py->memory, type + r->py->runtime.layout.names.type_size, &size);
        if (e == 0 && (size < 64 || size > 256 || size % 8 != 0))
                e = PYSTACK_E_CORRUPT;
        if (e == 0)
                e = trail_word(&r->trail, handle + size - 8, &when);
        return e == 0 ? read_float(r, when, ret) : e;
}

static bool is_frame_of_task(const struct pystack *py, const struct pystack_task *task, size_t i)
{
        return py->tasks.state && py->tasks.state->reader && i < task->n && task->n == py->tasks.state->reader->chain.n;
}

int pystack_task_sleep(struct pystack *py, const struct pystack_task *task, size_t i, double *ret_until,
                       double *ret_seconds)
{
        uint64_t delay, handle;

        if (!is_frame_of_task(py, task, i))
                return PYSTACK_E_CORRUPT;
        struct task_reader *r = py->tasks.state->reader;
        trail_begin(&r->trail, &py->memory);
        int e = read_local(r, task, i, LOCAL_DELAY, &delay);
        if (e == 0)
                e = read_local(r, task, i, LOCAL_HANDLE, &handle);
        if (e == 0)
                e = read_seconds(r, delay, ret_seconds);
        if (e == 0)
                e = read_when(r, handle, ret_until);
        return e == 0 ? trail_confirm(&r->trail) : e;
}

/* ---- sockets ---------------------------------------------------------------------------------- */

/* Modules/socketmodule.h: the descriptor, an int, stands behind the head of a socket. */
static int read_socket(struct task_reader *r, uint64_t object, int *ret)
{
        const uint8_t *fd;
        uint64_t type;

        if (!is_of_type(r, object, "socket", &type))
                return PYSTACK_E_CORRUPT;
        int e = trail_read(&r->trail, object + layout_head(&r->py->runtime.layout), sizeof *ret, &fd);
        if (e == 0)
                memcpy(ret, fd, sizeof *ret);
        return e;
}

static int read_attribute(struct task_reader *r, uint64_t object, const char *name, uint64_t *ret)
{
        struct attribute attribute = { .name = name };

        return attribute_read(&r->trail, &r->py->runtime.layout, object, r->places->modules[0].types.dict, &attribute,
                              ret);
}

/* Lib/asyncio/selector_events.py: _SelectorTransport._sock_fd. */
static int read_transport(struct task_reader *r, uint64_t self, int *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        uint64_t transport, number;
        const uint8_t *fields;
        enum task_kind kind;
        int e = read_attribute(r, self, "_transport", &transport);

        if (e == 0)
                e = read_attribute(r, transport, "_sock_fd", &number);
        if (e == 0)
                e = task_kind_at(r, number, &kind);
        if (e == 0)
                e = kind == KIND_INT ? trail_read(&r->trail, number + l->names.int_size, 16, &fields)
                                     : PYSTACK_E_CORRUPT;
        uint64_t value = e == 0 ? value_int(l, fields) : 0;
        if (e == 0 && (value == 0 || value > INT32_MAX))
                e = PYSTACK_E_CORRUPT;
        *ret = (int)value;
        return e;
}

int pystack_task_descriptor(struct pystack *py, const struct pystack_task *task, size_t i,
                            enum pystack_task_socket where, int *ret_fd)
{
        bool argument = where == PYSTACK_SOCKET_ARGUMENT;
        uint64_t object;

        if (!is_frame_of_task(py, task, i))
                return PYSTACK_E_CORRUPT;
        struct task_reader *r = py->tasks.state->reader;
        trail_begin(&r->trail, &py->memory);
        int e = read_local(r, task, i, argument ? LOCAL_SOCKET : LOCAL_SELF, &object);
        if (e == 0)
                e = argument ? read_socket(r, object, ret_fd) : read_transport(r, object, ret_fd);
        if (e == 0)
                e = trail_confirm(&r->trail);
        return e == 0 && *ret_fd < 0 ? PYSTACK_E_CORRUPT : e;
}
