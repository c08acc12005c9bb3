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

/* Encodes @set in @n bodies of equally many profiles. */
static int encode_parts(const struct profile_set *set, bool all_labels, size_t n, struct send_body *ret)
{
        size_t made = 0, first = 0;
        int r = 0;

        while (r == 0 && made < n) {
                size_t end = set->n * (made + 1) / n;
                const struct profile_set part = { .items = set->items + first, .n = end - first };

                r = encode_otlp(&part, all_labels, &ret[made]);
                made += r == 0;
                first = end;
        }
        for (size_t i = 0; r < 0 && i < made; i++)
                free(ret[i].text);
        return r;
}

static int divide_otlp(const struct send_body *body, bool all_labels, const struct send_choice *choice, size_t n,
                       struct send_body *ret)
{
        struct profile_set all, chosen = { 0 };
        int r = format_read_otlp(body->text, body->len, &all, NULL);

        if (r < 0)
                return r;
        chosen.n = choice ? choice->n : all.n;
        chosen.items = calloc(chosen.n + 1, sizeof(struct profile *));
        if (!chosen.items)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < chosen.n; i++) {
                size_t index = choice ? choice->items[i] : i;

                if (index >= all.n)
                        r = -EINVAL;
                else
                        chosen.items[i] = all.items[index];
        }
        if (r == 0)
                r = chosen.n < n ? -E2BIG : encode_parts(&chosen, all_labels, n, ret);
        free(chosen.items);
        profile_set_deinit(&all);
        return r;
}

static int count_otlp(const struct send_body *body)
{
        struct profile_set all;
        int r = format_read_otlp(body->text, body->len, &all, NULL);

        if (r < 0)
                return r;
        r = (int)all.n;
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
        .count = count_otlp,
        .divide = divide_otlp,
};
