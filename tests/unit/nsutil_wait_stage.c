/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a child that plays a scene, and reads what is said of the thread that waits in it. */
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/nsutil_helper.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

void stage_begin(struct stage *stage)
{
        stage->tid = gettid();
}

struct part {
        void (*play)(struct stage *stage);
        struct stage *stage;
};

static void *play_part(void *ctx)
{
        struct part *part = ctx;

        part->play(part->stage);
        for (;;)
                pause();
        return NULL;
}

static int start_part(void *ctx)
{
        static struct part part; /* the thread needs it for longer than this */
        pthread_t thread;
        sigset_t set;

        part = *(struct part *)ctx;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        if (pthread_create(&thread, NULL, play_part, &part))
                return 1;
        while (part.stage->tid == 0 && !*part.stage->missing)
                usleep(1000);
        return 0;
}

pid_t stage_start(void (*play)(struct stage *stage), struct stage **ret)
{
        struct stage *stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct part part = { play, stage };
        pid_t pid = child_start(start_part, &part);

        cr_assert_gt(pid, 0);
        *ret = stage;
        if (!*stage->missing)
                return pid;
        child_end(pid);
        cr_assert_null(getenv("MUST_WORK"), "%s", stage->missing);
        cr_log_warn("%s", stage->missing);
        return -1;
}

/* ---- what is said of it -------------------------------------------------------------------------- */

#define PATIENCE 30000 /* looks, 1 ms apart */

static int read_memory(void *ctx, uint64_t address, void *buf, size_t size)
{
        struct iovec local = { buf, size }, remote = { (void *)(uintptr_t)address, size };

        return process_vm_readv(*(pid_t *)ctx, &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : -1;
}

void said_read(const struct nsutil_wait_thread *thread, struct said *ret)
{
        static struct nsutil_freezers freezers;
        struct nsutil_wait_memory memory = { read_memory, (void *)(uintptr_t)&thread->pid };
        struct nsutil_wait_detail *detail = &ret->detail;

        if (freezers.n == 0)
                cr_assert_eq(nsutil_freezers_find(&freezers), 0);
        ret->detail = (struct nsutil_wait_detail){ .fd = -1 };
        cr_assert_eq(nsutil_wait_read(thread, &freezers, &ret->wait), 0);
        if (nsutil_wait_detail(thread, &memory, &ret->wait, detail) == 0)
                cr_assert_eq(nsutil_wait_addresses(thread->pid, &detail, 1, NULL), 0);
}

bool said_settle(const struct nsutil_wait_thread *thread, enum nsutil_wait_kind kind, struct said *ret)
{
        for (int i = 0; i < PATIENCE; i++) {
                said_read(thread, ret);
                if (ret->wait.kind == kind)
                        return true;
                usleep(1000);
        }
        return false;
}

unsigned said_count_unknown(const struct nsutil_wait_thread *thread, enum nsutil_wait_kind kind, const char *what)
{
        unsigned unknown = 0;
        struct said said;

        for (int i = 0; i < SAID_READINGS; i++) {
                said_read(thread, &said);
                cr_expect(said.wait.kind == kind || said.wait.kind == NSUTIL_WAIT_UNKNOWN, "%s: %d", what,
                          said.wait.kind);
                unknown += said.wait.kind == NSUTIL_WAIT_UNKNOWN;
        }
        return unknown;
}

void said_wait_until_asleep(const struct nsutil_wait_thread *thread)
{
        struct nsutil_wait wait = { .slices = 0 };
        struct nsutil_stat stat;

        for (int still = 0; still < 50; usleep(1000)) {
                still = nsutil_wait_holds(thread, &wait) ? still + 1 : 0;
                cr_assert_eq(nsutil_wait_read(thread, NULL, &wait), 0);
                cr_assert_eq(nsutil_stat_reread(thread->stat, &stat), 0);
                if (stat.state == 'R')
                        still = 0;
        }
}
