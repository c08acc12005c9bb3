/* SPDX-License-Identifier: Apache-2.0 */
#include "label.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Labels of one hash that are told apart. */
#define TRIES 8

/* Copies @n characters of one byte each, as characters of @width bytes. */
static uint8_t *put_ascii(uint8_t *to, const char *text, size_t n, uint32_t width)
{
        for (size_t i = 0; i < n; i++) {
                memset(to, 0, width);
                *to = (uint8_t)text[i]; /* little-endian */
                to += width;
        }
        return to;
}

/* Cuts @text, whose characters are at @data, so that it has room for as many characters more. */
static struct pystr shorten_text(const struct pystr *text, const uint8_t *data, size_t more)
{
        struct pystr ret = *text;
        uint32_t max = PYSTR_MAX_CHARS - (uint32_t)more;

        if (ret.chars <= max)
                return ret;
        ret.chars = max;
        ret.cut = true;
        while (ret.utf8 && ret.chars > 0 && (data[ret.chars] & 0xc0) == 0x80)
                ret.chars--;
        return ret;
}

/* The label's characters, allocated, and behind them those of its file, which has none. */
static uint8_t *make_data(const char *prefix, const struct pystr *text, const uint8_t *data, struct pystr *ret_name,
                          size_t *ret_len)
{
        size_t before = strlen(prefix), chars = text ? text->chars : 0;
        uint32_t width = text ? text->width : 1;

        *ret_name = (struct pystr){ .chars = (uint32_t)(before + chars), .width = width };
        if (text) {
                ret_name->utf8 = text->utf8;
                ret_name->cut = text->cut;
        }
        *ret_len = (before + chars + 1) * width;
        uint8_t *all = calloc(1, *ret_len + 1);
        if (all && chars > 0)
                memcpy(put_ascii(all, prefix, before, width), data, chars * width);
        else if (all)
                put_ascii(all, prefix, before, width);
        return all;
}

static bool is_same(const struct code_entry *entry, const struct pystr *name, const uint8_t *data, size_t len)
{
        return entry->name.chars == name->chars && entry->name.width == name->width && entry->name.utf8 == name->utf8 &&
               entry->name.cut == name->cut && memcmp(entry->data, data, len) == 0;
}

static int insert_label(struct pystack *py, uint64_t addr, const struct pystr *name, uint8_t *data, size_t len,
                        struct code_entry **ret)
{
        struct code_entry *entry = calloc(1, sizeof *entry);

        if (!entry)
                return -ENOMEM;
        entry->addr = addr;
        entry->name = *name;
        entry->file = (struct pystr){ .width = 1 };
        entry->without_lines = true;
        entry->code.chars = name->chars;
        int e = code_cache_charge(&py->codes, entry, sizeof *entry + len + pystr_cost(name));
        if (e == 0)
                e = code_cache_put(&py->codes, entry);
        if (e != 0) {
                code_entry_free(&py->codes, entry);
                return e;
        }
        entry->data = data;
        entry->code.serial = ++py->codes.next_serial;
        *ret = entry;
        return 0;
}

int label_get(struct pystack *py, const char *prefix, const struct pystr *text, const uint8_t *text_data,
              const struct pystack_code **ret)
{
        struct code_entry *entry = NULL;
        struct pystr name, cut;
        size_t len;
        if (text) {
                cut = shorten_text(text, text_data, strlen(prefix));
                text = &cut;
        }
        uint8_t *data = make_data(prefix, text, text_data, &name, &len);
        int e = PYSTACK_E_COSTLY;

        if (!data)
                return -ENOMEM;
        uint64_t addr = XXH3_64bits(data, len) << 4 | (uint64_t)1 << 63;
        for (unsigned i = 0; i < TRIES; i++, addr++) {
                entry = code_cache_find(&py->codes, addr);
                if (!entry) {
                        e = insert_label(py, addr, &name, data, len, &entry);
                        data = e == 0 ? NULL : data;
                        break;
                }
                if (is_same(entry, &name, data, len)) {
                        e = 0;
                        break;
                }
        }
        free(data);
        if (e == 0)
                *ret = &entry->code;
        return e;
}
