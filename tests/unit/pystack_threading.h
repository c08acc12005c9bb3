/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_THREADING_H
#define TESTS_THREADING_H

/* A forged threading module, in the shapes that the objects of each version have. */

#include "tests/unit/pystack_forge.h"

/* An entry of a forged dict; @hash counts only where the keys are no strs. */
struct forged_item {
        uint64_t hash, key, value;
};

/* The shapes in which a Thread has its attributes. */
enum forged_shape {
        SHAPE_USUAL,  /* as the version has them if nothing is unusual */
        SHAPE_DICT,   /* in a dict of its own */
        SHAPE_SHARED, /* in a dict whose keys are shared, 3.4 on */
};

struct threading {
        struct forge forge;
        struct {
                uint64_t dict, str, integer, module, thread, subclass;
        } types;
        uint64_t keys; /* that Threads share */
        uint64_t modules, module, globals, active;
        struct forged_item threads[64];
        size_t n;
};

/* A forge whose sys.modules has threading, which has the Thread "MainThread" of the first thread. */
void threading_init(struct threading *t, const struct forge_version *version);
void threading_deinit(struct threading *t);

/* Another Thread, whose `_name` is that object, for the thread of that pthread_t. Returns the Thread. */
uint64_t threading_add(struct threading *t, uint64_t pthread, uint64_t name, enum forged_shape shape);
/* A pthread_t: libc's struct with that TID. */
uint64_t threading_pthread(struct threading *t, pid_t tid);

/* An object with room for @size bytes, and a type, which is called @name (tp_name) and has those tp_flags. */
uint64_t threading_object(struct threading *t, uint64_t type, size_t size);
uint64_t threading_type(struct threading *t, const char *name, uint64_t flags);
uint64_t threading_string(struct threading *t, const char *ascii);
uint64_t threading_int(struct threading *t, uint64_t value);
uint64_t threading_dict(struct threading *t, const struct forged_item *items, size_t n, bool strs);
/* Puts threading._active together anew, and what leads to it: of the Threads that there are, or of other entries. */
void threading_publish(struct threading *t);
void threading_replace(struct threading *t, const struct forged_item *items, size_t n);

/* A namespace that has that value, behind others: such as that of a module. */
uint64_t threading_namespace(struct threading *t, const char *name, uint64_t value);

/* Where the count of entries that a dict has stands. */
uint64_t threading_count_of(const struct threading *t, uint64_t dict);

#endif
