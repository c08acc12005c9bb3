/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process is. Of its environment one variable is taken, by which its
 * owner says under which name it is to be known; the rest is never looked at.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel limits one string to 128 KiB, all to a quarter of the stack's limit: 2 MiB by default. */
#define ENVIRON_MAX ((size_t)2 << 20)

static void set_exe(struct find_process *process)
{
        char exe[PATH_MAX] = "";

        nsutil_exe(process->pid, exe, sizeof(exe));
        find_clean(exe, strlen(exe), process->exe, sizeof(process->exe));
}

static void set_cmdline(struct find_process *process)
{
        char cmdline[FIND_NAME_SIZE] = "";

        nsutil_cmdline(process->pid, cmdline, sizeof(cmdline));
        find_clean(cmdline, strlen(cmdline), process->cmdline, sizeof(process->cmdline));
}

static void set_container(const struct find *find, struct find_process *process)
{
        struct find_names names;

        if (nsutil_container_id(process->pid, process->container_id))
                return;
        find_names_get(find, process->container_id, &names);
        memcpy(process->container_name, names.name, sizeof(names.name));
        memcpy(process->image, names.image, sizeof(names.image));
}

static void set_service_from_environ(struct find_process *process)
{
        char *text;
        size_t len, value_len;

        if (nsutil_read_proc(process->pid, "environ", ENVIRON_MAX, &text, &len))
                return;
        const char *value = find_environ_get(text, len, "OTEL_SERVICE_NAME", &value_len);
        if (value)
                find_clean(value, value_len, process->service, sizeof(process->service));
        free(text);
}

static void set_service(struct find_process *process, const char *comm)
{
        const char *const choices[] = { process->container_name, find_basename(process->exe), comm, "unknown" };

        set_service_from_environ(process);
        for (size_t i = 0; !process->service[0] && i < sizeof(choices) / sizeof(*choices); i++)
                find_clean(choices[i], strlen(choices[i]), process->service, sizeof(process->service));
}

int find_identify(struct find *find, pid_t pid, struct find_process *ret)
{
        struct find_process process = { .pid = pid };
        struct nsutil_stat stat, again;
        int r = nsutil_stat_read(pid, &stat);

        if (r)
                return r;
        process.start_time = stat.start_time;
        set_exe(&process);
        set_cmdline(&process);
        set_container(find, &process);
        set_service(&process, stat.comm);
        /* All of that was said of one and the same process only if it is still there. */
        r = nsutil_stat_read(pid, &again);
        if (!r && again.start_time != stat.start_time)
                r = NSUTIL_E_GONE;
        if (!r)
                *ret = process;
        return r;
}
