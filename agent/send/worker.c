/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one request at a time. A batch that failed waits for a moment of
 * its own while later ones pass it. When it is the destination that failed,
 * nothing at all is sent until that moment (the gate), then one batch probes it.
 *
 * Waiting times have full jitter, so that the agents of a cluster do not come
 * back all at once after an outage.
 */
#include "agent/send/worker.h"
#include "agent/send/clock.h"
#include "agent/send/verdict.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#define BACKOFF_BASE_MS 1000
#define BACKOFF_MAX_MS  60000
#define RETRY_AFTER_MAX_S 300 /* a server may not silence us for longer */

#define QUEUE_DEFAULT_BYTES ((size_t)64 << 20)

struct send_worker {
        pthread_t thread;
        pthread_mutex_t lock; /* of all below */
        pthread_cond_t wake;
        struct send_queue queue;
        int64_t gate_ms;    /* nothing is sent before */
        unsigned failures;  /* of the destination, in a row */
        int64_t stop_at_ms; /* INT64_MAX until it is closing */
        bool closing;
        bool hopeless; /* closing, and the destination failed */

        struct send_http *http;
        struct send_config config;
        bool down; /* the thread's alone */
};

/* ---- waiting ------------------------------------------------------------- */

/* uniform(0, min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2^n)) */
static int64_t backoff_ms(unsigned n)
{
        int64_t most = n < 16 ? (int64_t)BACKOFF_BASE_MS << n : BACKOFF_MAX_MS;
        uint32_t random;

        if (most > BACKOFF_MAX_MS)
                most = BACKOFF_MAX_MS;
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
                return most;
        return random % (most + 1);
}

static int64_t pause_ms(const struct send_verdict *verdict, const struct send_answer *answer, unsigned failures)
{
        int64_t pause = verdict->misused ? BACKOFF_MAX_MS : backoff_ms(failures);
        int64_t asked = answer->retry_after < RETRY_AFTER_MAX_S ? answer->retry_after : RETRY_AFTER_MAX_S;

        return pause > asked * 1000 ? pause : asked * 1000;
}

static void sleep_until(struct send_worker *worker, int64_t when_ms)
{
        struct timespec when = { .tv_sec = when_ms / 1000, .tv_nsec = when_ms % 1000 * 1000000 };

        if (when_ms == INT64_MAX)
                pthread_cond_wait(&worker->wake, &worker->lock);
        else
                pthread_cond_timedwait(&worker->wake, &worker->lock, &when);
}

/* The next batch to send; NULL: stop. */
static struct send_batch *wait_for_batch(struct send_worker *worker)
{
        for (;;) {
                int64_t now = send_now_ms(), next = send_queue_next_ms(&worker->queue);

                if (worker->closing && (worker->hopeless || now >= worker->stop_at_ms || next == INT64_MAX))
                        return NULL;
                if (next != INT64_MAX && next < worker->gate_ms)
                        next = worker->gate_ms;
                if (next <= now)
                        return send_queue_take(&worker->queue, now);
                sleep_until(worker, next < worker->stop_at_ms ? next : worker->stop_at_ms);
        }
}

/* ---- settling ------------------------------------------------------------ */

static void put_back(struct send_worker *worker, struct send_batch *batch, const struct send_verdict *verdict,
                     const struct send_answer *answer)
{
        unsigned failures = verdict->gate ? worker->failures++ : batch->attempts - 1;
        int64_t when = send_now_ms() + pause_ms(verdict, answer, failures);

        if (verdict->gate) {
                worker->gate_ms = when;
                worker->hopeless = worker->closing;
        }
        send_queue_put_back(&worker->queue, batch, when);
}

/* What became of @batch. Whether it was refused for good. */
static bool settle(struct send_worker *worker, struct send_batch *batch, const struct send_verdict *verdict,
                   const struct send_answer *answer)
{
        bool again = verdict->fate == SEND_AGAIN && (verdict->tries == 0 || batch->attempts < verdict->tries);

        if (!verdict->gate)
                worker->failures = 0;
        if (again)
                put_back(worker, batch, verdict, answer);
        else if (verdict->fate == SEND_TAKEN)
                send_queue_delivered(&worker->queue, batch);
        else
                send_queue_rejected(&worker->queue, batch);
        return !again && verdict->fate != SEND_TAKEN;
}

