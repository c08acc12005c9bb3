/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP profiles as JSON, which the built-in collector, the OpenTelemetry Collector and Pyroscope accept. The
 * Collector reads 20 MiB at most, unpacked.
 *
 * A body has everything about its profiles, so halving a body means reading it back.
 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"

#include <errno.h>
#include <stdlib.h>

#define BODY_MAX ((size_t)16 << 20)
#define PROFILES_MAX 8000

static int encode_otlp(const struct profile_set *set, struct send_body *ret)
{
        struct send_body body = { 0 };
        FILE *out = open_memstream(&body.text, &body.len);
        int r;

        if (!out)
                return -ENOMEM;
        r = format_write_otlp(set, out);
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

/* Halves a set of two or more profiles, and encodes the halves. */
static int encode_halves(const struct profile_set *all, struct send_body ret[static 2])
{
        const struct profile_set first = { .items = all->items, .n = all->n / 2 };
        const struct profile_set second = { .items = all->items + first.n, .n = all->n - first.n };
        struct send_body halves[2] = { 0 };
        int r = encode_otlp(&first, &halves[0]);

        if (r == 0)
                r = encode_otlp(&second, &halves[1]);
        if (r < 0) {
                free(halves[0].text);
                return r;
        }
        ret[0] = halves[0];
        ret[1] = halves[1];
        return 0;
}

static int halve_otlp(const struct send_body *body, struct send_body ret[static 2])
{
        struct profile_set all;
        int r = format_read_otlp(body->text, body->len, &all, NULL);

        if (r < 0)
                return r;
        r = all.n > 1 ? encode_halves(&all, ret) : -E2BIG;
        profile_set_deinit(&all);
        return r;
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
        .halve = halve_otlp,
};
