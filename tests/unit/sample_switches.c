/* SPDX-License-Identifier: Apache-2.0 */
/* From records of switches to the time of each wait. Times are ns; a period is 10 ms. */
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include "agent/sample/internal.h"
#include "agent/sample/switch_records.h"

#include <string.h>
#include <unistd.h>

SUITE(sample_switches);

#define MS 1000000ull
#define PERIOD (10 * MS)

/* A target with one Python thread, which is on a CPU from @begin on. */
struct scene {
        struct sampler sampler;
        struct target target;
        struct member *member;
        profile_id stacks[2];
        uint64_t begin;
};

static void set_scene(struct scene *scene)
{
        *scene = (struct scene){ .begin = 1000 * MS };
        struct target *t = &scene->target;

        atomic_init(&scene->sampler.period_ns, PERIOD);
        scene->sampler.decoder.sampler = &scene->sampler;
        t->pid = getpid();
        /* Of no process that there is: its CPU time is what the test says. */
        t->account = (struct account){ .pid = 1 << 30, .count_fd = -1 };
        t->decoder = &scene->sampler.decoder;
        t->profile = profile_new();
        for (size_t i = 0; i < 2; i++) {
                profile_id frame = interned_frame(t->profile, interned_function(t->profile, i ? "g" : "f", "/x.py", 1),
                                                  1);
                scene->stacks[i] = interned_stack(t->profile, &frame, 1);
        }
        scene->member = member_add(t, 1 << 30);
        scene->member->met_ns = scene->begin;
        scene->member->switches = (struct member_switch){
                .state = SWITCH_ON, .since_ns = scene->begin, .told_ns = scene->begin, .is_python = true
        };
}

static void strike_scene(struct scene *scene)
{
        member_free(&scene->target, scene->member);
        waits_deinit(&scene->target.waits);
        profile_free(scene->target.profile);
}

/* A record at @ms after the beginning. */
static void record(struct scene *scene, enum perf_switch_kind kind, double ms)
{
        const struct perf_switch one = { .pid = (uint32_t)getpid(),
                                         .tid = (uint32_t)scene->member->tid,
                                         .kind = kind,
                                         .time = scene->begin + (uint64_t)(ms * (double)MS) };

        switches_apply(&scene->target, &one, 1, one.time);
}

/* A look at @ms, as if it had read stack @i of a thread that waits for a lock. */
static void look(struct scene *scene, size_t i, double ms)
{
        const struct reason lock = { .kind = REASON_LOCK, .wait.kind = NSUTIL_WAIT_FUTEX };
        struct member *m = scene->member;

        m->clock.stack = scene->stacks[i];
        m->clock.mark = waits_mark(&scene->target.waits, &lock);
        m->switches.read_ready = m->switches.state == SWITCH_READY;
        m->switches.read_begin_ns = m->switches.read_end_ns = scene->begin + (uint64_t)(ms * (double)MS);
}

static void wait_for(struct scene *scene, double from_ms, double to_ms)
{
        record(scene, PERF_SWITCH_BLOCKED, from_ms);
        record(scene, PERF_SWITCH_ON, to_ms);
}

static void wait_seen(struct scene *scene, size_t i, double from_ms, double to_ms)
{
        record(scene, PERF_SWITCH_BLOCKED, from_ms);
        look(scene, i, (from_ms + to_ms) / 2);
        record(scene, PERF_SWITCH_ON, to_ms);
}

static double sampled_ms(const struct scene *scene)
{
        return (double)profile_counters_of(scene->target.profile)->sampled_ns / (double)MS;
}

static double accounted_ms(const struct scene *scene)
{
        return (double)profile_counters_of(scene->target.profile)->accounted_ns / (double)MS;
}

/* Leaf frames of @kind. */
static bool is_kind(void *ctx, struct profile *p, profile_id stack, uint32_t mark, profile_id *ret)
{
        static const struct waits_rule rule = { .privacy = REASON_ALL };
        struct waits_rule with = rule;

        with.waits = ctx;
        return waits_leaf(&with, p, stack, mark, ret);
}

