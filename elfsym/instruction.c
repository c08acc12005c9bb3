/* SPDX-License-Identifier: Apache-2.0 */
#include "instruction.h"

#include <string.h>

/*
 * What follows each opcode. m: a ModRM byte; b: a byte; w: 2 bytes; z: 4 bytes, or 2 if the integers are narrow; n: 4 bytes;
 * M: m and b; Z: m and z; '.': nothing; x: it is refused, or no opcode.
 */
static const char of_one[] = /* 00 to ff */
        "mmmmbzxxmmmmbzxx"   /* 00 */
        "mmmmbzxxmmmmbzxx"   /* 10 */
        "mmmmbzxxmmmmbzxx"   /* 20 */
        "mmmmbzxxmmmmbzxx"   /* 30 */
        "xxxxxxxxxxxxxxxx"   /* 40 */
        "................"   /* 50 */
        "xxxmxxxxzZbMxxxx"   /* 60 */
        "bbbbbbbbbbbbbbbb"   /* 70 */
        "MZxMmmmmmmmmmmmx"   /* 80 */
        "..........x.xx.."   /* 90 */
        "xxxx....bz......"   /* a0 */
        "bbbbbbbbzzzzzzzz"   /* b0 */
        "MMw.xxMZx.xxxxxx"   /* c0 */
        "mmmmxxxxmmmmmmmm"   /* d0 */
        "bbbbxxxxnnxbxxxx"   /* e0 */
        "xxxxx.mm..xx..mm";  /* f0 */

static const char of_0f[] = "xmxxxxxxxxxxxmxx"  /* 00 */
                            "mmmmmmmmmmmmmmmm"  /* 10 */
                            "xxxxxxxxmmmmmmmm"  /* 20 */
                            "x.xxxxxxxxxxxxxx"  /* 30 */
                            "mmmmmmmmmmmmmmmm"  /* 40 */
                            "mmmmmmmmmmmmmmmm"  /* 50 */
                            "mmmmmmmmmmmmmmmm"  /* 60 */
                            "MMMMmmm.xxxxmmmm"  /* 70 */
                            "nnnnnnnnnnnnnnnn"  /* 80 */
                            "mmmmmmmmmmmmmmmm"  /* 90 */
                            "xxxmMmxxxxxmMmmm"  /* a0 */
                            "mmxmxxmmmxMmmmmm"  /* b0 */
                            "mmMmMMMm........"  /* c0 */
                            "mmmmmmmmmmmmmmmm"  /* d0 */
                            "mmmmmmmmmmmmmmmm"  /* e0 */
                            "mmmmmmmmmmmmmmmx"; /* f0 */

/* The instruction that is being read. */
struct decoding {
        const uint8_t *bytes;
        size_t len, at;
        bool failed;
        bool segment, short_address, rex;
        uint8_t extend_reg, extend_index, extend_rm; /* 8, or 0 */
};

static uint8_t take_byte(struct decoding *d)
{
        if (d->at < d->len)
                return d->bytes[d->at++];
        d->failed = true;
        return 0;
}

static int64_t take_signed(struct decoding *d, size_t size)
{
        uint64_t number = 0;

        if (size > d->len - d->at) {
                d->failed = true;
                return 0;
        }
        memcpy(&number, d->bytes + d->at, size);
        d->at += size;
        return size == 0 ? 0 : (int64_t)(number << (64 - 8 * size)) >> (64 - 8 * size);
}

/* Takes prefixes. Returns the byte behind them. */
static uint8_t take_prefixes(struct decoding *d, struct elfsym_instruction *i)
{
        for (;;) {
                uint8_t byte = take_byte(d);

                if (byte == 0x66)
                        i->narrow = true;
                else if (byte == 0x67)
                        d->short_address = true;
                else if (byte == 0x64 || byte == 0x65)
                        d->segment = true;
                else if (byte != 0x2e && byte != 0x36 && byte != 0x3e && byte != 0x26 && byte != 0xf0 && byte != 0xf2 &&
                         byte != 0xf3)
                        return byte;
                if (d->failed)
                        return 0;
        }
}

static void take_rex(struct decoding *d, struct elfsym_instruction *i, uint8_t byte)
{
        i->wide = byte & 8;
        d->extend_reg = byte & 4 ? 8 : 0;
        d->extend_index = byte & 2 ? 8 : 0;
        d->extend_rm = byte & 1 ? 8 : 0;
}

