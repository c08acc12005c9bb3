/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: profiles are encoded on the caller's thread, once for all who speak
 * the same protocol, and the bytes handed to the workers; a batch that is sent
 * again is byte for byte the same.
 */
#include "agent/send/send.h"
#include "agent/send/protocol.h"
#include "agent/send/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct send {
        struct send_worker *worker;
};

static const char *const loss_names[SEND_LOSSES] = {
        [SEND_LOST_FULL] = "full",
        [SEND_LOST_EXPIRED] = "expired",
        [SEND_LOST_REJECTED] = "rejected",
        [SEND_LOST_TOO_LARGE] = "too_large",
        [SEND_LOST_UNREADABLE] = "unreadable",
};

const char *send_loss_name(enum send_loss loss)
{
        return loss_names[loss];
}

int send_open(const struct send_config *config, struct send **ret)
{
        struct send *send = calloc(1, sizeof(*send));
        int r;

        if (!send)
                return -ENOMEM;
        r = send_worker_start(config, &send->worker);
        if (r != 0) {
                free(send);
                return r;
        }
        *ret = send;
        return 0;
}

uint64_t send_close(struct send *send, unsigned deadline_ms)
{
        uint64_t lost;

        if (!send)
                return 0;
        lost = send_worker_stop(send->worker, deadline_ms);
        free(send);
        return lost;
}

void send_hurry(struct send *send)
{
        send_worker_hurry(send->worker);
}

void send_counters(struct send *send, struct send_counters *ret)
{
        send_worker_counters(send->worker, ret);
}

/* ---- to several ---------------------------------------------------------- */

/* Destinations; of them, those that want what the @first does. */
struct fan {
        struct send *const *sends;
        size_t n, first;
};

static bool is_alike(const struct send *a, const struct send *b)
{
        return send_worker_protocol(a->worker) == send_worker_protocol(b->worker) &&
               send_worker_gzip(a->worker) == send_worker_gzip(b->worker);
}

/* The next destination of the fan after @i; its n: none. */
static size_t next_alike(const struct fan *fan, size_t i)
{
        do
                i++;
        while (i < fan->n && !is_alike(fan->sends[fan->first], fan->sends[i]));
        return i;
}

/* Each gets a copy: it is compressed, and some put it on disk at once. */
static int push_to_all(void *ctx, const struct send_body *body)
{
        const struct fan *fan = ctx;
        size_t len;
        void *packed;
        int result = send_body_pack(body, send_worker_gzip(fan->sends[fan->first]->worker), &packed, &len);

        if (result < 0)
                return result;
        for (size_t i = fan->first; i < fan->n; i = next_alike(fan, i)) {
                void *copy = malloc(len);
                int r = -ENOMEM;

                if (copy)
                        r = send_worker_push(fan->sends[i]->worker, memcpy(copy, packed, len), len);
                if (r < 0)
                        result = r;
        }
        free(packed);
        return result;
}

static void too_large_for_all(void *ctx)
{
        const struct fan *fan = ctx;

        for (size_t i = fan->first; i < fan->n; i = next_alike(fan, i))
                send_worker_too_large(fan->sends[i]->worker);
}

static bool is_first(const struct fan *fan)
{
        for (size_t i = 0; i < fan->first; i++) {
                if (is_alike(fan->sends[i], fan->sends[fan->first]))
                        return false;
        }
        return true;
}

int send_profiles_to_all(struct send *const *sends, size_t n, const struct profile_set *set)
{
        struct fan fan = { .sends = sends, .n = n };
        int result = 0;

        if (set->n == 0)
                return 0;
        for (; fan.first < n; fan.first++) {
                const struct send_split split = {
                        .protocol = send_worker_protocol(sends[fan.first]->worker),
                        .body = push_to_all,
                        .too_large = too_large_for_all,
                        .ctx = &fan,
                };
                int r = is_first(&fan) ? send_split(&split, set) : 0;

                if (r < 0)
                        result = r;
        }
        return result;
}

int send_profiles(struct send *send, const struct profile_set *set)
{
        return send_profiles_to_all(&send, 1, set);
}
