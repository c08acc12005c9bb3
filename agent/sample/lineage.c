/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each thread gets one counting event for each CPU. Everything that the thread starts inherits these events. An
 * inherited event may have a ring only if it is of one CPU. The records are read now and then; no thread is woken.
 */
#include "lineage.h"

#include "each_thread.h"
#include "perf_event.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* 256 KiB hold 50 interpreters that start with 40 libraries each. */
#define RING_PAGES 64

struct place {
        int cpu, fd;
        struct perf_ring ring;
};

struct lineage {
        size_t n;
        struct place *places; /* of CPUs that are online */
        int *fds;
        size_t n_fds;
};

static int open_place(struct lineage *lineage, int cpu)
{
        struct place *place = &lineage->places[lineage->n];
        int fd = perf_open_ring_only(cpu);

        if (fd < 0)
                return fd == -ENODEV ? 0 : fd;
        *place = (struct place){ .cpu = cpu, .fd = fd };
        lineage->n++;
        return perf_ring_open(fd, RING_PAGES, &place->ring);
}

int lineage_open(struct lineage **ret)
{
        struct lineage *lineage = calloc(1, sizeof *lineage);
        int n = get_nprocs_conf(), e = 0;

        if (!lineage)
                return -ENOMEM;
        lineage->places = calloc((size_t)n, sizeof *lineage->places);
        if (!lineage->places)
                e = -ENOMEM;
        for (int cpu = 0; e == 0 && cpu < n; cpu++)
                e = open_place(lineage, cpu);
        if (e != 0) {
                lineage_close(lineage);
                return e;
        }
        *ret = lineage;
        return 0;
}

void lineage_close(struct lineage *lineage)
{
        if (!lineage)
                return;
        for (size_t i = 0; i < lineage->n_fds; i++)
                close(lineage->fds[i]);
        for (size_t i = 0; i < lineage->n; i++) {
                perf_ring_close(&lineage->places[i].ring);
                close(lineage->places[i].fd);
        }
        free(lineage->places);
        free(lineage->fds);
        free(lineage);
}

unsigned lineage_parts(const struct lineage *lineage)
{
        return (unsigned)lineage->n;
}

/* ---- whom to listen to ------------------------------------------------------------------- */

/* @fd is consumed, and closed on failure. */
static int keep_event(struct lineage *lineage, int fd)
{
        int *fds = reallocarray(lineage->fds, lineage->n_fds + 1, sizeof *fds);

        if (!fds) {
                close(fd);
                return -ENOMEM;
        }
        lineage->fds = fds;
        fds[lineage->n_fds++] = fd;
        return 0;
}

static int keep_opened_event(struct lineage *lineage, int fd)
{
        return fd < 0 ? fd : keep_event(lineage, fd);
}

static int listen_to_thread(pid_t tid, void *ctx)
{
        struct lineage *lineage = ctx;
        int e = keep_opened_event(lineage, perf_open_anchor(tid));

        for (size_t i = 0; e == 0 && i < lineage->n; i++) {
                int fd = perf_open_lineage(tid, lineage->places[i].cpu);
                e = keep_opened_event(lineage, fd);
                if (e == 0)
                        e = perf_redirect(fd, lineage->places[i].fd);
        }
        return e == -ESRCH ? 0 : e; /* the thread has ended */
}

int lineage_add(struct lineage *lineage, pid_t pid, unsigned *ret_threads)
{
        return each_thread(pid, listen_to_thread, lineage, ret_threads);
}

/* ---- what they tell ---------------------------------------------------------------------- */

/* Where the records of the kernel have what, in bytes (linux/perf_event.h); the time is their last word. */
enum { AT_PID = 8, AT_PARENT = 12, AT_VALUE = 16, AT_FILE = 72 };

struct hearing {
        lineage_fn each;
        void *ctx;
};

static uint32_t word_at(const struct perf_event_header *header, size_t at)
{
        uint32_t word;

        memcpy(&word, (const char *)header + at, sizeof word);
        return word;
}

static uint64_t number_at(const struct perf_event_header *header, size_t at)
{
        uint64_t number;

        memcpy(&number, (const char *)header + at, sizeof number);
        return number;
}

static const struct {
        uint32_t type;
        enum lineage_kind kind;
} kinds[] = {
        { PERF_RECORD_FORK, LINEAGE_BORN },    { PERF_RECORD_COMM, LINEAGE_EXECUTED },
        { PERF_RECORD_MMAP2, LINEAGE_MAPPED }, { PERF_RECORD_EXIT, LINEAGE_ENDED },
        { PERF_RECORD_READ, LINEAGE_USED },    { PERF_RECORD_LOST, LINEAGE_LOST },
};

static void fill_event(struct lineage_event *event, const struct perf_event_header *header)
{
        event->pid = (pid_t)word_at(header, AT_PID);
        event->at = number_at(header, header->size - sizeof event->at);
        if (event->kind == LINEAGE_BORN)
                event->parent = (pid_t)word_at(header, AT_PARENT);
        if (event->kind == LINEAGE_BORN && event->parent == event->pid)
                event->kind = LINEAGE_THREAD;
        if (event->kind == LINEAGE_USED)
                event->ns = number_at(header, AT_VALUE);
        if (event->kind == LINEAGE_MAPPED)
                event->file = (const char *)header + AT_FILE;
}

static void translate_record(const struct perf_event_header *header, void *ctx)
{
        const struct hearing *hearing = ctx;
        struct lineage_event event = { 0 };
        size_t i = 0;

        while (i < sizeof kinds / sizeof *kinds && kinds[i].type != header->type)
                i++;
        if (i == sizeof kinds / sizeof *kinds || header->size > PERF_RECORD_MAX ||
            (header->type == PERF_RECORD_COMM && !(header->misc & PERF_RECORD_MISC_COMM_EXEC)))
                return;
        event.kind = kinds[i].kind;
        if (event.kind != LINEAGE_LOST)
                fill_event(&event, header);
        hearing->each(&event, hearing->ctx);
}

void lineage_hear(struct lineage *lineage, lineage_fn each, void *ctx)
{
        struct hearing hearing = { .each = each, .ctx = ctx };

        for (size_t i = 0; i < lineage->n; i++)
                perf_ring_each(&lineage->places[i].ring, translate_record, &hearing);
}
