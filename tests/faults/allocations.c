/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD: malloc and its likes, of which one fails. FAULTS_AT=N: the N-th fails (from 1), and with FAULTS_ON=1 all after
 * it. FAULTS_SITES=FILE: nothing fails; for each stack that asks for memory the number of its first call is written, one a
 * line. A program is called the same way in both runs, so that numbers mean the same.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

#define DEPTH 8
#define SITES (1u << 16)

static atomic_ulong calls, sites[SITES];
static unsigned long fails_at;
static bool fails_on, ready;
static int log_fd = -1;
static _Thread_local bool inside;

static void __attribute__((constructor)) begin(void)
{
        void *warm_up[1];
        const char *at = getenv("FAULTS_AT"), *on = getenv("FAULTS_ON"), *file = getenv("FAULTS_SITES");

        backtrace(warm_up, 1); /* loads libgcc, which allocates */
        fails_at = at ? strtoul(at, NULL, 10) : 0;
        fails_on = on != NULL;
        if (file)
                log_fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        ready = true;
}

static bool is_new(uint64_t site)
{
        for (size_t i = site % SITES;; i = (i + 1) % SITES) {
                unsigned long none = 0;
                if (atomic_compare_exchange_strong(&sites[i], &none, site))
                        return true;
                if (none == site)
                        return false;
        }
}

static void note_site(unsigned long call)
{
        void *stack[DEPTH];
        char line[32];
        uint64_t site = 14695981039346656037u;
        int n = backtrace(stack, DEPTH);

        for (int i = 2; i < n; i++)
                site = (site ^ (uintptr_t)stack[i]) * 1099511628211u;
        if (is_new(site | 1) && write(log_fd, line, (size_t)snprintf(line, sizeof line, "%lu\n", call)) < 0)
                abort();
}

static bool fails(void)
{
        unsigned long call;

        if (!ready || inside)
                return false;
        call = atomic_fetch_add(&calls, 1) + 1;
        if (log_fd >= 0) {
                inside = true;
                note_site(call);
                inside = false;
        }
        if (fails_at == 0 || call < fails_at || (call > fails_at && !fails_on))
                return false;
        errno = ENOMEM;
        return true;
}

void *malloc(size_t size)
{
        return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
        return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
        return fails() ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
        return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
        return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
        *ret = memalign(alignment, size);
        return *ret ? 0 : ENOMEM;
}
