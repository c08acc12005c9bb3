/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cython's names (Cython/Compiler/Naming.py, Symtab.py: scope_prefix, next_id): a prefix that says what the function is,
 * then each scope as its length, its name and an underscore, then the function's name. Names of Python functions have
 * a number before them, which counts what was named in that scope. It is missing where it would be 0:
 *
 *      __pyx_pw_5numpy_6random_6mtrand_11RandomState_3seed     numpy.random.mtrand.RandomState.seed
 *      __pyx_f_5numpy_6random_6mtrand_kahan_sum                numpy.random.mtrand.kahan_sum
 *
 * A number may look like a length: "3get_x" is the function get_x, or x in the scope get. The function that is called
 * (pw) has an odd number, and the one that it calls (pf) the even one before it, or none.
 */
#include "cython.h"

#include <stdlib.h>
#include <string.h>

/* How the last part may begin. */
enum number {
        NUMBER_NEVER,
        NUMBER_ALWAYS,
        NUMBER_EVEN, /* or none, for 0 */
};

static const struct {
        const char *prefix;
        enum number number;
} kinds[] = {
        { "__pyx_pw_", NUMBER_ALWAYS }, /* what Python calls: it unpacks the arguments */
        { "__pyx_pf_", NUMBER_EVEN },   /* the body of a Python function */
        { "__pyx_gb_", NUMBER_ALWAYS }, /* the body of a generator */
        { "__pyx_f_", NUMBER_NEVER },   /* a cdef function */
};

#define DIGITS "0123456789"

struct out {
        char *text;
        size_t len, size;
};

static void append_part(struct out *out, const char *part, size_t len)
{
        size_t room = out->size - 1 - out->len;

        if (out->len > 0 && room > 0) {
                out->text[out->len++] = '.';
                room--;
        }
        len = len < room ? len : room;
        memcpy(out->text + out->len, part, len);
        out->len += len;
        out->text[out->len] = '\0';
}

/* Whether @name could be a function's name, the last part of a name of a kind that is numbered so. */
static bool can_end(const char *name, enum number number)
{
        size_t digits = strspn(name, DIGITS);

        return name[digits] && (number == NUMBER_NEVER ? digits == 0 : number == NUMBER_ALWAYS ? digits > 0 : true);
}

/* Whether a scope's length and name are at @at. Then *@ret_rest is behind its underscore. */
static bool is_scope(const char *at, const char **ret_part, size_t *ret_len, const char **ret_rest)
{
        size_t digits = strspn(at, DIGITS);
        unsigned long len = digits > 0 && digits < 4 ? strtoul(at, NULL, 10) : 0;
        const char *part = at + digits;

        if (len == 0 || strnlen(part, len + 1) < len + 1 || part[len] != '_' || !part[len + 1] ||
            strspn(part, "_") >= len || strspn(part, DIGITS) > 0)
                return false;
        *ret_part = part;
        *ret_len = len;
        *ret_rest = part + len + 1;
        return true;
}

/* Whether the part at @at is rather a number and a name than a scope, before @rest. */
static bool is_numbered_name(const char *at, const char *rest, enum number number)
{
        size_t digits = strspn(rest, DIGITS);

        if (number == NUMBER_NEVER)
                return false;
        if (number == NUMBER_ALWAYS)
                return digits == 0 && !strpbrk(rest, DIGITS);
        return digits == 0 && strtoul(at, NULL, 10) % 2 == 0 && strncmp(rest, "__", 2) != 0 && !strpbrk(rest, DIGITS);
}

static bool take_parts(const char *at, enum number number, struct out *out)
{
        const char *part, *rest;
        size_t len;

        if (!is_scope(at, &part, &len, &rest)) /* there is a module at least */
                return false;
        append_part(out, part, len);
        for (at = rest; is_scope(at, &part, &len, &rest) && !is_numbered_name(at, rest, number); at = rest)
                append_part(out, part, len);
        if (!can_end(at, number))
                return false;
        part = at + strspn(at, DIGITS);
        append_part(out, part, strlen(part));
        return true;
}

bool cython_demangle(const char *raw, char *ret, size_t size)
{
        for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
                size_t len = strlen(kinds[i].prefix);
                struct out out = { ret, 0, size };

                if (strncmp(raw, kinds[i].prefix, len) == 0)
                        return take_parts(raw + len, kinds[i].number, &out);
        }
        return false;
}
