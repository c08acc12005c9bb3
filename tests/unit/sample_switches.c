/* SPDX-License-Identifier: Apache-2.0 */
/* From records of switches to the time of each wait. Times are ns; a period is 10 ms. */
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include "agent/sample/internal.h"
#include "agent/sample/perf_event.h"

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
        t->decoder = &scene->sampler.decoder;
        t->profile = profile_new();
        for (size_t i = 0; i < 2; i++) {
                profile_id frame = interned_frame(t->profile, interned_function(t->profile, i ? "g" : "f", "/x.py", 1),
                                                  1);
                scene->stacks[i] = interned_stack(t->profile, &frame, 1);
        }
        scene->member = member_add(t, 1 << 30);
        scene->member->met_ns = scene->begin;
        scene->member->switches = (struct member_switch){ .state = SWITCH_ON,
                                                          .since_ns = scene->begin,
                                                          .is_python = true };
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
