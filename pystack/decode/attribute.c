/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the attributes are (Objects/dictobject.c; from 3.11 on Include/internal/pycore_object.h): in a dict, or in an
 * array of values whose keys belong to the class.
 */
#include "attribute.h"

#include "type.h"

#include "pystack/internal.h"

/* The largest tp_dictoffset and tp_basicsize that are believed. */
#define INSTANCE_MAX 65536

static int read_class(struct trail *t, const struct layout *l, uint64_t type, struct attribute *a)
{
        const struct pystack_memory *memory = t->memory;
        int e = type_flags(memory, l, type, &a->flags);

        a->type = 0;
        if (e == 0)
                e = remote_read_word(memory, type + l->names.type_size, &a->size);
        if (e == 0)
                e = remote_read_word(memory, type + l->names.type_dict, &a->dict);
        if (e == 0 && l->names.type_keys != LAYOUT_NONE)
                e = remote_read_word(memory, type + l->names.type_keys, &a->own_keys);
        if (e == 0 && (!(a->flags & TYPE_HEAP) || a->size > INSTANCE_MAX))
                e = PYSTACK_E_CORRUPT;
        if (e == 0)
                a->type = type;
        return e;
}

/* Each of these opens the attributes of an instance whose class @a has. */
typedef int (*open_fn)(struct trail *t, const struct layout *l, uint64_t object, uint64_t dict_type,
                       const struct attribute *a, struct dict *ret);

static int open_in_dict(struct trail *t, const struct layout *l, uint64_t object, uint64_t dict_type,
                        const struct attribute *a, struct dict *ret)
{
        uint64_t dict;

        if (a->dict < layout_head(l) || a->dict > a->size || a->dict % 8 != 0)
                return PYSTACK_E_CORRUPT;
        int e = trail_word(t, object + a->dict, &dict);
        return e == 0 ? dict_open(t, l, dict, dict_type, ret) : e;
}

static int open_in_values(struct trail *t, const struct layout *l, uint64_t object, uint64_t dict_type,
                          const struct attribute *a, struct dict *ret)
{
        uint64_t values, dict;
        int e = trail_word(t, object - l->names.dict_before - 8, &values);

        if (e == 0)
                e = trail_word(t, object - l->names.dict_before, &dict);
        if (e != 0)
                return e;
        if (!values == !dict)
                return PYSTACK_E_CORRUPT;
        return values ? dict_open_values(t, l, a->own_keys, values, ret) : dict_open(t, l, dict, dict_type, ret);
}

static int open_in_tagged(struct trail *t, const struct layout *l, uint64_t object, uint64_t dict_type,
                          const struct attribute *a, struct dict *ret)
{
        uint64_t either;
        int e = trail_word(t, object - l->names.dict_before, &either);

        if (e != 0)
                return e;
        return either & 1 ? dict_open_values(t, l, a->own_keys, either + 1, ret)
                          : dict_open(t, l, either, dict_type, ret);
}

static int open_inline(struct trail *t, const struct layout *l, uint64_t object, uint64_t dict_type,
                       const struct attribute *a, struct dict *ret)
{
        uint64_t dict;
        int e = trail_word(t, object - l->names.dict_before, &dict);

        if (e != 0)
                return e;
        if (dict)
                return dict_open(t, l, dict, dict_type, ret);
        return a->flags & TYPE_INLINE_VALUES ? dict_open_values(t, l, a->own_keys, object + a->size, ret)
                                             : PYSTACK_E_CORRUPT;
}

static const open_fn opens[] = {
        [ATTRIBUTES_DICT] = open_in_dict,
        [ATTRIBUTES_VALUES] = open_in_values,
        [ATTRIBUTES_TAGGED] = open_in_tagged,
        [ATTRIBUTES_INLINE] = open_inline,
};

int attribute_read(struct trail *t, const struct layout *l, uint64_t object, uint64_t dict_type, struct attribute *a,
                   uint64_t *ret)
{
        uint64_t type;
        struct dict dict;
        bool found = true;
        int e = trail_word(t, object + l->object_type, &type);

        if (e == 0 && type != a->type)
                e = read_class(t, l, type, a);
        if (e == 0 && l->names.attributes != ATTRIBUTES_DICT && !(a->flags & TYPE_MANAGED_DICT))
                e = PYSTACK_E_CORRUPT;
        if (e == 0)
                e = opens[l->names.attributes](t, l, object, dict_type, a, &dict);
        if (e != 0)
                return e;
        if (dict.keys == a->keys && (e = dict_value(t, &dict, &a->entry, ret)) != PYSTACK_E_TORN)
                return e;
        e = dict_find(t, l, &dict, a->name, ATTRIBUTE_ENTRIES_MAX, &a->entry, &found);
        a->keys = e == 0 && found ? dict.keys : 0;
        if (e != 0 || !found)
                return e != 0 ? e : PYSTACK_E_CORRUPT;
        return dict_value(t, &dict, &a->entry, ret);
}
