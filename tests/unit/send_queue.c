/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/send/queue.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(send_queue);

static void push(struct send_queue *queue, const char *text, int64_t now)
{
        struct send_batch *batch;

        cr_assert_eq(send_batch_new(strdup(text), strlen(text), true, now, &batch), 0);
        send_queue_add(queue, batch);
}

static void reject(struct send_queue *queue, struct send_batch *batch)
{
        send_queue_lost(queue, batch, SEND_LOST_REJECTED);
}

static void check_sums(const struct send_queue *queue)
{
        const struct send_counters *c = &queue->counters;
        const struct send_batch *batch;
        size_t n = 0, bytes = 0;

        for (batch = queue->batches; batch; batch = batch->next, n++)
                bytes += batch->len;
        cr_assert_eq(c->waiting, n);
        cr_assert_eq(c->waiting_bytes, bytes);
        cr_assert_eq(c->queued, c->delivered + c->lost[SEND_LOST_REJECTED] + c->lost[SEND_LOST_FULL] +
                                        c->lost[SEND_LOST_EXPIRED] + c->divided + c->waiting);
}

Test(send_queue, newest_first_and_each_with_a_key)
{
        struct send_queue queue = { .max_bytes = 100 };

        push(&queue, "one", 1);
        push(&queue, "two", 2);
        struct send_batch *two = send_queue_take(&queue, 5), *one = send_queue_take(&queue, 5);
        cr_assert_eq(memcmp(one->body, "one", 3), 0);
        cr_assert_eq(memcmp(two->body, "two", 3), 0);
        cr_assert_null(send_queue_take(&queue, 5));
        cr_assert_eq(one->created_ms, 1);
        cr_assert_eq(strlen(one->key), 36);
        cr_assert_eq(one->key[14], '4');
        cr_assert(strchr("89ab", one->key[19]));
        cr_assert_str_neq(one->key, two->key);
        send_queue_deinit(&queue);
}

Test(send_queue, full_queue_drops_the_oldest)
{
        struct send_queue queue = { .max_bytes = 10 };

        push(&queue, "aaaa", 1);
        push(&queue, "bbbb", 2);
        push(&queue, "cccc", 3);
        cr_assert_eq(queue.counters.lost[SEND_LOST_FULL], 1);
        cr_assert_eq(queue.counters.waiting_bytes, 8);
        cr_assert_eq(memcmp(queue.batches->body, "bbbb", 4), 0);
        check_sums(&queue);
        send_queue_deinit(&queue);
}

Test(send_queue, what_is_being_sent_is_not_dropped)
{
        struct send_queue queue = { .max_bytes = 10 };

        push(&queue, "aaaa", 1);
        struct send_batch *busy = send_queue_take(&queue, 2);
        push(&queue, "bbbb", 2);
        push(&queue, "cccccc", 3);
        cr_assert_eq(queue.counters.lost[SEND_LOST_FULL], 1);
        cr_assert_eq(queue.batches, busy);
        cr_assert_eq(memcmp(busy->next->body, "cccccc", 6), 0);

        push(&queue, "dddddd", 4);
        cr_assert_eq(queue.counters.lost[SEND_LOST_FULL], 2);
        send_queue_put_back(&queue, busy, 100);
        cr_assert_eq(queue.counters.waiting_bytes, 10);
        check_sums(&queue);
        send_queue_deinit(&queue);
}

Test(send_queue, one_that_never_fits_costs_no_other)
{
        struct send_queue queue = { .max_bytes = 4 };

        push(&queue, "aaaa", 1);
        push(&queue, "bbbbb", 2);
        cr_assert_eq(queue.counters.queued, 2);
        cr_assert_eq(queue.counters.lost[SEND_LOST_FULL], 1);
        cr_assert_eq(memcmp(send_queue_take(&queue, 3)->body, "aaaa", 4), 0);
        check_sums(&queue);
        send_queue_deinit(&queue);
}

Test(send_queue, a_failed_batch_waits_and_others_pass_it)
{
        struct send_queue queue = { .max_bytes = 100 };

        cr_assert_eq(send_queue_next_ms(&queue), INT64_MAX);
        push(&queue, "one", 1);
        struct send_batch *one = send_queue_take(&queue, 1);
        cr_assert_eq(send_queue_next_ms(&queue), INT64_MAX);
        send_queue_put_back(&queue, one, 50);
        cr_assert_eq(send_queue_next_ms(&queue), 50);
        push(&queue, "two", 2);
        cr_assert_eq(send_queue_next_ms(&queue), 0);
        struct send_batch *two = send_queue_take(&queue, 10);
        cr_assert_neq(two, one);
        cr_assert_null(send_queue_take(&queue, 49));
        cr_assert_eq(send_queue_take(&queue, 50), one);
        send_queue_delivered(&queue, two);
        send_queue_put_back(&queue, one, 1000);
        send_queue_hurry(&queue);
        cr_assert_eq(send_queue_take(&queue, 51), one);
        send_queue_lost(&queue, one, SEND_LOST_REJECTED);
        cr_assert_eq(queue.counters.bytes, 3);
        check_sums(&queue);
        send_queue_deinit(&queue);
}

