/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PYSTR_H
#define PYSTACK_PYSTR_H

#include "pystack/layout/layout.h"
#include "pystack/memory/remote.h"
#include "pystack/pystack.h"

/*
 * Names are read up to this many characters. Qualified names and paths of real
 * programs stay far below; PATH_MAX is 4096.
 */
#define PYSTR_MAX_CHARS 4096

/* The bytes of a string object that tell its length, kind and where its data is. */
#define PYSTR_HEADER_MAX 96

/* Where a string's characters are, and of which width. */
struct pystr {
        uint64_t data;    /* address; 0: the data pointer is still to be read from @pointer */
        uint64_t pointer; /* address of the data pointer of a string that is not compact */
        uint32_t chars;   /* cut to PYSTR_MAX_CHARS */
        uint32_t width;   /* 1, 2 or 4 bytes */
        bool utf8;        /* the characters are bytes of UTF-8, or of what the source file was in */
        bool cut;
};

/* Bytes that pystr_locate() needs from the start of a string object. */
size_t pystr_header_size(const struct layout *layout);

/* Reads a string object's header: 0 or PYSTACK_E_CORRUPT if it is none. */
int pystr_locate(const struct layout *layout, uint64_t addr, const uint8_t *header, struct pystr *ret);

/* Bytes of the characters in the target's memory, and of the NUL that CPython puts behind them. */
static inline size_t pystr_data_len(const struct pystr *ref)
{
        return ((size_t)ref->chars + 1) * ref->width;
}

/* The bytes that are charged for it: where characters take more than one, what may become of them, for a profile keeps that. */
static inline size_t pystr_cost(const struct pystr *ref)
{
        return pystr_data_len(ref) + (ref->width == 1 ? 0 : (size_t)ref->chars * (ref->width == 2 ? 4 : 6));
}

/* Whether the characters at @data are those of @ascii. Nothing is encoded for that. */
bool pystr_is(const struct pystr *ref, const uint8_t *data, const char *ascii);

/*
 * Encodes characters as UTF-8, escaped as pystack_escape() does it; lone surrogates and
 * what is beyond Unicode as \uNNNN and \UNNNNNNNN.
 */
void pystr_encode(const struct pystr *ref, const uint8_t *data, char ret[static PYSTACK_TEXT_SIZE]);

#endif