/* Takes the rest of VEX (c4, c5) or EVEX (62). */
static void take_vector_prefix(struct decoding *d, struct elfsym_instruction *i, uint8_t byte)
{
        uint8_t first = take_byte(d), second = byte == 0xc5 ? first : take_byte(d);

        i->vector_prefix = true;
        i->map = byte == 0xc5 ? ELFSYM_MAP_0F : first & (byte == 0x62 ? 7 : 31);
        if (byte == 0x62)
                take_byte(d);
        take_rex(d, i, (uint8_t)((~first >> 5 & 7) | (byte == 0xc5 ? 0 : second >> 4 & 8)));
        if (byte == 0xc5)
                d->extend_index = d->extend_rm = 0;
        i->other = ~second >> 3 & 15;
        i->opcode = take_byte(d);
        if (i->map < ELFSYM_MAP_0F || i->map == 4 || i->map > ELFSYM_MAP_6 || d->rex)
                d->failed = true;
}

static void take_modrm(struct decoding *d, struct elfsym_instruction *i)
{
        uint8_t byte = take_byte(d), sib;
        size_t size;

        i->has_modrm = true;
        i->mod = byte >> 6;
        i->reg = (uint8_t)((byte >> 3 & 7) | d->extend_reg);
        i->rm = (uint8_t)((byte & 7) | d->extend_rm);
        if (i->mod == 3)
                return;
        size = i->mod == 1 ? 1 : i->mod == 2 ? 4 : 0;
        i->base = i->rm;
        i->has_address = !d->segment && !d->short_address;
        if ((byte & 7) == 4) {
                sib = take_byte(d);
                i->base = (uint8_t)((sib & 7) | d->extend_rm);
                i->has_address &= ((sib >> 3 & 7) | d->extend_index) == 4;
        }
        if (i->mod == 0 && (i->base & 7) == 5) { /* no base, or the instruction pointer */
                i->has_address = false;
                size = 4;
        }
        i->disp = (int32_t)take_signed(d, size);
}

static char what_follows(const struct elfsym_instruction *i)
{
        if (i->map == ELFSYM_MAP_ONE)
                return of_one[i->opcode];
        if (i->map == ELFSYM_MAP_0F3A)
                return 'M';
        if (i->map != ELFSYM_MAP_0F || (i->vector_prefix && i->opcode >= 0x78 && i->opcode <= 0x7b))
                return 'm';
        return i->vector_prefix && of_0f[i->opcode] == 'n' ? 'x' : of_0f[i->opcode];
}

static size_t size_of_immediate(const struct elfsym_instruction *i, char what)
{
        size_t full = i->narrow && !i->wide ? 2 : 4;

        if (i->map == ELFSYM_MAP_ONE && i->opcode >= 0xb8 && i->opcode <= 0xbf && i->wide)
                return 8;
        if (i->map == ELFSYM_MAP_ONE && (i->opcode == 0xf6 || i->opcode == 0xf7) && (i->reg & 7) < 2) /* test */
                return i->opcode == 0xf6 ? 1 : full;
        switch (what) {
        case 'b':
        case 'M':
                return 1;
        case 'w':
                return 2;
        case 'n':
                return 4;
        case 'z':
        case 'Z':
                return full;
        default:
                return 0;
        }
}

bool elfsym_instruction_decode(const uint8_t *bytes, size_t len, struct elfsym_instruction *ret)
{
        struct decoding d = { .bytes = bytes,
                              .len = len < ELFSYM_INSTRUCTION_LEN_MAX ? len : ELFSYM_INSTRUCTION_LEN_MAX };
        uint8_t byte;
        char what;

        *ret = (struct elfsym_instruction){ 0 };
        byte = take_prefixes(&d, ret);
        if ((byte & 0xf0) == 0x40) {
                d.rex = true;
                take_rex(&d, ret, byte);
                byte = take_byte(&d);
        }
        if (byte == 0xc4 || byte == 0xc5 || byte == 0x62) {
                take_vector_prefix(&d, ret, byte);
        } else {
                ret->map = byte == 0x0f ? ELFSYM_MAP_0F : ELFSYM_MAP_ONE;
                ret->opcode = byte == 0x0f ? take_byte(&d) : byte;
                if (byte == 0x0f && (ret->opcode == 0x38 || ret->opcode == 0x3a)) {
                        ret->map = ret->opcode == 0x38 ? ELFSYM_MAP_0F38 : ELFSYM_MAP_0F3A;
                        ret->opcode = take_byte(&d);
                }
        }
        ret->low = (uint8_t)((ret->opcode & 7) | d.extend_rm);
        what = what_follows(ret);
        if (what == 'x' || d.failed || (what == 'n' && ret->narrow)) /* which AMD and Intel take differently */
                return false;
        if (strchr("mMZ", what))
                take_modrm(&d, ret);
        ret->immediate = take_signed(&d, size_of_immediate(ret, what));
        ret->len = (uint8_t)d.at;
        return !d.failed;
}