/* The time of samples whose stack has @function and ends with @leaf. Settles the profile. */
static double ms_of(struct scene *scene, const char *function, const char *leaf)
{
        struct profile *p = scene->target.profile;
        double sum = 0;

        profile_settle(p, &(struct profile_marks){ is_kind, &scene->target.waits });
        for (size_t i = 0; i < profile_samples(p); i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                size_t n;
                const profile_id *frames = profile_stack(p, sample->stack, &n);
                const char *first = profile_function(p, profile_frame(p, frames[0])->function)->name;
                const char *last = profile_function(p, profile_frame(p, frames[n - 1])->function)->name;
                if ((strcmp(first, function) == 0 && strcmp(last, leaf) == 0) ||
                    (strcmp(last, function) == 0 && strcmp(first, leaf) == 0))
                        sum += (double)sample->nanoseconds / (double)MS;
        }
        return sum;
}

Test(sample_switches, a_long_wait_counts_for_its_length)
{
        struct scene scene;

        set_scene(&scene);
        wait_seen(&scene, 0, 100, 434.25);
        wait_seen(&scene, 1, 500, 550.5);
        cr_expect_float_eq(accounted_ms(&scene), 334.25 + 50.5, 1e-6);
        cr_expect_float_eq(ms_of(&scene, "f", "[waits: lock]"), 334.25, 1e-6);
        cr_expect_float_eq(ms_of(&scene, "g", "[waits: lock]"), 50.5, 1e-6);
        strike_scene(&scene);
}

/* Of waits of 1 ms each tenth has a look: it stands for itself and for the nine before. */
Test(sample_switches, short_waits_count_for_those_that_had_no_look)
{
        struct scene scene;

        set_scene(&scene);
        for (unsigned i = 0; i < 400; i++)
                (i % 10 == 9 ? wait_seen(&scene, i % 20 == 9, 2 * i, 2 * i + 1),
                 0           : (wait_for(&scene, 2 * i, 2 * i + 1), 0));
        cr_expect_float_eq(accounted_ms(&scene), 400, 1e-6);
        cr_expect_float_eq(sampled_ms(&scene), 400, 1e-6);
        cr_expect_float_eq(ms_of(&scene, "f", "[waits: lock]"), 200, 1e-6);
        cr_expect_float_eq(ms_of(&scene, "g", "[waits: lock]"), 200, 1e-6);
        strike_scene(&scene);
}

/* A long wait always has a look, so it says nothing of short ones. */
Test(sample_switches, a_long_wait_stands_for_no_short_one)
{
        struct scene scene;

        set_scene(&scene);
        wait_for(&scene, 1, 6);
        wait_seen(&scene, 0, 10, 60);
        cr_expect_float_eq(accounted_ms(&scene), 55, 1e-6);
        cr_expect_float_eq(sampled_ms(&scene), 50, 1e-6);
        strike_scene(&scene);
}

Test(sample_switches, a_thread_that_is_preempted_waits_for_a_cpu)
{
        struct scene scene;

        set_scene(&scene);
        record(&scene, PERF_SWITCH_PREEMPTED, 10);
        look(&scene, 0, 15);
        record(&scene, PERF_SWITCH_ON, 40);
        cr_expect_float_eq(ms_of(&scene, "f", "[waits: CPU]"), 30, 1e-6);
        strike_scene(&scene);
}

Test(sample_switches, what_a_quota_has_kept_back_is_throttled)
{
        struct scene scene;

        set_scene(&scene);
        record(&scene, PERF_SWITCH_PREEMPTED, 10);
        look(&scene, 0, 15);
        scene.target.throttle.total_ns += 80 * MS;
        record(&scene, PERF_SWITCH_ON, 110);
        cr_expect_float_eq(ms_of(&scene, "f", "[throttled]"), 80, 1e-6);
        cr_expect_float_eq(ms_of(&scene, "f", "[waits: CPU]"), 20, 1e-6);
        strike_scene(&scene);
}

