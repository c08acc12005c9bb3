/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of all targets: what is leased never exceeds the pool, and every target gets its part. */
#include "agent/sample/internal.h"
#include "pystack/internal.h"
#include "tests/unit/support/suite.h"

#include <pthread.h>

SUITE(sample_memory);

#define MB ((size_t)1 << 20)

/* A target that takes as many bytes for code objects as a test says. */
struct taker {
        struct pystack py;
        struct target target;
};

static void begin(struct taker *taker, struct memory_pool *pool)
{
        *taker = (struct taker){ 0 };
        taker->target.py = &taker->py;
        taker->target.profile = profile_new();
        memory_open(&taker->target.memory, pool);
}

static void end(struct taker *taker)
{
        memory_close(&taker->target.memory);
        profile_free(taker->target.profile);
}

/* A sample that needs @bytes more; whether it got them. */
static bool sample(struct taker *taker, size_t bytes)
{
        struct code_entry entry = { 0 };
        bool got;

        memory_prepare(&taker->target);
        got = code_cache_charge(&taker->py.codes, &entry, bytes) == 0;
        memory_return(&taker->target);
        return got;
}

Test(sample_memory, a_target_takes_what_it_needs_and_gives_it_back)
{
        struct memory_pool pool = { .max = 16 * MB };
        struct taker taker;

        begin(&taker, &pool);
        cr_expect(sample(&taker, 100000));
        cr_expect_eq(pool.leased, 100000, "nothing is kept that is not used");
        for (int i = 0; i < 70; i++)
                cr_expect(sample(&taker, 100000));
        taker.py.codes.bytes = 1000;
        memory_return(&taker.target);
        cr_expect_eq(pool.leased, 1000);
        end(&taker);
        cr_expect_eq(pool.leased, 0);
        cr_expect_eq(pool.targets, 0);
}

Test(sample_memory, a_large_stack_gets_its_room_after_some_samples)
{
        struct memory_pool pool = { .max = 64 * MB };
        struct taker taker;
        unsigned lost = 0;

        begin(&taker, &pool);
        while (!sample(&taker, 3 * MB) && lost < 20)
                lost++;
        cr_expect_leq(lost, 4, "256 KiB are doubled with each sample that was lost");
        end(&taker);
}

Test(sample_memory, targets_that_take_all_leave_others_their_part)
{
        enum { GREEDY = 20 };
        struct memory_pool pool = { .max = 32 * MB };
        static struct taker greedy[GREEDY];
        struct taker modest;

        for (int i = 0; i < GREEDY; i++)
                begin(&greedy[i], &pool);
        begin(&modest, &pool);
        for (int turn = 0; turn < 2000; turn++)
                sample(&greedy[turn % GREEDY], 200000);
        cr_expect_leq(pool.leased, pool.max);
        cr_expect_gt(pool.leased, pool.max / 2);
        for (int i = 0; i < 3; i++)
                cr_expect(sample(&modest, 100000), "its part is 390 KiB");
        for (int i = 0; i < GREEDY; i++)
                end(&greedy[i]);
        end(&modest);
        cr_expect_eq(pool.leased, 0);
}

struct crowd {
        struct memory_pool *pool;
        _Atomic size_t most;
};

static void *take_much(void *context)
{
        struct crowd *crowd = context;
        struct taker taker;

        begin(&taker, crowd->pool);
        for (int i = 0; i < 20000; i++) {
                sample(&taker, 50000);
                size_t leased = atomic_load(&crowd->pool->leased);
                if (leased > atomic_load(&crowd->most))
                        atomic_store(&crowd->most, leased);
                if (i % 100 == 99)
                        taker.py.codes.bytes = 0;
        }
        end(&taker);
        return NULL;
}

Test(sample_memory, readers_at_once_keep_to_the_pool)
{
        struct memory_pool pool = { .max = 4 * MB };
        struct crowd crowd = { .pool = &pool };
        pthread_t threads[4];

        for (int i = 0; i < 4; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, take_much, &crowd), 0);
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        cr_expect_leq(crowd.most, pool.max);
        cr_expect_gt(crowd.most, pool.max / 4);
        cr_expect_eq(pool.leased, 0);
}

/* One after the other: each has a part of its own, the larger the fewer there were. */
Test(sample_memory, targets_that_come_late_keep_to_the_pool)
{
        struct memory_pool pool = { .max = 64 * MB };
        static struct taker takers[100];

        for (size_t i = 0; i < 100; i++) {
                begin(&takers[i], &pool);
                for (int n = 0; n < 2000; n++)
                        sample(&takers[i], 50000);
                cr_expect_leq(pool.leased, pool.max, "with %zu targets %zu bytes are leased", i + 1,
                              (size_t)pool.leased);
        }
        for (size_t i = 0; i < 100; i++)
                end(&takers[i]);
        cr_expect_eq(pool.leased, 0);
}
