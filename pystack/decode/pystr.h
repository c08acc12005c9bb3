/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PYSTR_H
#define PYSTACK_PYSTR_H

#include "pystack/layout/layout.h"
#include "pystack/memory/remote.h"
#include "pystack/pystack.h"

/* Characters of a name that are read. Names and paths of real programs have far fewer; PATH_MAX is 4096. */
#define PYSTR_MAX_CHARS 4096

/* At most this many bytes at the start of a string object tell its length, its kind, and where its data is. */
#define PYSTR_HEADER_MAX 96

/* A string in the target: where its characters are, and how wide. */
struct pystr {
        uint64_t data;    /* address; 0: the data pointer is still to be read from @pointer */
        uint64_t pointer; /* address of the data pointer of a string that is not compact */
        uint32_t chars;   /* cut to PYSTR_MAX_CHARS */
        uint32_t width;   /* 1, 2 or 4 bytes */
        bool utf8;        /* the characters are bytes: UTF-8 as a rule, else the encoding of the source file (2.x) */
        bool cut;         /* the string has more characters */
};

/* Bytes that pystr_locate() needs from the start of a string object. */
size_t pystr_header_size(const struct layout *layout);

/* Reads the header of the string object at @addr. 0, or PYSTACK_E_CORRUPT if it is no string. */
int pystr_locate(const struct layout *layout, uint64_t addr, const uint8_t *header, struct pystr *ret);

/* Bytes of the characters in the target's memory, and of the NUL that CPython puts behind them. */
static inline size_t pystr_data_len(const struct pystr *ref)
{
        return ((size_t)ref->chars + 1) * ref->width;
}

/*
 * The bytes that it is charged with: those that are copied and, if characters have more than one byte, those of the
 * text that they may become, since a profile keeps that text.
 */
static inline size_t pystr_cost(const struct pystr *ref)
{
        return pystr_data_len(ref) + (ref->width == 1 ? 0 : (size_t)ref->chars * (ref->width == 2 ? 4 : 6));
}

/* Whether the characters at @data are those of @ascii. */
bool pystr_is(const struct pystr *ref, const uint8_t *data, const char *ascii);

/*
 * Encodes the characters at @data as UTF-8, escaped as pystack_escape() does. A lone surrogate becomes \uNNNN, and a
 * value that is no Unicode becomes \UNNNNNNNN.
 */
void pystr_encode(const struct pystr *ref, const uint8_t *data, char ret[static PYSTACK_TEXT_SIZE]);

#endif
