/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_KIND_H
#define PYSTACK_TASK_KIND_H

/* Which of the types that have to do with tasks an object has. */

#include "places.h"

enum task_kind {
        KIND_OTHER,
        KIND_COROUTINE, /* these three have a frame of their own */
        KIND_GENERATOR,
        KIND_ASYNC_GENERATOR,
        KIND_STEP,    /* an awaitable whose first field is the generator or the coroutine that it drives */
        KIND_WAITING, /* the iterator of a future, whose first field that is */
        KIND_TASK,    /* a Task of the C module, or an instance of a class of Tasks */
        KIND_FUTURE,  /* likewise a Future */
        KIND_STR,
        KIND_INT,
};

/* Types that were met. A type may be freed, and another one come to lie at its address: so they are forgotten often. */
#define KINDS_MAX 64
struct task_kinds {
        size_t n;
        struct {
                uint64_t type;
                enum task_kind kind;
        } items[KINDS_MAX];
};

/* The kind of objects of @type. 0 or an error of reading. */
int task_kind_of(struct task_kinds *kinds, const struct pystack_memory *memory, const struct layout *layout,
                 const struct task_places *places, uint64_t type, enum task_kind *ret);

#endif