/* A look that began before the thread left its CPU, or after it was back, is of another wait. */
Test(sample_switches, a_look_counts_for_its_own_wait_only)
{
        struct scene scene;

        set_scene(&scene);
        look(&scene, 0, 5);
        wait_for(&scene, 10, 100);
        cr_expect_float_eq(sampled_ms(&scene), 0, 1e-6);
        record(&scene, PERF_SWITCH_BLOCKED, 200);
        look(&scene, 1, 350);
        record(&scene, PERF_SWITCH_ON, 300);
        cr_expect_float_eq(sampled_ms(&scene), 0, 1e-6);
        wait_for(&scene, 320, 380);
        cr_expect_float_eq(sampled_ms(&scene), 60, 1e-6, "it is of this wait");
        cr_expect_float_eq(accounted_ms(&scene), 90 + 100 + 60, 1e-6);
        strike_scene(&scene);
}

Test(sample_switches, time_without_records_is_not_sampled)
{
        struct scene scene;

        set_scene(&scene);
        record(&scene, PERF_SWITCH_BLOCKED, 100);
        look(&scene, 0, 150);
        switches_lose(&scene.target, scene.begin + 200 * MS);
        record(&scene, PERF_SWITCH_ON, 260);
        cr_expect_float_eq(accounted_ms(&scene), 160, 1e-6);
        cr_expect_float_eq(sampled_ms(&scene), 0, 1e-6);
        strike_scene(&scene);
}

/* Rings are full at each look: all time that was no CPU time is in the books, and a thread that is no Python is in none. */
Test(sample_switches, lost_records_leave_no_gap_in_the_books)
{
        struct scene scene;

        set_scene(&scene);
        record(&scene, PERF_SWITCH_BLOCKED, 100);
        for (unsigned ms = 110; ms <= 200; ms += 10) {
                scene.target.account.cpu_ns += 3 * MS;
                switches_lose(&scene.target, scene.begin + ms * MS);
                look(&scene, 0, ms + 1);
        }
        cr_expect_float_eq(accounted_ms(&scene), 70, 1e-6);
        cr_expect_float_eq(sampled_ms(&scene), 0, 1e-6);
        scene.target.account.cpu_ns += 40 * MS;
        switches_lose(&scene.target, scene.begin + 210 * MS);
        cr_expect_float_eq(accounted_ms(&scene), 70, 1e-6, "other threads used more than there was time for one");
        scene.member->switches.is_python = false;
        switches_lose(&scene.target, scene.begin + 300 * MS);
        cr_expect_float_eq(accounted_ms(&scene), 70, 1e-6);
        strike_scene(&scene);
}

/* CPU time that a tick has found before the loss is not taken for lost. */
Test(sample_switches, cpu_time_before_the_last_tick_is_not_lost)
{
        struct scene scene;

        set_scene(&scene);
        record(&scene, PERF_SWITCH_BLOCKED, 100);
        scene.target.account.cpu_ns = scene.target.switches.cpu_ns = 100 * MS;
        switches_lose(&scene.target, scene.begin + 200 * MS);
        cr_expect_float_eq(accounted_ms(&scene), 100, 1e-6);
        strike_scene(&scene);
}

Test(sample_switches, a_thread_that_leaves_its_cpu_first_was_on_it)
{
        struct scene scene;

        set_scene(&scene);
        switches_lose(&scene.target, scene.begin);
        wait_seen(&scene, 0, 100, 150);
        cr_expect_float_eq(accounted_ms(&scene), 50, 1e-6);
        cr_expect_float_eq(sampled_ms(&scene), 50, 1e-6);
        strike_scene(&scene);
}

