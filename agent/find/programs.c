/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs usually are, by name. A compiler that was no Python a hundred times need not be looked at 5 ms after its
 * exec: 40 ms later it has ended, or looking then is enough. A name that was Python once is never taken for another
 * program again.
 */
#include "agent/find/programs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

/* Looks at processes of a name that must agree. */
#define ENOUGH 4

struct name {
        char text[NSUTIL_COMM_SIZE];
        unsigned others;
        bool was_python;
        UT_hash_handle hh;
};

struct find_programs {
        struct name *names;
};

int find_programs_new(struct find_programs **ret)
{
        struct find_programs *programs = calloc(1, sizeof(*programs));

        if (!programs)
                return -ENOMEM;
        *ret = programs;
        return 0;
}

/* Forgets names of programs that were never Python, or all names if @all. */
static void forget_names(struct find_programs *programs, bool all)
{
        struct name *name, *next;

        HASH_ITER(hh, programs->names, name, next) {
                if (name->was_python && !all)
                        continue;
                HASH_DEL(programs->names, name);
                free(name);
        }
}

void find_programs_free(struct find_programs *programs)
{
        if (!programs)
                return;
        forget_names(programs, true);
        free(programs);
}

static struct name *add_name(struct find_programs *programs, const char *text)
{
        struct name *name;

        if (HASH_COUNT(programs->names) >= FIND_PROGRAMS_MAX)
                forget_names(programs, false);
        if (HASH_COUNT(programs->names) >= FIND_PROGRAMS_MAX)
                forget_names(programs, true);
        name = calloc(1, sizeof(*name));
        if (!name)
                return NULL;
        snprintf(name->text, sizeof(name->text), "%s", text);
        HASH_ADD_STR(programs->names, text, name);
        if (name->hh.tbl)
                return name;
        free(name);
        return NULL;
}

void find_programs_note(struct find_programs *programs, const char *text, bool is_python)
{
        struct name *name;

        if (!text[0])
                return;
        HASH_FIND_STR(programs->names, text, name);
        if (!name)
                name = add_name(programs, text);
        if (!name)
                return;
        name->was_python |= is_python;
        name->others += !is_python && name->others < ENOUGH;
}

bool find_programs_is_other(const struct find_programs *programs, const char *text)
{
        struct name *name;

        HASH_FIND_STR(programs->names, text, name);
        return name && !name->was_python && name->others >= ENOUGH && !strcasestr(text, "python");
}