static void tell(struct send_worker *worker, const struct send_verdict *verdict, bool rejected, const char *reason)
{
        const struct send_config *config = &worker->config;

        if (verdict->down != worker->down && (verdict->down || !verdict->gate)) {
                worker->down = verdict->down;
                if (config->on_state)
                        config->on_state(config->ctx, !worker->down, worker->down ? reason : NULL);
        }
        if (rejected && config->on_rejected)
                config->on_rejected(config->ctx, reason);
}

static void *run(void *ctx)
{
        struct send_worker *worker = ctx;
        struct send_batch *batch;

        pthread_mutex_lock(&worker->lock);
        while ((batch = wait_for_batch(worker))) {
                struct send_verdict verdict;
                struct send_answer answer;
                char reason[512];

                if (batch->attempts++ > 0)
                        worker->queue.counters.retried++;
                pthread_mutex_unlock(&worker->lock);
                send_http_post(worker->http, batch, &answer);
                verdict = send_judge(&answer, reason, sizeof(reason));

                pthread_mutex_lock(&worker->lock);
                bool rejected = settle(worker, batch, &verdict, &answer);
                pthread_mutex_unlock(&worker->lock);
                tell(worker, &verdict, rejected, reason);
                pthread_mutex_lock(&worker->lock);
        }
        pthread_mutex_unlock(&worker->lock);
        return NULL;
}

/* ---- starting and stopping ----------------------------------------------- */

/* Signals are for the main thread. */
static int start_thread(struct send_worker *worker)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&worker->thread, NULL, run, worker);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}

static void worker_free(struct send_worker *worker)
{
        send_queue_deinit(&worker->queue);
        send_http_close(worker->http);
        pthread_cond_destroy(&worker->wake);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
}

int send_worker_start(const struct send_config *config, struct send_http *http, struct send_worker **ret)
{
        struct send_worker *worker = calloc(1, sizeof(*worker));
        pthread_condattr_t attributes;
        int r;

        if (!worker) {
                send_http_close(http);
                return -ENOMEM;
        }
        worker->http = http;
        worker->config = *config;
        worker->config.url = worker->config.token = NULL;
        worker->stop_at_ms = INT64_MAX;
        worker->queue.max_bytes = config->queue_max_bytes > 0 ? config->queue_max_bytes : QUEUE_DEFAULT_BYTES;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->wake, &attributes);
        pthread_condattr_destroy(&attributes);

        r = start_thread(worker);
        if (r < 0) {
                worker_free(worker);
                return r;
        }
        *ret = worker;
        return 0;
}

int send_worker_push(struct send_worker *worker, void *body, size_t len)
{
        int r;

        pthread_mutex_lock(&worker->lock);
        r = send_queue_push(&worker->queue, body, len, send_now_ms());
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
        return r;
}

void send_worker_counters(struct send_worker *worker, struct send_counters *ret)
{
        const struct send_batch *oldest;

        pthread_mutex_lock(&worker->lock);
        oldest = worker->queue.batches;
        *ret = worker->queue.counters;
        ret->waiting_ms = oldest ? (uint64_t)(send_now_ms() - oldest->created_ms) : 0;
        pthread_mutex_unlock(&worker->lock);
}

void send_worker_stop(struct send_worker *worker, unsigned deadline_ms)
{
        int64_t stop_at = send_now_ms() + deadline_ms;

        if (!worker)
                return;
        pthread_mutex_lock(&worker->lock);
        worker->closing = true;
        worker->stop_at_ms = stop_at;
        worker->gate_ms = 0;
        send_queue_hurry(&worker->queue);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);

        send_http_stop_at(worker->http, stop_at);
        pthread_join(worker->thread, NULL);
        worker_free(worker);
}
