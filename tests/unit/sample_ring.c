/* SPDX-License-Identifier: Apache-2.0 */
/* The perf ring: records of ticks, wrapped, lost, of kinds that are not asked for. */
#include "tests/unit/support/suite.h"

#include "agent/sample/perf_event.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

SUITE(sample_ring);

#define DATA 1024

/* A ring as the kernel lays it out: a page of control, then the data. */
struct forged {
        union {
                struct perf_event_mmap_page page;
                char bytes[4096];
        } control;
        char data[DATA];
};

static struct forged *new_ring(struct perf_ring *ret)
{
        struct forged *f = calloc(1, sizeof *f);

        f->control.page.data_offset = 4096;
        f->control.page.data_size = DATA;
        *ret = (struct perf_ring){ .pages = f, .size = sizeof *f };
        return f;
}

static void put(struct forged *f, const void *record, size_t len)
{
        for (size_t i = 0; i < len; i++)
                f->data[(f->control.page.data_head + i) % DATA] = ((const char *)record)[i];
        f->control.page.data_head += len;
}

static void put_tick_of(struct forged *f, uint16_t misc, uint32_t pid, uint32_t tid, uint64_t time)
{
        struct {
                struct perf_event_header header;
                uint32_t pid, tid;
                uint64_t time, id;
        } record = { { PERF_RECORD_SAMPLE, misc, sizeof record }, pid, tid, time, 7 };

        put(f, &record, sizeof record);
}

static void put_tick(struct forged *f, uint32_t pid, uint32_t tid, uint64_t time)
{
        put_tick_of(f, PERF_RECORD_MISC_USER, pid, tid, time);
}

Test(sample_ring, ticks_of_one_thread_are_one_entry)
{
        struct perf_ring ring;
        struct perf_batch batch[4];
        struct forged *f = new_ring(&ring);

        put_tick(f, 10, 11, 100);
        put_tick(f, 20, 21, 150);
        put_tick(f, 10, 11, 200);
        cr_assert_eq(perf_ring_drain(&ring, batch, NULL, 4), 2);
        cr_expect(batch[0].pid == 10 && batch[0].tid == 11 && batch[0].ticks == 2 && batch[0].time == 200);
        cr_expect(batch[1].pid == 20 && batch[1].tid == 21 && batch[1].ticks == 1 && batch[1].time == 150);
        cr_expect_eq(perf_ring_drain(&ring, batch, NULL, 4), 0);
        free(f);
}

Test(sample_ring, the_newest_tick_tells_whether_the_thread_was_in_the_kernel)
{
        struct perf_ring ring;
        struct perf_batch batch[4];
        struct forged *f = new_ring(&ring);

        put_tick_of(f, PERF_RECORD_MISC_KERNEL, 10, 11, 100);
        put_tick_of(f, PERF_RECORD_MISC_USER, 20, 21, 150);
        cr_assert_eq(perf_ring_drain(&ring, batch, NULL, 4), 2);
        cr_expect(batch[0].in_kernel && !batch[1].in_kernel);
        put_tick_of(f, PERF_RECORD_MISC_KERNEL, 10, 11, 200);
        put_tick_of(f, PERF_RECORD_MISC_USER, 10, 11, 300);
        cr_assert_eq(perf_ring_drain(&ring, batch, NULL, 4), 1);
        cr_expect(!batch[0].in_kernel);
        free(f);
}

Test(sample_ring, wraps_at_every_place)
{
        struct perf_ring ring;
        struct perf_batch batch[4];
        struct forged *f = new_ring(&ring);

        for (uint32_t i = 1; i < 500; i++) {
                put_tick(f, i, i + 1, i);
                cr_assert_eq(perf_ring_drain(&ring, batch, NULL, 4), 1);
                cr_assert(batch[0].pid == i && batch[0].tid == i + 1 && batch[0].time == i);
        }
        cr_expect_eq(ring.lost, 0);
        free(f);
}

Test(sample_ring, lost_ticks_and_threads_beyond_the_batch_are_counted)
{
        struct perf_ring ring;
        struct perf_batch batch[2];
        struct forged *f = new_ring(&ring);
        struct {
                struct perf_event_header header;
                uint64_t id, lost;
        } lost = { { PERF_RECORD_LOST, 0, sizeof lost }, 1, 7 };

        put(f, &lost, sizeof lost);
        for (uint32_t i = 1; i <= 3; i++)
                put_tick(f, i, i, i);
        cr_expect_eq(perf_ring_drain(&ring, batch, NULL, 2), 2);
        cr_expect_eq(ring.lost, 8);
        free(f);
}

Test(sample_ring, other_records_are_passed_over)
{
        struct perf_ring ring;
        struct perf_batch batch[2];
        struct forged *f = new_ring(&ring);
        struct {
                struct perf_event_header header;
                uint64_t more[3];
        } throttle = { { PERF_RECORD_THROTTLE, 0, sizeof throttle }, { 1, 2, 3 } };

        put(f, &throttle, sizeof throttle);
        put_tick(f, 5, 6, 7);
        cr_assert_eq(perf_ring_drain(&ring, batch, NULL, 2), 1);
        cr_expect_eq(batch[0].tid, 6);
        free(f);
}
