/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_MARSHAL_H
#define FORMAT_MARSHAL_H

/*
 * Untrusted data of CPython's marshal module, versions 0 to 5, of the types that pstats has: numbers, text, tuples and
 * dicts. No other type is read: code objects among them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum marshal_type { MARSHAL_NUMBER, MARSHAL_TEXT, MARSHAL_TUPLE, MARSHAL_DICT, MARSHAL_CONSTANT };

struct marshal_value {
        enum marshal_type type;
        double number;
        const char *text; /* not ended by a NUL */
        uint32_t len;     /* of the text */
        uint32_t n;       /* values of a tuple; of a dict: keys and values, one after the other */
        uint32_t first;   /* index of the first of them; each has the next one's index; 0: there is none */
        uint32_t next;
};

/* 16 MB of values: a file of 10 000 functions with 10 callers each has a million. */
#define MARSHAL_VALUES_MAX (1u << 21)
#define MARSHAL_DEPTH_MAX 8 /* pstats needs 5 */

struct marshal {
        const unsigned char *bytes;
        size_t len, at;
        struct marshal_value *values; /* values[1] is the outermost one */
        uint32_t n, capacity;
        uint32_t *references; /* values that can be referred to */
        uint32_t references_n, references_capacity;
        uint32_t *interned; /* texts of Python 2 that can be */
        uint32_t interned_n, interned_capacity;
        const char *error; /* a static sentence about the byte @at */
};

/* Reads all of @bytes, which must outlive it. -ENOMEM; -EINVAL, with @marshal->error. Deinitialise it also on failure. */
int marshal_read(struct marshal *marshal, const void *bytes, size_t len);
void marshal_deinit(struct marshal *marshal);

#endif
