/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line tables: from an instruction's offset to its line, in each of CPython's
 * encodings (Objects/lnotab_notes.txt, Objects/locations.md, PEP 626).
 */
#include "lines.h"

/* Up to 3.9: pairs of (bytecode increment, line increment). */
static uint32_t line_in_lnotab(const uint8_t *table, size_t len, uint32_t first_line, int32_t at, bool line_is_signed)
{
        int64_t line = first_line;
        int64_t addr = 0;

        for (size_t i = 0; i + 1 < len; i += 2) {
                addr += table[i];
                if (addr > at)
                        break;
                line += line_is_signed ? (int8_t)table[i + 1] : table[i + 1];
        }
        return line > 0 ? (uint32_t)line : 0;
}

static uint32_t line_in_unsigned_lnotab(const uint8_t *table, size_t len, uint32_t first_line, int32_t at)
{
        return line_in_lnotab(table, len, first_line, at, false);
}

static uint32_t line_in_signed_lnotab(const uint8_t *table, size_t len, uint32_t first_line, int32_t at)
{
        return line_in_lnotab(table, len, first_line, at, true);
}

/* 3.10: pairs of (length of range, line increment); -128: the range has no line. */
static uint32_t line_in_ranges(const uint8_t *table, size_t len, uint32_t first_line, int32_t at)
{
        int64_t line = first_line;
        int64_t end = 0;

        for (size_t i = 0; i + 1 < len; i += 2) {
                int8_t delta = (int8_t)table[i + 1];
                end += table[i];
                if (delta != -128)
                        line += delta;
                if (at < end)
                        return delta == -128 || line <= 0 ? 0 : (uint32_t)line;
        }
        return 0;
}

/* Reads a number of at most 32 bits. Each byte has six of them, the low ones first; its bit 6 says that more follow. */
static bool read_varint(const uint8_t *table, size_t len, size_t *pos, uint32_t *ret)
{
        uint64_t value = 0;

        for (unsigned shift = 0; shift <= 30 && *pos < len; shift += 6) {
                uint8_t byte = table[(*pos)++];
                value |= (uint64_t)(byte & 63) << shift;
                if (!(byte & 64)) {
                        *ret = (uint32_t)value;
                        return true;
                }
        }
        return false;
}

enum { LOCATION_NO_COLUMNS = 13, LOCATION_LONG = 14, LOCATION_NONE = 15 };

/*
 * 3.11 on: the first byte of an entry has bit 7 set, a code in bits 3-6, and the length in code units, less one, in
 * bits 0-2. The other bytes have bit 7 clear. So the columns, which are not wanted, are skipped without being
 * decoded.
 */
static uint32_t line_in_locations(const uint8_t *table, size_t len, uint32_t first_line, int32_t at)
{
        int64_t line = first_line;
        int64_t end = 0;
        size_t pos = 0;

        while (pos < len) {
                unsigned code = (table[pos] >> 3) & 15;
                uint32_t delta = 0;
                end += 2 * ((table[pos] & 7) + 1);
                pos++;
                if (code == LOCATION_NO_COLUMNS || code == LOCATION_LONG) {
                        if (!read_varint(table, len, &pos, &delta))
                                return 0;
                        line += delta & 1 ? -(int64_t)(delta >> 1) : (int64_t)(delta >> 1);
                } else if (code >= 10 && code <= 12) {
                        line += code - 10;
                }
                if (at < end)
                        return code == LOCATION_NONE || line <= 0 ? 0 : (uint32_t)line;
                while (pos < len && !(table[pos] & 0x80))
                        pos++;
        }
        return 0;
}

static uint32_t (*const finders[])(const uint8_t *, size_t, uint32_t, int32_t) = {
        [LINES_LNOTAB_UNSIGNED] = line_in_unsigned_lnotab,
        [LINES_LNOTAB_SIGNED] = line_in_signed_lnotab,
        [LINES_RANGES] = line_in_ranges,
        [LINES_LOCATIONS] = line_in_locations,
};

uint32_t lines_find(enum layout_lines kind, const uint8_t *table, size_t len, uint32_t first_line, int32_t at)
{
        return at < 0 ? first_line : finders[kind](table, len, first_line, at);
}