/* A profile ends while the thread waits: the wait has a part in both. */
Test(sample_switches, a_wait_is_in_each_profile_that_it_lasts)
{
        struct scene scene;

        set_scene(&scene);
        record(&scene, PERF_SWITCH_BLOCKED, 100);
        look(&scene, 0, 110);
        scene.target.switches.upto_ns = scene.begin + 200 * MS;
        switches_release(&scene.target);
        cr_expect_float_eq(sampled_ms(&scene), 100, 1e-6);
        record(&scene, PERF_SWITCH_ON, 250);
        cr_expect_float_eq(sampled_ms(&scene), 150, 1e-6);
        cr_expect_float_eq(accounted_ms(&scene), 150, 1e-6);
        strike_scene(&scene);
}

/* A thread of which there is no record since it was met, and which is seen asleep, has slept all the time. */
Test(sample_switches, a_thread_without_records_sleeps)
{
        struct scene scene;

        set_scene(&scene);
        switches_lose(&scene.target, scene.begin);
        look(&scene, 0, 10);
        scene.target.switches.upto_ns = scene.begin + 500 * MS;
        switches_release(&scene.target);
        cr_expect_float_eq(ms_of(&scene, "f", "[waits: lock]"), 500, 1e-6);
        strike_scene(&scene);
}

/* Threads end before anybody looks. A young thread that had a look stands for them, an old one does not. */
Test(sample_switches, young_threads_stand_for_those_that_have_ended)
{
        struct scene scene;

        set_scene(&scene);
        scene.target.switches.orphans.blocked_ns = 30 * MS;
        wait_seen(&scene, 0, 1000, 1005);
        cr_expect_float_eq(sampled_ms(&scene), 0, 1e-6, "half a period is counted with the next sample");
        wait_seen(&scene, 0, 1010, 1015);
        cr_expect_float_eq(sampled_ms(&scene), 10, 1e-6);
        scene.member->met_ns = scene.begin + 1100 * MS;
        wait_seen(&scene, 0, 1110, 1115);
        cr_expect_float_eq(sampled_ms(&scene), 45, 1e-6);
        strike_scene(&scene);
}

/* ---- records of the kernel ------------------------------------------------------------------------ */

struct forged {
        struct perf_event_header header;
        uint32_t words[4];
        uint64_t time;
};

