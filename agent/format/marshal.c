/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each value begins with a byte for its type. Its highest bit says that the value can be referred to ('r'), by its number
 * among those that can. A container has its number before the values that it holds. Python 2 has a list of interned texts
 * ('t') and refers to them ('R').
 */
#include "marshal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFERABLE 0x80

static int refuse_byte(struct marshal *m, const char *sentence)
{
        m->error = sentence;
        return -EINVAL;
}

static int take_marshal_bytes(struct marshal *m, size_t n, const unsigned char **ret)
{
        if (n > m->len - m->at)
                return refuse_byte(m, "it is cut off");
        *ret = m->bytes + m->at;
        m->at += n;
        return 0;
}

/* Takes a little-endian number of @n bytes. */
static int take_little_endian(struct marshal *m, size_t n, uint64_t *ret)
{
        const unsigned char *bytes;
        int r = take_marshal_bytes(m, n, &bytes);

        *ret = 0;
        for (size_t i = 0; r == 0 && i < n; i++)
                *ret |= (uint64_t)bytes[i] << 8 * i;
        return r;
}

static int grow_list(uint32_t **list, uint32_t n, uint32_t *capacity)
{
        if (n < *capacity)
                return 0;
        uint32_t wanted = *capacity ? 2 * *capacity : 64;
        uint32_t *grown = reallocarray(*list, wanted, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        *list = grown;
        *capacity = wanted;
        return 0;
}

static int append_value(struct marshal *m, uint32_t *ret)
{
        if (m->n == MARSHAL_VALUES_MAX)
                return refuse_byte(m, "it has too many values");
        if (m->n + 1 >= m->capacity) {
                uint32_t wanted = m->capacity ? 2 * m->capacity : 256;
                struct marshal_value *grown = reallocarray(m->values, wanted, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                m->values = grown;
                m->capacity = wanted;
        }
        *ret = ++m->n;
        m->values[*ret] = (struct marshal_value){ .type = MARSHAL_CONSTANT };
        return 0;
}

/* ---- values by their types ----------------------------------------------------------- */

struct marshal_kind {
        const char *types; /* bytes that begin such a value */
        size_t size;       /* of the number that follows: a length, or the value itself */
        int (*read)(struct marshal *m, uint32_t value, char type, uint64_t number, int depth);
};

static int read_value(struct marshal *m, int depth, uint32_t *ret);

static int read_constant(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        (void)number;
        (void)depth;
        if (type == 'T')
                m->values[value].number = 1;
        return 0;
}

static int read_integer(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        (void)depth;
        m->values[value].type = MARSHAL_NUMBER;
        m->values[value].number = type == 'i' ? (double)(int32_t)number : (double)(int64_t)number;
        return 0;
}

static int read_double(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        (void)type;
        (void)depth;
        m->values[value].type = MARSHAL_NUMBER;
        memcpy(&m->values[value].number, &number, sizeof(number));
        return 0;
}

/* A long: digits of 15 bits each. The sign of their number is its own. */
static int read_long(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        int64_t digits = (int32_t)number;
        double sum = 0;
        int r = 0;

        (void)type;
        (void)depth;
        for (int64_t i = 0; r == 0 && i < llabs(digits); i++) {
                uint64_t digit;

                r = take_little_endian(m, 2, &digit);
                sum += ldexp((double)(digit & 0x7fff), (int)(15 * (i < 100 ? i : 100)));
        }
        m->values[value].type = MARSHAL_NUMBER;
        m->values[value].number = digits < 0 ? -sum : sum;
        return r;
}

static int read_bytes_of_text(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        const unsigned char *bytes;
        int r = take_marshal_bytes(m, number, &bytes);

        (void)depth;
        if (r < 0)
                return r;
        m->values[value].type = MARSHAL_TEXT;
        m->values[value].text = (const char *)bytes;
        m->values[value].len = (uint32_t)number;
        if (type != 't')
                return 0;
        r = grow_list(&m->interned, m->interned_n, &m->interned_capacity);
        if (r == 0)
                m->interned[m->interned_n++] = value;
        return r;
}

/* A real number as text, as old versions have it. */
static int read_real_text(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        const unsigned char *bytes;
        char text[256];
        int r = take_marshal_bytes(m, number, &bytes);

        (void)type;
        (void)depth;
        if (r < 0)
                return r;
        memcpy(text, bytes, number);
        text[number] = '\0';
        m->values[value].type = MARSHAL_NUMBER;
        m->values[value].number = strtod(text, NULL);
        return 0;
}

static int append_item(struct marshal *m, uint32_t container, uint32_t *last, int depth)
{
        uint32_t item;
        int r = read_value(m, depth + 1, &item);

        if (r < 0)
                return r;
        if (*last)
                m->values[*last].next = item;
        else
                m->values[container].first = item;
        *last = item;
        m->values[container].n++;
        return 0;
}

static int read_tuple(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        uint32_t last = 0;
        int r = 0;

        (void)type;
        m->values[value].type = MARSHAL_TUPLE;
        for (uint64_t i = 0; r == 0 && i < number; i++)
                r = append_item(m, value, &last, depth);
        return r;
}

/* Keys and values up to a '0' in place of a key. */
static int read_dict(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        uint32_t last = 0;
        int r = 0;

        (void)type;
        (void)number;
        m->values[value].type = MARSHAL_DICT;
        while (r == 0 && !(m->at < m->len && m->bytes[m->at] == '0')) {
                r = append_item(m, value, &last, depth);
                if (r == 0)
                        r = append_item(m, value, &last, depth);
        }
        m->at += r == 0;
        return r;
}

/* What is referred to is copied; what a container holds is shared. */
static int read_reference(struct marshal *m, uint32_t value, char type, uint64_t number, int depth)
{
        const uint32_t *list = type == 'r' ? m->references : m->interned;

        (void)depth;
        if (number >= (type == 'r' ? m->references_n : m->interned_n))
                return refuse_byte(m, "it refers to a value that is not there");
        m->values[value] = m->values[list[number]];
        m->values[value].next = 0;
        return 0;
}

static const struct marshal_kind marshal_kinds[] = {
        { "NTF", 0, read_constant },     { "i", 4, read_integer },   { "I", 8, read_integer },
        { "g", 8, read_double },         { "l", 4, read_long },      { "sutaA", 4, read_bytes_of_text },
        { "zZ", 1, read_bytes_of_text }, { "f", 1, read_real_text }, { "(", 4, read_tuple },
        { ")", 1, read_tuple },          { "{", 0, read_dict },      { "rR", 4, read_reference },
};

static int read_value(struct marshal *m, int depth, uint32_t *ret)
{
        const unsigned char *byte;
        uint64_t number;
        int r = depth > MARSHAL_DEPTH_MAX ? refuse_byte(m, "it is nested too deep") : take_marshal_bytes(m, 1, &byte);

        if (r == 0)
                r = append_value(m, ret);
        if (r == 0 && (*byte & REFERABLE)) {
                r = grow_list(&m->references, m->references_n, &m->references_capacity);
                if (r == 0)
                        m->references[m->references_n++] = *ret;
        }
        for (size_t i = 0; r == 0 && i < sizeof(marshal_kinds) / sizeof(*marshal_kinds); i++) {
                const struct marshal_kind *kind = &marshal_kinds[i];
                char type = (char)(*byte & ~REFERABLE);

                if (!type || !strchr(kind->types, type))
                        continue;
                r = take_little_endian(m, kind->size, &number);
                return r < 0 ? r : kind->read(m, *ret, type, number, depth);
        }
        return r < 0 ? r : refuse_byte(m, "it has a value of a type that pstats has not");
}

int marshal_read(struct marshal *m, const void *bytes, size_t len)
{
        uint32_t outermost;

        *m = (struct marshal){ .bytes = bytes, .len = len };
        int r = read_value(m, 0, &outermost);

        return r == 0 && m->at < len ? refuse_byte(m, "something follows its end") : r;
}

void marshal_deinit(struct marshal *m)
{
        free(m->values);
        free(m->references);
        free(m->interned);
        *m = (struct marshal){ 0 };
}
