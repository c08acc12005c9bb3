/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process says of itself: its command line, and two variables of its environment. The kernel shows the memory
 * that held them when the program began, and the process may have written over it since: programs that set their title
 * do (setproctitle). So find keeps what it has read first, as long as the process runs the same program. A process that
 * was forked, and has executed nothing since, says what its parent says.
 */
#include "agent/find/identity/claims.h"

#include <stdlib.h>
#include <string.h>

/* The kernel limits one string to 128 KiB, and all strings to a quarter of the stack's limit: 2 MiB by default. */
#define ENVIRON_MAX ((size_t)2 << 20)
#define CMDLINE_MAX ENVIRON_MAX

struct find_claims {
        uint64_t start_stack; /* of the program that says so: it changes with every exec */
        char texts[]; /* cmdline, program and service, each with its NUL; then resource. See struct find_process */
};

/* ---- reading ---------------------------------------------------------------- */

/* Sets the command line. A process that may hang has at least its program there. */
static bool read_cmdline(struct find_process *process)
{
        char cmdline[FIND_NAME_SIZE] = "";
        int r = nsutil_cmdline(process->pid, cmdline, sizeof(cmdline));

        if (r == NSUTIL_E_HANGS)
                memcpy(process->cmdline, process->exe, sizeof(process->cmdline));
        else
                pystack_escape(cmdline, strlen(cmdline), process->cmdline, sizeof(process->cmdline));
        return r == 0;
}

static bool read_program(struct find_process *process)
{
        char *text;
        size_t len;

        if (nsutil_read_arguments(process->pid, "cmdline", CMDLINE_MAX, &text, &len))
                return false;
        find_program_name(process->exe, text, len, process->program, sizeof(process->program));
        free(text);
        return true;
}

static bool read_environment(struct find_process *process)
{
        char *text;
        size_t len, value_len;

        if (nsutil_read_arguments(process->pid, "environ", ENVIRON_MAX, &text, &len))
                return false;
        const char *value = find_environ_get(text, len, "OTEL_SERVICE_NAME", &value_len);
        if (value)
                find_clean(value, value_len, process->service, sizeof(process->service));
        value = find_environ_get(text, len, "OTEL_RESOURCE_ATTRIBUTES", &value_len);
        if (value)
                find_resource_parse(value, value_len, process);
        free(text);
        return true;
}

bool find_claims_read(struct find_process *process)
{
        bool cmdline = read_cmdline(process), program = read_program(process), environment = read_environment(process);

        return cmdline && program && environment;
}

/* ---- keeping ---------------------------------------------------------------- */

/* The claims of the process of @stat, if it still runs the program that made them. */
static const struct find_claims *get_own(const struct find *find, const struct nsutil_stat *stat)
{
        const struct find_entry *entry = find_known_get(find, stat->pid);

        return entry && entry->claims && entry->start_time == stat->start_time &&
                               entry->claims->start_stack == stat->start_stack
                       ? entry->claims
                       : NULL;
}

/* Those of the parent that it is a copy of. */
static const struct find_claims *get_parents(const struct find *find, const struct nsutil_stat *stat)
{
        struct nsutil_stat parent;

        if (stat->executed || nsutil_stat_read(stat->ppid, &parent) || parent.start_stack != stat->start_stack)
                return NULL;
        return get_own(find, &parent);
}

static const char *take_text(const char *text, char *ret)
{
        size_t size = strlen(text) + 1;

        memcpy(ret, text, size);
        return text + size;
}

bool find_claims_get(const struct find *find, const struct nsutil_stat *stat, struct find_process *process)
{
        const struct find_claims *claims = get_own(find, stat);

        claims = claims ? claims : get_parents(find, stat);
        if (!claims)
                return false;
        const char *text = take_text(claims->texts, process->cmdline);
        text = take_text(text, process->program);
        text = take_text(text, process->service);
        memcpy(process->resource, text, find_resource_size(text));
        return true;
}

void find_claims_forget(struct find_entry *entry)
{
        free(entry->claims);
        entry->claims = NULL;
}

void find_claims_keep(const struct find *find, const struct nsutil_stat *stat, const struct find_process *process)
{
        struct find_entry *entry = find_known_get(find, stat->pid);
        size_t cmdline = strlen(process->cmdline) + 1, program = strlen(process->program) + 1,
               service = strlen(process->service) + 1, resource = find_resource_size(process->resource);

        if (!entry || entry->start_time != stat->start_time || !stat->start_stack || get_own(find, stat))
                return;
        find_claims_forget(entry);
        entry->claims = malloc(sizeof(*entry->claims) + cmdline + program + service + resource);
        if (!entry->claims)
                return; /* they are read again */
        char *at = entry->claims->texts;
        entry->claims->start_stack = stat->start_stack;
        at = mempcpy(at, process->cmdline, cmdline);
        at = mempcpy(at, process->program, program);
        at = mempcpy(at, process->service, service);
        memcpy(at, process->resource, resource);
}
