/* SPDX-License-Identifier: Apache-2.0 */
/* The perf ring: records of ticks, wrapped, lost, of kinds that are not asked for. */
#include "tests/unit/support/suite.h"

#include "agent/base/base.h"
#include "agent/sample/perf_event.h"
#include "agent/sample/perf_wait.h"

#include <linux/perf_event.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

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

/* The registers have their numbers as values, and one more mark is among the kernel's functions. */
struct context_record {
        struct perf_event_header header;
        uint32_t pid, tid;
        uint64_t time, id;
        uint64_t n_kernel, kernel[3];
        uint64_t abi, registers[64];
};

static struct context_record make_context_record(uint64_t asked)
{
        struct context_record record = { .header = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, 0 },
                                         .pid = 10,
                                         .tid = 11,
                                         .n_kernel = 3,
                                         .kernel = { (uint64_t)PERF_CONTEXT_KERNEL, 0xffffffff81000010,
                                                     0xffffffff81000020 },
                                         .abi = PERF_SAMPLE_REGS_ABI_64 };
        size_t n = 0;

        for (unsigned i = 0; i < 64; i++)
                if (asked >> i & 1)
                        record.registers[n++] = 0x1000 + i;
        record.header.size = (uint16_t)(offsetof(struct context_record, registers) + n * sizeof(uint64_t));
        return record;
}

Test(sample_ring, a_record_tells_where_the_thread_was)
{
        struct perf_event_attr attr = { 0 };
        struct perf_context contexts[4] = { 0 };
        struct perf_batch batch[4];
        struct perf_ring ring;
        struct forged *f = new_ring(&ring);

        perf_context_ask(&attr);
        struct context_record record = make_context_record(attr.sample_regs_user);
        put(f, &record, record.header.size);
        cr_assert_eq(perf_ring_drain(&ring, batch, contexts, 4), 1);
        cr_expect(contexts[0].has_registers);
        cr_expect_eq(contexts[0].n_kernel, 2);
        cr_expect_eq(contexts[0].kernel[0], 0xffffffff81000010);
        cr_expect_eq(contexts[0].registers.known, (1u << ELFSYM_GENERAL_MAX) - 1);
#if defined __x86_64__
        /* linux/arch/x86/include/uapi/asm/perf_regs.h: AX is 0, BX 1, DI 5, BP 6, SP 7, IP 8, R10 18, R12 20 */
        cr_expect_eq(contexts[0].registers.general[ELFSYM_RBX], 0x1001);
        cr_expect_eq(contexts[0].registers.general[ELFSYM_RBP], 0x1006);
        cr_expect_eq(contexts[0].registers.sp, 0x1007);
        cr_expect_eq(contexts[0].registers.pc, 0x1008);
        cr_expect_eq(contexts[0].registers.general[ELFSYM_R12], 0x1014);
        cr_expect_eq(contexts[0].registers.general[ELFSYM_RAX], 0x1000);
        cr_expect_eq(contexts[0].registers.general[ELFSYM_RDI], 0x1005);
        cr_expect_eq(contexts[0].registers.general[ELFSYM_R10], 0x1012);
#endif
        free(f);
}

Test(sample_ring, a_record_that_is_cut_tells_nothing)
{
        struct perf_event_attr attr = { 0 };
        struct perf_batch batch[4];
        struct perf_ring ring;

        perf_context_ask(&attr);
        struct context_record whole = make_context_record(attr.sample_regs_user);
        for (uint16_t size = 32; size < whole.header.size; size += 8) {
                struct perf_context contexts[4] = { 0 };
                struct context_record record = whole;
                struct forged *f = new_ring(&ring);
                record.header.size = size;
                put(f, &record, size);
                cr_assert_eq(perf_ring_drain(&ring, batch, contexts, 4), 1);
                cr_expect_not(contexts[0].has_registers, "%u", size);
                free(f);
        }
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

static void ignore(int signal)
{
        (void)signal;
}

/* A process that is stopped and continued again and again is interrupted like this, without a handler too. */
Test(sample_ring, a_wait_that_is_interrupted_all_the_time_ends)
{
        const struct sigaction action = { .sa_handler = ignore };
        const struct itimerval every_4_ms = { { 0, 4000 }, { 0, 4000 } }, never = { 0 };
        int ticks = eventfd(0, EFD_CLOEXEC), stop = eventfd(0, EFD_CLOEXEC);
        int wait = perf_wait_open(ticks, stop);
        uint64_t begun = clock_ns(CLOCK_MONOTONIC);

        cr_assert(ticks >= 0 && stop >= 0 && wait >= 0);
        cr_assert(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &every_4_ms, NULL) == 0);
        cr_expect_eq(perf_wait(wait, 50), PERF_NOTHING);
        setitimer(ITIMER_REAL, &never, NULL);
        cr_expect_geq(clock_ns(CLOCK_MONOTONIC) - begun, 50000000);
        close(wait);
        close(stop);
        close(ticks);
}
