/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/send/divide.h"

#include <stdlib.h>

/* If a server finds everything too large, it gets no more than 2^8 parts of a batch. */
#define HALVINGS_MAX 8

/* How a body is to be divided. */
struct plan {
        struct send_choice failed; /* the profiles that are left */
        bool some;                 /* only those; else all */
        size_t parts;              /* 0: it is not divided */
};

/* Makes a batch of a part of a body. Consumes @body. NULL on failure. */
static struct send_batch *make_part(struct send *send, const struct send_batch *whole, struct send_body *body)
{
        struct send_batch *part = NULL;
        void *packed;
        size_t len;
        int r = send_body_pack(body, whole->gzip, &packed, &len);

        free(body->text);
        if (r < 0 || send_batch_new(packed, len, whole->gzip, whole->created_ms, &part) < 0)
                return NULL;
        part->created_ns = whole->created_ns;
        part->content_type = whole->content_type;
        part->halvings = whole->halvings;
        part->attempts = whole->attempts;
        send_commit(send, part);
        return part;
}

static void drop_parts(struct send *send, struct send_parts *parts)
{
        for (size_t i = 0; i < parts->n; i++) {
                if (parts->items[i]->file)
                        send_spool_remove(send->spool, parts->items[i]);
                send_batch_free(parts->items[i]);
        }
        parts->n = 0;
}

static void carry_out(struct send *send, const struct send_batch *batch, const struct send_body *body,
                      const struct plan *plan, struct send_parts *ret)
{
        struct send_body bodies[SEND_PARTS_MAX];
        bool made = true;

        if (send_body_divide(send->protocol, body, send->config.all_labels, plan->some ? &plan->failed : NULL,
                             plan->parts, bodies) < 0)
                return;
        for (size_t i = 0; i < plan->parts; i++) {
                struct send_batch *part = make_part(send, batch, &bodies[i]);

                made = made && part;
                if (part)
                        ret->items[ret->n++] = part;
        }
        if (!made)
                drop_parts(send, ret);
}

/* Whether the answer names those of the @n profiles that are not stored. Some of a long answer may be cut off. */
static bool are_named(const struct send *send, const struct http_client_answer *answer, size_t n, struct plan *plan)
{
        if (!send->protocol->failed || answer->len >= SEND_ANSWER_MAX ||
            !send->protocol->failed(answer->body, answer->len, &plan->failed))
                return false;
        for (size_t i = 0; i < plan->failed.n; i++) {
                if (plan->failed.items[i] >= n)
                        return false;
        }
        return true;
}

static void make_plan(const struct send *send, const struct send_batch *batch, const struct http_client_answer *answer,
                      size_t n, struct send_outcome *outcome, struct plan *plan)
{
        bool apart = outcome->apart && (answer->status != 429 || send->protocol->failed);

        if (outcome->fate == SEND_TOO_LARGE) {
                plan->parts = batch->halvings < HALVINGS_MAX ? 2 : 0;
        } else if (are_named(send, answer, n, plan)) {
                outcome->unsure = false;
                plan->some = true;
                plan->parts = plan->failed.n < n;
        } else if (apart && n > 1) {
                outcome->unsure = true;
                plan->parts = n < SEND_PARTS_MAX ? n : SEND_PARTS_MAX;
        }
}

/* Whether an answer may be a reason. Looking into a body takes time, and an outage has many answers. */
static bool is_reason(const struct send *send, const struct http_client_answer *answer,
                      const struct send_outcome *outcome)
{
        if (answer->status <= 0 || outcome->fate == SEND_TAKEN || outcome->misused)
                return false;
        return outcome->fate == SEND_TOO_LARGE || outcome->apart || send->protocol->failed;
}

void send_divide(struct send *send, const struct send_batch *batch, const struct http_client_answer *answer,
                 struct send_outcome *outcome, struct send_parts *ret)
{
        struct plan plan = { .parts = 0 };
        struct send_body body;
        int n;

        ret->n = 0;
        if (!is_reason(send, answer, outcome) || send_body_unpack(batch->body, batch->len, batch->gzip, &body) < 0)
                return;
        n = send_body_count(send->protocol, &body);
        if (n > 0)
                make_plan(send, batch, answer, (size_t)n, outcome, &plan);
        if (plan.parts > 0)
                carry_out(send, batch, &body, &plan, ret);
        for (size_t i = 0; i < ret->n && outcome->fate == SEND_TOO_LARGE; i++) {
                ret->items[i]->halvings++;
                ret->items[i]->attempts = 0; /* it was not sent yet */
        }
        free(body.text);
}
