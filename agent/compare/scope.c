/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own functions are those of files that are neither installed nor part of Python. A test suite mostly runs what is not
 * the project's: the interpreter's start, the collection of tests, imports, the framework. Its share varies between runs
 * by more than any change of the project would. So of a test suite only the tests themselves count.
 */
#include "scope.h"

#include "source_paths.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        FLAG_OWN = 1,
        FLAG_REFUSED = 2, /* --ignore names it */
        FLAG_TEST = 4,    /* a test framework's function that runs one test */
        FLAG_ASKED = 8,   /* --from names it */
        FLAG_IMPORT = 16,
        FLAG_THREAD = 32, /* the outermost function of a thread that Python code has started */
        FLAG_GC = 64,
};

/* Functions of Python and of test frameworks, by the end of their file and by their names. */
static const struct {
        const char *file, *name;
        unsigned flag;
} known[] = {
        { "_pytest/runner.py", "runtestprotocol", FLAG_TEST },
        { "unittest/case.py", "TestCase.run", FLAG_TEST },
        { "unittest/case.py", "run", FLAG_TEST }, /* up to 3.10, which has no qualified names */
        { "<frozen importlib._bootstrap>", "_find_and_load", FLAG_IMPORT },
        { "threading.py", "Thread._bootstrap", FLAG_THREAD },
        { "threading.py", "_bootstrap", FLAG_THREAD },
};

/*
 * What samplers call the garbage collector's frame. It has no file. A collection meets whatever function runs when its
 * time has come, and a few of them are all that a run has. So they are left out.
 */
#define GC "<GC>"

/* ---- one function ------------------------------------------------------------------ */

static bool ends_with_part(const char *file, const char *end)
{
        size_t len = strlen(file), n = strlen(end);

        return len >= n && strcmp(file + len - n, end) == 0 && (len == n || file[len - n - 1] == '/');
}

/* Whether @glob matches a text, or what is left of it without leading folders. */
static bool matches_end(const char *glob, const char *text)
{
        const char *slash = text;

        for (const char *at = text; slash; at = slash + 1) {
                if (fnmatch(glob, at, 0) == 0)
                        return true;
                slash = strchr(at, '/');
        }
        return false;
}

/* The longest "file:function" that globs are matched with. The rest of a longer one is not looked at. */
#define KEY_MAX 4096

static bool matches_function(const char *glob, const struct profile_function *f)
{
        char key[KEY_MAX];

        snprintf(key, sizeof(key), "%s:%s", f->file, f->name);
        return (*f->file && matches_end(glob, f->file)) || matches_end(glob, key);
}

/* Marks the globs that match, and returns whether one does. */
static bool match_globs(const char *const *globs, size_t n, uint64_t *used, const struct profile_function *f)
{
        bool any = false;

        for (size_t i = 0; i < n; i++) {
                bool match = matches_function(globs[i], f);

                any |= match;
                *used |= (uint64_t)match << (i % COMPARE_GLOBS_MAX);
        }
        return any;
}

/*
 * Whether a function is the project's, as its file tells. Code from a string has "<string>" as its file. Other names in
 * such brackets are of code that a library has made, or of the interpreter. Names in brackets without a file are no
 * functions.
 */
static bool is_own(const struct profile_function *f)
{
        if (f->kind != PROFILE_PYTHON || source_paths_library(f->file))
                return false;
        if (!*f->file)
                return *f->name && !strchr("([", *f->name) && strcmp(f->name, GC) != 0;
        bool made = *f->file == '<' && f->file[strlen(f->file) - 1] == '>';

        return !made || strcmp(f->file, "<string>") == 0 || strcmp(f->file, "<stdin>") == 0;
}

static bool is_from(const char *from, const struct profile_function *f)
{
        return fnmatch(from, f->name, 0) == 0 || matches_function(from, f);
}

static unsigned flags_of_function(struct scope *scope, const struct profile_function *f)
{
        const struct compare_scope *asked = scope->asked;
        unsigned flags = 0;
        bool only = match_globs(asked->only, asked->only_n, &scope->found.used_only, f);

        if (asked->only_n > 0 ? only : is_own(f))
                flags |= FLAG_OWN;
        if (match_globs(asked->ignore, asked->ignore_n, &scope->found.used_ignore, f))
                flags |= FLAG_REFUSED;
        if (asked->from && *asked->from && is_from(asked->from, f))
                flags |= FLAG_ASKED;
        if (!*f->file && strcmp(f->name, GC) == 0)
                flags |= FLAG_GC;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (strcmp(f->name, known[i].name) == 0 && ends_with_part(f->file, known[i].file))
                        flags |= known[i].flag;
        return flags;
}

/* ---- all functions ---------------------------------------------------------------- */

