/* SPDX-License-Identifier: Apache-2.0 */
#include "switch_records.h"

#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* A ring of 128 KiB holds 2000 switches of its CPU: emptied every 10 ms, that is 200 000 a second. */
#define RING_PAGES 32

/* Records of targets that wait for the next look: 1.5 MiB. More are lost. */
#define RECORDS_MAX 65536

/* ---- rings ---------------------------------------------------------------------------------- */

static void close_ring(struct switch_ring *ring)
{
        perf_ring_close(&ring->ring);
        if (ring->fd >= 0)
                close(ring->fd);
        ring->fd = -1;
}

static int open_ring(struct switch_ring *ring, int cpu)
{
        ring->fd = perf_open_switches(cpu);
        if (ring->fd == -ENODEV)
                return 0; /* offline */
        return ring->fd < 0 ? ring->fd : perf_ring_open(ring->fd, RING_PAGES, &ring->ring);
}

int switch_rings_open(struct switch_rings *ret)
{
        int e = 0;

        ret->n = (size_t)get_nprocs_conf();
        ret->items = calloc(ret->n, sizeof *ret->items);
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; i < ret->n; i++)
                ret->items[i].fd = -1;
        for (size_t i = 0; e == 0 && i < ret->n; i++)
                e = open_ring(&ret->items[i], (int)i);
        if (e != 0)
                switch_rings_close(ret);
        return e;
}

void switch_rings_close(struct switch_rings *rings)
{
        for (size_t i = 0; i < rings->n; i++)
                close_ring(&rings->items[i]);
        free(rings->items);
        *rings = (struct switch_rings){ 0 };
}

void switch_rings_reopen(struct switch_rings *rings)
{
        for (size_t i = 0; i < rings->n; i++) {
                close_ring(&rings->items[i]);
                open_ring(&rings->items[i], (int)i);
        }
}

/* ---- records ---------------------------------------------------------------------------------- */

void switch_records_deinit(struct switch_records *r)
{
        free(r->items);
        *r = (struct switch_records){ 0 };
}

static bool grow_records(struct switch_records *r)
{
        size_t cap = r->cap ? 2 * r->cap : 1024;

        if (r->n < r->cap)
                return true;
        struct perf_switch *items = r->n < RECORDS_MAX ? reallocarray(r->items, cap, sizeof *items) : NULL;
        if (!items)
                return false;
        r->items = items;
        r->cap = cap;
        return true;
}

struct taking {
        struct switch_records *records;
        const struct target *targets; /* the table, which is locked */
};

static void keep_record(const struct perf_event_header *header, void *ctx)
{
        const struct taking *taking = ctx;
        struct switch_records *r = taking->records;
        const struct target *t;
        struct perf_switch record;

        if (!perf_switch_read(header, &record))
                return;
        pid_t pid = (pid_t)record.pid;
        HASH_FIND_INT(taking->targets, &pid, t);
        if (record.kind == PERF_SWITCH_LOST || (t && !grow_records(r)))
                r->lost = true;
        else if (t)
                r->items[r->n++] = record;
}

void switch_records_take(struct switch_records *r, const struct switch_rings *rings, struct sampler *s)
{
        table_read(&s->lock);
        struct taking taking = { r, s->targets };
        for (size_t i = 0; i < rings->n; i++) {
                struct perf_ring *ring = &rings->items[i].ring;
                if (!ring->pages)
                        continue;
                r->lost = perf_ring_is_full(ring) || r->lost;
                perf_ring_each(ring, keep_record, &taking);
        }
        table_read_end(&s->lock);
}

static int order_records(const void *a, const void *b)
{
        const struct perf_switch *left = a, *right = b;

        if (left->pid != right->pid)
                return left->pid < right->pid ? -1 : 1;
        if (left->tid != right->tid)
                return left->tid < right->tid ? -1 : 1;
        return (left->time > right->time) - (left->time < right->time);
}

size_t switch_records_sort(struct switch_records *r, uint64_t now)
{
        size_t n = r->n;

        for (size_t i = 0; i < n;) {
                if (r->items[i].time <= now) {
                        i++;
                        continue;
                }
                struct perf_switch later = r->items[i];
                r->items[i] = r->items[--n];
                r->items[n] = later;
        }
        if (n > 1) /* of none there may be no memory */
                qsort(r->items, n, sizeof *r->items, order_records);
        return n;
}

void switch_records_drop(struct switch_records *r, size_t n)
{
        if (n == 0) /* of none there may be no memory */
                return;
        memmove(r->items, r->items + n, (r->n - n) * sizeof *r->items);
        r->n -= n;
}

size_t switch_records_find(const struct switch_records *r, size_t n, uint32_t pid)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (r->items[middle].pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}
