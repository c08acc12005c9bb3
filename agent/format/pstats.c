/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPython's pstats module reads: a dict by (file, first line, name) of (cc, nc, tottime, cumtime, callers), written by
 * marshal, with types that each version since 2.5 knows. Nobody has counted calls. As CPython's own sampling profiler
 * does, nc is the samples with the function on the stack, and cc those with it as the leaf. Times are seconds. An entry
 * without time has a name that says so.
 */
#include "agent/base/base.h"
#include "calls.h"
#include "flat.h"
#include "formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void write_u32(uint32_t value, FILE *out)
{
        for (int shift = 0; shift < 32; shift += 8)
                putc((int)(value >> shift & 0xff), out);
}

/* An int of 32 bits, or a long of digits of 15 bits each. */
static void write_integer(uint64_t value, FILE *out)
{
        uint32_t digits = 0;

        if (value <= INT32_MAX) {
                putc('i', out);
                write_u32((uint32_t)value, out);
                return;
        }
        for (uint64_t rest = value; rest; rest >>= 15)
                digits++;
        putc('l', out);
        write_u32(digits, out);
        for (; value; value >>= 15) {
                putc((int)(value & 0xff), out);
                putc((int)(value >> 8 & 0x7f), out);
        }
}

static void write_seconds(uint64_t ns, FILE *out)
{
        double seconds = (double)ns / 1e9;
        uint64_t bits;

        memcpy(&bits, &seconds, sizeof(bits));
        putc('g', out);
        write_u32((uint32_t)bits, out);
        write_u32((uint32_t)(bits >> 32), out);
}

static int write_unicode(const char *text, FILE *out)
{
        char *clean = escape_clean(text);

        if (!clean)
                return -ENOMEM;
        putc('u', out);
        write_u32((uint32_t)strlen(clean), out);
        fputs(clean, out);
        free(clean);
        return 0;
}

static void begin_tuple(uint32_t n, FILE *out)
{
        putc('(', out);
        write_u32(n, out);
}

/* A function's key. What has no file is called "~", as built-in functions are. */
static int write_key(const char *file, uint32_t line, const char *name, FILE *out)
{
        begin_tuple(3, out);
        int r = write_unicode(*file ? file : "~", out);
        write_integer(line, out);
        return r < 0 ? r : write_unicode(name, out);
}

static int write_function_key(const struct profile *p, profile_id id, FILE *out)
{
        const struct profile_function *function = profile_function(p, id);

        return write_key(function->file, function->first_line, function->name, out);
}

static void write_sums(const struct call_sums *sums, FILE *out)
{
        write_integer(sums->self, out);
        write_integer(sums->count, out);
        write_seconds(sums->self_ns, out);
        write_seconds(sums->ns, out);
}

/* Writes a function and its callers, which begin at @i. Returns the index behind them, or a negative errno. */
static int write_entry(const struct profile *p, const struct calls *calls, size_t *i, FILE *out)
{
        const struct call *whole = &calls->items[(*i)++];
        int r = write_function_key(p, whole->function, out);

        begin_tuple(5, out);
        write_sums(&whole->sums, out);
        putc('{', out);
        for (; r == 0 && *i < calls->n && calls->items[*i].caller; (*i)++) {
                r = write_function_key(p, calls->items[*i].caller, out);
                begin_tuple(4, out);
                write_sums(&calls->items[*i].sums, out);
        }
        putc('0', out);
        return r;
}

static int write_note(FILE *out)
{
        int r = write_key("", 0, PSTATS_NOTE, out);

        begin_tuple(5, out);
        write_sums(&(struct call_sums){ 0 }, out);
        fputs("{0", out);
        return r;
}

static int write_stats(const struct profile *p, FILE *out)
{
        struct calls calls;
        int r = calls_init(&calls, p);

        if (r)
                return r;
        putc('{', out);
        r = write_note(out);
        for (size_t i = 0; r == 0 && i < calls.n;)
                r = write_entry(p, &calls, &i, out);
        putc('0', out);
        calls_deinit(&calls);
        return r;
}

static int pstats_write(const struct profile_set *set, FILE *out)
{
        struct flat flat;
        int r = flat_init(&flat, set);

        if (r)
                return r;
        r = flat.timed ? write_stats(flat.profile, out) : -ENODATA;
        flat_deinit(&flat);
        return r ? r : escape_finish(out);
}

const struct format format_pstats = {
        .name = "pstats",
        .endings = { ".pstats", ".prof" },
        .summary = "for python -m pstats; functions and callers, no stacks",
        .binary = true,
        .seconds = true,
        .write = pstats_write,
};
