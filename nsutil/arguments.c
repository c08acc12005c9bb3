/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line and the environment. The kernel reads them from the process's memory. A process may move both to any
 * address (PR_SET_MM_MAP of prctl(2)).
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- their addresses -------------------------------------------------------------------- */

/* Fields of /proc/PID/stat, as proc(5) numbers them. */
enum { FIELD_STATE = 3, FIELD_ARG_START = 48, FIELD_ARG_END, FIELD_ENV_START, FIELD_ENV_END };

#define STAT_MAX ((size_t)4096)

static bool parse_arguments(const char *text, size_t len, uint64_t ret[static 4])
{
        const char *close = memrchr(text, ')', len);
        struct nsutil_text rest = { close ? close + 1 : text, text + len }, field;

        if (!close || !nsutil_text_prefix(&rest, " "))
                return false;
        for (int i = FIELD_STATE; i < FIELD_ARG_START; i++)
                if (!nsutil_text_until(&rest, ' ', &field))
                        return false;
        for (int i = FIELD_ARG_START; i <= FIELD_ENV_END; i++)
                if (!nsutil_text_u64(&rest, 10, &ret[i - FIELD_ARG_START]) || !nsutil_text_prefix(&rest, " "))
                        return false;
        return true;
}

static bool ordered_span_may_hang(pid_t pid, uint64_t from, uint64_t to)
{
        return from < to && nsutil_span_may_hang(pid, from, to - from);
}

bool nsutil_arguments_may_hang(pid_t pid)
{
        char *text;
        uint64_t at[4];
        size_t len;

        if (nsutil_read_proc(pid, "stat", STAT_MAX, &text, &len) != 0)
                return false;
        bool known = parse_arguments(text, len, at);
        free(text);
        return known && (ordered_span_may_hang(pid, at[0], at[1]) || ordered_span_may_hang(pid, at[2], at[3]));
}

/* ---- reading them ------------------------------------------------------------------------ */

struct reading {
        pid_t pid;
        const char *name;
        size_t max; /* bytes */
        bool cut;   /* cut what exceeds @max; otherwise it is an error */
        char *text;
        size_t len;
        int error;
};

static int read_beginning(struct reading *r)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof path, "/proc/%d/%s", nsutil_task(r->pid), r->name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return nsutil_proc_error(errno);
        r->text = malloc(r->max);
        ssize_t n = r->text ? nsutil_read_up_to(fd, r->text, r->max) : -ENOMEM;
        close(fd);
        r->len = n < 0 ? 0 : (size_t)n;
        return n < 0 ? nsutil_proc_error((int)-n) : 0;
}

static void run_reading(void *job)
{
        struct reading *r = job;

        if (nsutil_arguments_may_hang(r->pid))
                r->error = NSUTIL_E_HANGS;
        else if (r->cut)
                r->error = read_beginning(r);
        else
                r->error = nsutil_read_proc(r->pid, r->name, r->max, &r->text, &r->len);
}

static void discard_reading(void *job)
{
        struct reading *r = job;

        free(r->text);
        free(r);
}

/* On success the text is the caller's. */
static int read_in_time(const struct reading *what, char **ret_text, size_t *ret_len)
{
        static const struct nsutil_work work = { .run = run_reading, .discard = discard_reading };
        struct reading *r = malloc(sizeof *r);

        if (!r)
                return -ENOMEM;
        *r = *what;
        int e = nsutil_attempt(r->pid, &work, r);
        if (e != 0)
                return e;
        e = r->error;
        if (e == 0) {
                *ret_text = r->text;
                *ret_len = r->len;
                r->text = NULL;
        }
        discard_reading(r);
        return e;
}

int nsutil_read_arguments(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
        const struct reading what = { .pid = pid, .name = name, .max = max };

        return read_in_time(&what, ret_text, ret_len);
}

int nsutil_cmdline(pid_t pid, char *buf, size_t size)
{
        const struct reading what = { .pid = pid, .name = "cmdline", .max = size - 1, .cut = true };
        char *text;
        size_t n;
        int r = read_in_time(&what, &text, &n);

        if (r != 0)
                return r;
        while (n > 0 && text[n - 1] == '\0')
                n--;
        for (size_t i = 0; i < n; i++)
                buf[i] = text[i] == '\0' ? ' ' : text[i];
        buf[n] = '\0';
        free(text);
        return 0;
}
