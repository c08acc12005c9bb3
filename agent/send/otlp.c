/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP profiles as JSON, which the built-in collector, the OpenTelemetry Collector and Pyroscope accept. The
 * Collector reads 20 MiB at most, unpacked.
 *
 * A body has everything about its profiles, so dividing a body means reading it back.
 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"

#include <errno.h>
#include <stdlib.h>

#define BODY_MAX ((size_t)16 << 20)
#define PROFILES_MAX 8000

static int encode_otlp(const struct profile_set *set, bool all_labels, struct send_body *ret)
{
        struct send_body body = { 0 };
        FILE *out = open_memstream(&body.text, &body.len);
        int r;

        if (!out)
                return -ENOMEM;
        r = format_send_otlp(set, all_labels, out);
        if (fclose(out) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0 && body.len > BODY_MAX)
                r = -EFBIG;
        if (r < 0) {
                free(body.text);
                return r;
        }
        *ret = body;
        return 0;
}

static int read_otlp(const struct send_body *body, void **ret, size_t *ret_n)
{
        struct profile_set *all = calloc(1, sizeof *all);
        int r = all ? format_read_otlp(body->text, body->len, all, NULL) : -ENOMEM;

        if (r < 0) {
                free(all);
                return r;
        }
        *ret = all;
        *ret_n = all->n;
        return 0;
}

static int write_otlp(void *parts, bool all_labels, const size_t *items, size_t n, struct send_body *ret)
{
        const struct profile_set *all = parts;
        struct profile_set chosen = { .n = n };
        int r = -ENOMEM;

        chosen.items = calloc(n + 1, sizeof(struct profile *));
        if (!chosen.items)
                return r;
        for (size_t i = 0; i < n; i++)
                chosen.items[i] = all->items[items[i]];
        r = encode_otlp(&chosen, all_labels, ret);
        free(chosen.items);
        return r;
}

static void free_otlp(void *parts)
{
        profile_set_deinit(parts);
        free(parts);
}

/* The content type has no parameters, since Pyroscope compares it as a string. */
const struct send_protocol send_otlp = {
        .name = "otlp",
        .summary = "OpenTelemetry profiles (OTLP/HTTP, JSON)",
        .path = "/v1development/profiles",
        .content_type = "application/json",
        .max_age_s = 24 * 3600,
        .max_profiles = PROFILES_MAX,
        .encode = encode_otlp,
        .read_parts = read_otlp,
        .write_parts = write_otlp,
        .free_parts = free_otlp,
};
