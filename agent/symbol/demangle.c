/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as people know them. GNU libiberty demangles C++ and Rust. It is given names of hostile files, so three things
 * are bounded:
 *   - its recursion, by itself: it refuses names of C++ with more than 1024 characters (DEMANGLE_RECURSION_LIMIT);
 *   - what it writes: a short name of C++ may refer to parts of itself so often that its plain form has 2^100
 *     characters. libiberty has no way to be stopped, except that it holds no memory while it writes a name of C++. So
 *     its callback leaves by longjmp();
 *   - names of Rust likewise, but there it may hold memory. So their references are counted before.
 */
#include "cython.h"
#include "elfsym/elfsym.h"
#include "pystack/pystack.h"
#include "symbol.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

/* What may be written for a name, of which most is not kept. */
#define WORK_MAX ((size_t)64 << 10)

/* Two of them may double what is written. Of the 104 279 names in a rustc's own library 557 have more: they stay as they are. */
#define RUST_REFERENCES_MAX 24

/* The longest name of Rust that is tried. */
#define RUST_LENGTH_MAX 512

/* A plain name on its way. */
struct plain {
        char text[2 * SYMBOL_NAME_SIZE];
        size_t len, written;
        bool can_leave;
        jmp_buf leave;
};

static void append_text(const char *text, size_t len, void *ctx)
{
        struct plain *plain = ctx;
        size_t room = sizeof(plain->text) - 1 - plain->len, taken = len < room ? len : room;

        if (taken > 0) /* @text may be NULL if @len is 0 */
                memcpy(plain->text + plain->len, text, taken);
        plain->len += taken;
        plain->text[plain->len] = '\0';
        plain->written += len;
        if (plain->can_leave && plain->written > WORK_MAX)
                longjmp(plain->leave, 1);
}

static bool demangle_cpp(const char *raw, struct plain *plain)
{
        if (strncmp(raw, "_Z", 2) != 0)
                return false;
        plain->can_leave = true;
        if (setjmp(plain->leave) != 0)
                return false;
        return cplus_demangle_v3_callback(raw, DMGL_NO_OPTS, append_text, plain) != 0;
}

static size_t count_references(const char *raw)
{
        size_t n = 0;

        for (; *raw; raw++)
                n += *raw == 'B';
        return n;
}

static bool demangle_rust(const char *raw, struct plain *plain)
{
        if ((strncmp(raw, "_R", 2) != 0 && strncmp(raw, "_ZN", 3) != 0) || strlen(raw) > RUST_LENGTH_MAX ||
            (raw[1] == 'R' && count_references(raw) > RUST_REFERENCES_MAX))
                return false;
        plain->can_leave = false;
        return rust_demangle_callback(raw, DMGL_NO_OPTS, append_text, plain) != 0;
}

static bool demangle_cython(const char *raw, struct plain *plain)
{
        return cython_demangle(raw, plain->text, sizeof(plain->text));
}

/* Old names of Rust are also names of C++, whose last part is a hash. */
static const struct {
        enum symbol_language language;
        bool (*demangle)(const char *raw, struct plain *plain);
} languages[] = {
        { SYMBOL_RUST, demangle_rust },
        { SYMBOL_CPP, demangle_cpp },
        { SYMBOL_CYTHON, demangle_cython },
};

/*
 * What gcc and clang append to the names of parts and copies of functions, such as "sort.constprop.0.cold". They are one
 * function to people.
 */
static const char *const endings[] = {
        ".cold", ".part.", ".isra.", ".constprop.", ".lto_priv.", ".localalias", ".llvm.",
};

static size_t length_without_endings(const char *raw)
{
        size_t len = strlen(raw);

        for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
                const char *ending = len > 1 ? strstr(raw + 1, endings[i]) : NULL;

                if (ending && (size_t)(ending - raw) < len)
                        len = (size_t)(ending - raw);
        }
        return len;
}

/* Escapes @plain. What does not fit ends with an ellipsis. */
static void write_name(const char *plain, char *ret, size_t size)
{
        static const char ellipsis[] = "…";
        char all[2 * SYMBOL_NAME_SIZE * 4 + 1];

        pystack_escape(plain, strlen(plain), all, sizeof(all));
        pystack_escape(plain, strlen(plain), ret, size);
        if (strlen(all) <= strlen(ret))
                return;
        pystack_escape(plain, strlen(plain), ret, size - (sizeof(ellipsis) - 1));
        strcat(ret, ellipsis);
}

enum symbol_language symbol_demangle(const char *raw, char *ret, size_t size)
{
        char name[ELFSYM_FUNCTION_NAME_SIZE];
        struct plain plain = { .len = 0 };
        size_t len = length_without_endings(raw);

        len = len < sizeof(name) ? len : sizeof(name) - 1;
        memcpy(name, raw, len);
        name[len] = '\0';
        for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++) {
                plain.len = plain.written = 0;
                if (!languages[i].demangle(name, &plain))
                        continue;
                write_name(plain.text, ret, size);
                return languages[i].language;
        }
        write_name(name, ret, size);
        return SYMBOL_C;
}
