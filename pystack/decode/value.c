/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include "type.h"

#include "pystack/internal.h"

#include <string.h>

#define DIGIT_BITS 30 /* PyLong_SHIFT of 64-bit builds (Include/cpython/longintrepr.h) */

uint64_t value_int(const struct layout *l, const uint8_t *fields)
{
        uint64_t size = word_at(fields, 0), digits = size >> l->names.int_size_shift;
        bool is_negative = size & 3 && l->names.int_size_shift > 0;

        if (l->text == TEXT_BYTES)
                return size;
        if (is_negative || (digits != 1 && digits != 2))
                return 0;
        return half_at(fields, 8) | (digits == 2 ? (uint64_t)half_at(fields, 12) << DIGIT_BITS : 0);
}

/* Checks that an object is a str, or an instance of a class of strs. */
static int check_str(const struct trail *t, const struct layout *l, uint64_t type, uint64_t str_type)
{
        uint64_t flags;

        if (str_type && type == str_type)
                return 0;
        int e = type_flags(t->memory, l, type, &flags);
        return e == 0 && !(flags & type_str_flag(l)) ? PYSTACK_E_CORRUPT : e;
}

/* A character of UTF-8 may have been cut in the middle. */
static void cut_between_characters(struct pystr *text, const uint8_t *data)
{
        while (text->utf8 && text->chars > 0 && (data[text->chars] & 0xc0) == 0x80)
                text->chars--;
}

/* Where the characters of the str at @addr are. */
static int locate_str(struct trail *t, const struct layout *l, uint64_t addr, uint64_t str_type, struct pystr *ret)
{
        uint8_t header[PYSTR_HEADER_MAX] = { 0 };
        uint32_t end = l->text == TEXT_BYTES ? l->string.length + 8 : l->string.state + 4;
        const uint8_t *fields;
        int e = trail_read(t, addr + l->object_type, end - l->object_type, &fields);

        if (e == 0)
                e = check_str(t, l, word_at(fields, 0), str_type);
        if (e != 0)
                return e;
        memcpy(header + l->object_type, fields, end - l->object_type);
        e = pystr_locate(l, addr, header, ret);
        if (e == 0 && !ret->data)
                e = trail_word(t, ret->pointer, &ret->data);
        return e;
}

int value_str(struct trail *t, const struct layout *l, uint64_t addr, uint64_t str_type, uint32_t max,
              struct pystr *ret, const uint8_t **ret_data)
{
        int e = locate_str(t, l, addr, str_type, ret);

        if (e != 0)
                return e;
        bool is_cut = ret->chars > max;
        if (is_cut) {
                ret->chars = max;
                ret->cut = true;
        }
        e = trail_read(t, ret->data, pystr_data_len(ret), ret_data);
        if (e == 0 && is_cut)
                cut_between_characters(ret, *ret_data);
        return e;
}
