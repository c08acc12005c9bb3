/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_ATTRIBUTE_H
#define PYSTACK_ATTRIBUTE_H

/* Reads an attribute of an instance of a Python class: the value in the instance itself, not in its class. */

#include "dict.h"

/* An instance's entries that are searched at most. */
#define ATTRIBUTE_ENTRIES_MAX 1024

/* An attribute of several instances. Where it was found last is looked at first in the next one. */
struct attribute {
        const char *name;  /* ASCII */
        uint64_t type;     /* the class of the last instance; 0: none */
        uint64_t flags;    /* its tp_flags, and the fields that follow */
        uint64_t size;     /* tp_basicsize */
        uint64_t dict;     /* tp_dictoffset */
        uint64_t own_keys; /* ht_cached_keys, 3.11 on */
        uint64_t keys;     /* the keys in which it was found; 0: none */
        struct dict_entry entry;
};

/*
 * The value of the attribute in the instance at @object. @dict_type is the address of dict. PYSTACK_E_CORRUPT if the
 * object is no such instance, or has no such attribute. PYSTACK_E_COSTLY if it has too many attributes.
 */
int attribute_read(struct trail *trail, const struct layout *layout, uint64_t object, uint64_t dict_type,
                   struct attribute *attribute, uint64_t *ret);

#endif
