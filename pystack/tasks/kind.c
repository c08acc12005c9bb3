/* SPDX-License-Identifier: Apache-2.0 */
#include "kind.h"

#include "pystack/decode/type.h"

#include <string.h>

/* tp_base lies this far behind tp_name in all versions (Include/cpython/object.h). */
#define BASE_AFTER_NAME 232

/* Classes above a class that are looked at. */
#define BASES_MAX 16

/* Bytes of the longest name below, and of those that are compared. */
#define NAME_BYTES 32

/* Built-in types, by tp_name: Objects/genobject.c. */
static const struct {
        const char *name;
        enum task_kind kind;
} types[] = {
        { "coroutine", KIND_COROUTINE },
        { "generator", KIND_GENERATOR },
        { "async_generator", KIND_ASYNC_GENERATOR },
        { "async_generator_asend", KIND_STEP },
        { "async_generator_athrow", KIND_STEP },
        { "coroutine_wrapper", KIND_STEP },
        { "_asyncio.FutureIter", KIND_WAITING },
};

/* Only the last of these types is made at run time, from 3.12 on. A class of a program may have any other name. */
static bool may_have_name(uint64_t flags, enum task_kind kind)
{
        return !(flags & TYPE_HEAP) || kind == KIND_WAITING;
}

static enum task_kind kind_of_name(const struct pystack_memory *memory, const struct layout *l, uint64_t type,
                                   uint64_t flags)
{
        char name[NAME_BYTES];
        uint64_t at;

        if (remote_read_word(memory, type + l->names.type_name, &at) != 0)
                return KIND_OTHER;
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
                size_t len = strlen(types[i].name) + 1;
                if (may_have_name(flags, types[i].kind) && remote_read(memory, at, name, len) == 0 &&
                    memcmp(name, types[i].name, len) == 0)
                        return types[i].kind;
        }
        return KIND_OTHER;
}

static bool is_type_of(const struct task_places *places, uint64_t type, enum task_kind *ret)
{
        for (size_t i = 0; i < places->n; i++) {
                if (type != places->modules[i].task_type && type != places->modules[i].future_type)
                        continue;
                *ret = type == places->modules[i].task_type ? KIND_TASK : KIND_FUTURE;
                return true;
        }
        return false;
}

/* A class of Tasks or of Futures, whatever it is called. */
static int look_up_base(const struct pystack_memory *memory, const struct layout *l, const struct task_places *places,
                        uint64_t type, enum task_kind *ret)
{
        int e = 0;

        for (unsigned i = 0; e == 0 && type && i < BASES_MAX; i++) {
                if (is_type_of(places, type, ret))
                        return 0;
                e = remote_read_word(memory, type + l->names.type_name + BASE_AFTER_NAME, &type);
        }
        return e;
}

static int look_up_kind(const struct pystack_memory *memory, const struct layout *l, const struct task_places *places,
                        uint64_t type, enum task_kind *ret)
{
        uint64_t flags;
        int e = type_flags(memory, l, type, &flags);

        *ret = KIND_OTHER;
        if (e != 0)
                return e;
        if (flags & type_str_flag(l))
                *ret = KIND_STR;
        else if (flags & type_int_flag(l))
                *ret = KIND_INT;
        else
                *ret = kind_of_name(memory, l, type, flags);
        return *ret == KIND_OTHER ? look_up_base(memory, l, places, type, ret) : 0;
}

int task_kind_of(struct task_kinds *kinds, const struct pystack_memory *memory, const struct layout *l,
                 const struct task_places *places, uint64_t type, enum task_kind *ret)
{
        for (size_t i = 0; i < kinds->n; i++)
                if (kinds->items[i].type == type) {
                        *ret = kinds->items[i].kind;
                        return 0;
                }
        int e = look_up_kind(memory, l, places, type, ret);
        if (e != 0)
                return e;
        if (kinds->n == KINDS_MAX)
                kinds->n = 0;
        kinds->items[kinds->n].type = type;
        kinds->items[kinds->n++].kind = *ret;
        return 0;
}