/* One that fails whenever it is tried is no obstacle, though it is the destination that seems to fail. */
Test(send_queue, what_has_failed_least_goes_first)
{
        struct send_queue queue = { .max_bytes = 100 };

        push(&queue, "old", 1);
        push(&queue, "bad", 2);
        struct send_batch *bad = send_queue_take(&queue, 5);
        bad->attempts++;
        send_queue_put_back(&queue, bad, 10);
        struct send_batch *old = send_queue_take(&queue, 10);
        cr_assert_neq(old, bad);
        send_queue_delivered(&queue, old);
        push(&queue, "new", 20);
        struct send_batch *new = send_queue_take(&queue, 20);
        cr_assert_neq(new, bad);
        send_queue_delivered(&queue, new);
        cr_assert_eq(send_queue_take(&queue, 20), bad);
        send_queue_deinit(&queue);
}

/* Whatever happens, the sums agree and the bound holds except for what is busy. */
Test(send_queue, sums_agree_after_any_sequence)
{
        struct send_queue queue = { .max_bytes = 200 };
        struct send_batch *busy = NULL;
        char text[64];

        srand(7);
        memset(text, 'x', sizeof(text));
        for (int i = 0; i < 20000; i++) {
                text[63] = '\0';
                if (rand() % 3 > 0) {
                        push(&queue, text + rand() % 63, i);
                } else if (!busy) {
                        busy = send_queue_take(&queue, i);
                } else {
                        void (*const ends[])(struct send_queue *, struct send_batch *) = { send_queue_delivered,
                                                                                           reject };
                        if (rand() % 3 == 0)
                                send_queue_put_back(&queue, busy, i + rand() % 20);
                        else
                                ends[rand() % 2](&queue, busy);
                        busy = NULL;
                }
                check_sums(&queue);
                cr_assert_leq(queue.counters.waiting_bytes, 200 + (busy ? busy->len : 0));
        }
        cr_assert_gt(queue.counters.lost[SEND_LOST_FULL], 100);
        cr_assert_gt(queue.counters.delivered, 100);
        send_queue_deinit(&queue);
}

Test(send_queue, too_old_is_dropped)
{
        struct send_queue queue = { .max_bytes = 100, .max_age_ms = 50 };

        push(&queue, "one", -20);
        struct send_batch *one = send_queue_take(&queue, 10);
        push(&queue, "two", 0);
        push(&queue, "three", 40);
        send_queue_expire(&queue, 50);
        cr_assert_eq(queue.counters.lost[SEND_LOST_EXPIRED], 0, "what is being sent stays");
        send_queue_expire(&queue, 51);
        cr_assert_eq(queue.counters.lost[SEND_LOST_EXPIRED], 1);
        cr_assert_eq(queue.batches, one);
        send_queue_put_back(&queue, one, 60);
        send_queue_expire(&queue, 60);
        cr_assert_eq(queue.counters.lost[SEND_LOST_EXPIRED], 2);
        cr_assert_eq(memcmp(queue.batches->body, "three", 5), 0);
        check_sums(&queue);
        send_queue_deinit(&queue);
}

Test(send_queue, parts_take_the_place_of_the_whole)
{
        struct send_queue queue = { .max_bytes = 100 };
        struct send_batch *halves[2];

        push(&queue, "whole", 1);
        struct send_batch *whole = send_queue_take(&queue, 5);
        push(&queue, "next", 2);
        cr_assert_eq(send_batch_new(strdup("who"), 3, true, 1, &halves[0]), 0);
        cr_assert_eq(send_batch_new(strdup("le"), 2, true, 1, &halves[1]), 0);
        send_queue_divided(&queue, whole, halves, 2);
        cr_assert_eq(queue.counters.divided, 1);
        cr_assert_eq(queue.counters.queued, 4);
        cr_assert_eq(queue.batches, halves[0]);
        cr_assert_eq(halves[0]->next, halves[1]);
        cr_assert_eq(memcmp(halves[1]->next->body, "next", 4), 0);
        check_sums(&queue);
        send_queue_deinit(&queue);
}
