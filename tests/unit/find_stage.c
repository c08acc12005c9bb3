/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/find_stage.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct find_stage stage = { .starting = PYSTACK_E_NOT_READY };

bool stage_has_name(pid_t pid, const char *name)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 && stat.ppid == getpid() && stat.start_stack != 0 &&
               !strcmp(stat.comm, name);
}

static const struct {
        const char *name;
        int status;
} pythons[] = {
        { "py-good", 0 },
        { "py-denied", PYSTACK_E_DENIED },
        { "python-denied", PYSTACK_E_DENIED },
        { "py-old", PYSTACK_E_UNSUPPORTED },
        { "py-failing", -EIO },
        { "py-costly", PYSTACK_E_COSTLY },
};

static int status_of(pid_t pid)
{
        for (size_t i = 0; i < sizeof(pythons) / sizeof(*pythons); i++)
                if (stage_has_name(pid, pythons[i].name))
                        return pythons[i].status;
        return stage_has_name(pid, "py-starting") ? stage.starting : PYSTACK_E_NOT_PYTHON;
}

static int open_by_name(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info)
{
        int status = status_of(options->pid);

        stage.n_opened++;
        usleep(stage.open_us);
        ret_info->version = 0x030d00f0;
        if (status == 0) {
                *ret = malloc(1);
                stage.n_open++;
        }
        return status;
}

static void close_it(struct pystack *py)
{
        stage.n_open -= py != NULL;
        free(py);
}

const struct find_ops stage_by_name = { .open = open_by_name, .close = close_it };

static void on_born(void *ctx, const struct find_process *process, struct pystack *py)
{
        struct log *log = ctx;

        log->born[log->n_born] = *process;
        log->py[log->n_born++] = py;
}

static void on_ended(void *ctx, pid_t pid, uint64_t start_time)
{
        struct log *log = ctx;

        log->ended[log->n_ended].pid = pid;
        log->ended[log->n_ended++].start_time = start_time;
}

const struct find_events stage_events = { .ctx = &stage.seen, .born = on_born, .ended = on_ended };

void stage_scan_until_born(void)
{
        for (unsigned i = 0; i < 100 && stage.seen.n_born == 0; i++) {
                usleep(1000 * (useconds_t)find_timeout_ms(stage.find) + 1000);
                cr_assert_eq(find_scan(stage.find, &stage_events), 0);
        }
}

void stage_set_up(void)
{
        cr_assert_eq(find_open_with(NULL, &stage_by_name, &stage.find), 0);
}

void stage_tear_down(void)
{
        for (size_t i = 0; i < stage.seen.n_born; i++)
                close_it(stage.seen.py[i]);
        cr_expect_eq(stage.n_open, 0, "each struct pystack is handed over or closed");
        find_close(stage.find);
        abort_on_leaks();
}

void stage_scan(size_t n_born, size_t n_ended)
{
        cr_assert_eq(find_scan(stage.find, &stage_events), 0);
        cr_assert_eq(stage.seen.n_born, n_born, "%zu born, not %zu", stage.seen.n_born, n_born);
        cr_assert_eq(stage.seen.n_ended, n_ended, "%zu ended, not %zu", stage.seen.n_ended, n_ended);
}

int stage_set_name(void *name)
{
        return prctl(PR_SET_NAME, name);
}

pid_t stage_start(const char *name)
{
        static char copy[NSUTIL_COMM_SIZE];

        snprintf(copy, sizeof(copy), "%s", name);
        return child_start(stage_set_name, copy);
}
