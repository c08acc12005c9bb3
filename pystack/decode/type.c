/* SPDX-License-Identifier: Apache-2.0 */
#include "type.h"

#include <string.h>

/* Bytes of the longest name of a built-in type that is asked for, NUL included. */
#define NAME_MAX_BYTES 16

uint64_t type_str_flag(const struct layout *l)
{
        return 1u << (l->text == TEXT_BYTES ? 27 : 28);
}

uint64_t type_int_flag(const struct layout *l)
{
        return 1u << (l->text == TEXT_BYTES ? 23 : 24);
}

int type_flags(const struct pystack_memory *memory, const struct layout *l, uint64_t type, uint64_t *ret)
{
        return remote_read_word(memory, type + l->names.type_flags, ret);
}

static int check_name(const struct pystack_memory *memory, const struct layout *l, uint64_t type, const char *name)
{
        char found[NAME_MAX_BYTES] = "";
        size_t len = strlen(name) + 1;
        uint64_t at;
        int e = remote_read_word(memory, type + l->names.type_name, &at);

        if (e == 0)
                e = remote_read(memory, at, found, len);
        return e == 0 && memcmp(found, name, len) != 0 ? PYSTACK_E_CORRUPT : e;
}

static int check_type(const struct pystack_memory *memory, const struct layout *l, uint64_t type, const char *name,
                      uint64_t flag)
{
        uint64_t metatype, own, flags;
        int e = remote_read_word(memory, type + l->object_type, &metatype);

        if (e == 0)
                e = remote_read_word(memory, metatype + l->object_type, &own);
        if (e == 0)
                e = type_flags(memory, l, type, &flags);
        if (e == 0 && (own != metatype || (flags & flag) != flag || flags & TYPE_HEAP))
                e = PYSTACK_E_CORRUPT;
        if (e == 0)
                e = check_name(memory, l, metatype, "type");
        return e == 0 ? check_name(memory, l, type, name) : e;
}

int type_expect(const struct pystack_memory *memory, const struct layout *l, uint64_t type, const char *name,
                uint64_t flag, uint64_t *known)
{
        if (*known)
                return type == *known ? 0 : PYSTACK_E_CORRUPT;
        int e = check_type(memory, l, type, name, flag);
        if (e == 0)
                *known = type;
        return e;
}