static int make_room_for_flags(struct scope *scope, size_t n)
{
        if (n < scope->n)
                return 0;

        unsigned char *flags = realloc(scope->flags, n + 1);

        if (!flags)
                return -ENOMEM;
        memset(flags + scope->n, 0, n + 1 - scope->n);
        scope->flags = flags;
        scope->n = n + 1;
        return 0;
}

int scope_learn(struct scope *scope, enum compare_side side, const struct profile_map *map)
{
        int r = make_room_for_flags(scope, profile_functions(map->to));

        for (uint32_t id = 1; r == 0 && id <= profile_functions(map->from); id++) {
                if (map->functions[id] == 0)
                        continue; /* no frame has it */

                unsigned flags = flags_of_function(scope, profile_function(map->from, id));

                scope->flags[map->functions[id]] |= (unsigned char)flags;
                scope->found.has_tests[side] |= (flags & FLAG_TEST) != 0;
                scope->found.has_from[side] |= (flags & FLAG_ASKED) != 0;
        }
        return r;
}

static bool is_judged(const struct scope *scope, profile_id function)
{
        unsigned flags = scope->flags[function];

        return scope->found.whole ||
               ((flags & FLAG_REFUSED) == 0 && (scope->found.everything || (flags & FLAG_OWN) != 0));
}

static void note_unmatched_glob(struct scope *scope)
{
        const struct compare_scope *asked = scope->asked;

        for (size_t i = 0; i < asked->only_n; i++)
                if (!(scope->found.used_only >> (i % COMPARE_GLOBS_MAX) & 1))
                        scope->found.unmatched = asked->only[i];
        for (size_t i = 0; i < asked->ignore_n; i++)
                if (!(scope->found.used_ignore >> (i % COMPARE_GLOBS_MAX) & 1))
                        scope->found.unmatched = asked->ignore[i];
}

void scope_decide(struct scope *scope)
{
        struct compare_scoped *found = &scope->found;
        const char *from = scope->asked->from;

        found->whole = scope->asked->whole;
        found->everything = found->whole;
        if (found->whole)
                return;
        found->from = from && *from ? from : NULL;
        found->only = scope->asked->only_n > 0;
        found->ignore = scope->asked->ignore_n > 0;
        if (found->from)
                found->start = COMPARE_START_ASKED;
        else if (!from && (found->has_tests[COMPARE_BASE] || found->has_tests[COMPARE_NEW]))
                found->start = COMPARE_START_TESTS;
        found->everything = !found->only;
        for (size_t id = 1; id < scope->n; id++)
                if (scope->flags[id] & FLAG_OWN)
                        found->everything = false;
        note_unmatched_glob(scope);
}

/* ---- stacks ------------------------------------------------------------------------ */

/*
 * The number of innermost frames that lie below the start, with the start itself; 0: there is none. A thread that a test
 * has started has no test in its stack.
 */
static size_t count_frames_from_start(const struct scope *scope, const struct profile_map *map,
                                      const profile_id *frames, size_t n)
{
        unsigned wanted = scope->found.start == COMPARE_START_ASKED ? FLAG_ASKED : FLAG_TEST | FLAG_THREAD;

        if (scope->found.start == COMPARE_START_NONE)
                return n;
        for (size_t i = n; i-- > 0;)
                if (scope->flags[map->functions[profile_frame(map->from, frames[i])->function]] & wanted)
                        return i + 1;
        return 0;
}

size_t scope_cut(const struct scope *scope, const struct profile_map *map, profile_id stack, profile_id *ret,
                 enum compare_left_out *ret_why)
{
        size_t n, kept = 0;
        bool collects = false;
        const profile_id *frames = profile_stack(map->from, stack, &n);
        size_t inside = count_frames_from_start(scope, map, frames, n);

        *ret_why = inside == 0 ? COMPARE_LEFT_OUTSIDE : COMPARE_LEFT_FOREIGN;
        for (size_t i = profile_leaf(map->from, frames, n); i < inside; i++) {
                profile_id function = map->functions[profile_frame(map->from, frames[i])->function];

                if (scope->found.start != COMPARE_START_NONE && (scope->flags[function] & FLAG_IMPORT)) {
                        *ret_why = COMPARE_LEFT_IMPORTS;
                        return 0;
                }
                if (is_judged(scope, function))
                        ret[kept++] = map->frames[frames[i]];
                else if (scope->flags[function] & FLAG_GC)
                        collects = true;
        }
        if (kept > 0 && collects)
                *ret_why = COMPARE_LEFT_COLLECTION;
        return collects ? 0 : kept;
}

void scope_deinit(struct scope *scope)
{
        free(scope->flags);
        *scope = (struct scope){ 0 };
}