Test(sample_switches, records_are_read)
{
        const struct {
                uint32_t type;
                uint16_t misc;
                enum perf_switch_kind kind;
                size_t pid, tid; /* which words */
        } rows[] = {
                { PERF_RECORD_SWITCH_CPU_WIDE, 0, PERF_SWITCH_ON, 2, 3 },
                { PERF_RECORD_SWITCH_CPU_WIDE, PERF_RECORD_MISC_SWITCH_OUT, PERF_SWITCH_BLOCKED, 2, 3 },
                { PERF_RECORD_SWITCH_CPU_WIDE, PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT,
                  PERF_SWITCH_PREEMPTED, 2, 3 },
                { PERF_RECORD_FORK, 0, PERF_SWITCH_BORN, 0, 2 },
                { PERF_RECORD_EXIT, 0, PERF_SWITCH_ENDS, 0, 2 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct forged forged = { .header = { rows[i].type, rows[i].misc, sizeof forged },
                                         .words = { 11, 12, 13, 14 },
                                         .time = 15 };
                struct perf_switch found;
                cr_assert(perf_switch_read(&forged.header, &found));
                cr_expect_eq(found.kind, rows[i].kind);
                cr_expect_eq(found.pid, forged.words[rows[i].pid]);
                cr_expect_eq(found.tid, forged.words[rows[i].tid]);
                cr_expect_eq(found.time, 15);
                forged.header.size = 16;
                cr_expect_not(perf_switch_read(&forged.header, &found), "it is cut");
        }
        struct forged other = { .header = { PERF_RECORD_MMAP, 0, sizeof other } };
        cr_expect_not(perf_switch_read(&other.header, &(struct perf_switch){ 0 }));
}

/* ---- keeping them ------------------------------------------------------------------------------------ */

static void add_record(struct switch_records *r, uint32_t pid, uint32_t tid, uint64_t time)
{
        r->items[r->n++] = (struct perf_switch){ .pid = pid, .tid = tid, .time = time };
}

Test(sample_switches, records_are_in_order)
{
        struct perf_switch items[6];
        struct switch_records r = { .items = items, .cap = 6 };

        add_record(&r, 2, 2, 10);
        add_record(&r, 1, 3, 90); /* it is too early for it */
        add_record(&r, 1, 3, 20);
        add_record(&r, 1, 1, 30);
        add_record(&r, 1, 3, 15);
        add_record(&r, 3, 1, 5);
        size_t n = switch_records_sort(&r, 50);
        cr_assert_eq(n, 5);
        cr_expect_eq(r.items[0].time, 30);
        cr_expect_eq(r.items[1].time, 15);
        cr_expect_eq(r.items[2].time, 20);
        cr_expect_eq(switch_records_find(&r, n, 1), 0);
        cr_expect_eq(switch_records_find(&r, n, 2), 3);
        cr_expect_eq(switch_records_find(&r, n, 4), 5);
        switch_records_drop(&r, n);
        cr_expect_eq(r.n, 1);
        cr_expect_eq(r.items[0].time, 90);
}

/* A ring as the kernel lays it out: a page of control, then the data. */
struct forged_ring {
        struct perf_event_mmap_page page;
        unsigned char gap[4096];
        _Alignas(64) unsigned char data[1 << 16];
};

/* Fills the ring with @n records of a switch of thread @pid. */
static void fill_ring(struct forged_ring *ring, uint32_t pid, size_t n)
{
        const struct forged one = { .header = { PERF_RECORD_SWITCH_CPU_WIDE, 0, sizeof one },
                                    .words = { 0, 0, pid, pid },
                                    .time = 1 };

        ring->page.data_offset = offsetof(struct forged_ring, data);
        ring->page.data_size = sizeof ring->data;
        ring->page.data_head = ring->page.data_tail = 0;
        for (size_t i = 0; i < n; i++)
                memcpy(ring->data + i * sizeof one, &one, sizeof one);
        ring->page.data_head = n * sizeof one;
}

#define PER_RING 1800

Test(sample_switches, so_many_records_are_kept)
{
        static struct forged_ring memory;
        struct switch_ring item = { .fd = -1, .ring = { .pages = &memory, .size = sizeof memory } };
        const struct switch_rings rings = { &item, 1 };
        struct switch_records kept = { 0 };
        struct scene scene;

        set_scene(&scene);
        table_init(&scene.sampler.lock);
        struct target *t = &scene.target;
        HASH_ADD_INT(scene.sampler.targets, pid, t);
        fill_ring(&memory, (uint32_t)getpid() + 1, PER_RING);
        switch_records_take(&kept, &rings, &scene.sampler);
        cr_expect_eq(kept.n, 0, "they are of another process");
        for (unsigned i = 0; i < 36; i++) {
                fill_ring(&memory, (uint32_t)getpid(), PER_RING);
                switch_records_take(&kept, &rings, &scene.sampler);
                cr_assert_not(kept.lost);
        }
        fill_ring(&memory, (uint32_t)getpid(), PER_RING);
        switch_records_take(&kept, &rings, &scene.sampler);
        cr_expect(kept.lost);
        cr_expect_eq(kept.n, 65536);
        kept.n = kept.lost = 0;
        fill_ring(&memory, (uint32_t)getpid(), sizeof memory.data / sizeof(struct forged));
        switch_records_take(&kept, &rings, &scene.sampler);
        cr_expect(kept.lost, "the ring may have had no room");
        HASH_DEL(scene.sampler.targets, t);
        switch_records_deinit(&kept);
        strike_scene(&scene);
}
