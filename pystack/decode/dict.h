/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_DICT_H
#define PYSTACK_DICT_H

/*
 * Reads dicts of the target. The struct PyDictObject and its keys: Objects/dictobject.c up to 2.7,
 * Objects/dict-common.h from 3.6 on, Include/internal/pycore_dict.h from 3.11 on.
 *
 * All that a dict claims of itself is bounded and must fit together, or it is PYSTACK_E_CORRUPT.
 */

#include "pystack/layout/layout.h"
#include "pystack/memory/trail.h"

/* Where the entries of a dict lie. The entries are in one array; an entry without a key is free. */
struct dict {
        uint64_t keys;    /* address of the object or the table that has them */
        uint64_t entries; /* address of the first one */
        uint64_t n;       /* free ones included */
        uint64_t values;  /* address of the array of values; 0: an entry's value follows its key */
        uint32_t size;    /* bytes of an entry */
        uint32_t key;     /* offset of the key's address in an entry; if not 0, the entry begins with the key's hash */
        bool shared;      /* 3.11 on: the keys are of a class, and have no values */
        bool framed;      /* 3.13 on: bytes before the array of values tell its size */
};

/* An entry that was found. */
struct dict_entry {
        uint64_t index; /* in the array */
        uint64_t key;   /* address of the key */
};

/* The largest entry. */
#define DICT_ENTRY_MAX 24

/* Opens the dict at @addr. PYSTACK_E_CORRUPT if its type is another one than @type. */
int dict_open(struct trail *trail, const struct layout *layout, uint64_t addr, uint64_t type, struct dict *ret);

/* Opens the keys at @keys that a class has, for values that lie at @values (3.11 on). */
int dict_open_values(struct trail *trail, const struct layout *layout, uint64_t keys, uint64_t values,
                     struct dict *ret);

/*
 * Looks for a key that is the str @ascii among the entries. They may be no more than @max: PYSTACK_E_COSTLY if they are.
 * @ret_found is false if there is none. Of what was read only the key itself is in the trail.
 */
int dict_find(struct trail *trail, const struct layout *layout, const struct dict *dict, const char *ascii, size_t max,
              struct dict_entry *ret, bool *ret_found);

/*
 * The value of an entry that was found, in this dict or in another one with the same keys. PYSTACK_E_TORN if the entry
 * has another key by now, PYSTACK_E_CORRUPT if it has no value.
 */
int dict_value(struct trail *trail, const struct dict *dict, const struct dict_entry *entry, uint64_t *ret);

#endif
