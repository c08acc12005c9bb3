/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to a running struct send, and its news to people. */
#include "destinations.h"

#include "say.h"

#include "agent/send/send.h"

#include <stdlib.h>
#include <string.h>

struct destinations {
        struct destination_options options;
        struct send *send;
};

static void on_state(void *ctx, bool up, const char *reason)
{
        const struct destinations *d = ctx;

        if (up)
                say("collector %s answers again", d->options.collector);
        else
                say("collector %s does not take profiles: %s; they wait %s", d->options.collector, reason,
                    d->options.spool ? "on disk" : "in memory");
}

static void on_rejected(void *ctx, const char *reason)
{
        const struct destinations *d = ctx;

        say("collector %s refused a batch for good: %s", d->options.collector, reason);
}

/* -1, or an exit status after a word about it. */
static int open_send(struct destinations *d, const struct usage *usage)
{
        const struct destination_options *options = &d->options;
        char reason[SEND_REASON_SIZE] = "";
        const struct send_config config = {
                .url = options->collector,
                .protocol = options->protocol,
                .token_file = options->token_file,
                .spool = options->spool,
                .spool_max_bytes = options->spool_max,
                .reason = reason,
                .reason_size = sizeof reason,
                .on_state = on_state,
                .on_rejected = on_rejected,
                .ctx = d,
        };
        int r = send_open(&config, &d->send);

        if (r == SEND_E_URL)
                return options_wrong(usage, "--collector: '%s' is not an http:// or https:// URL", options->collector);
        if (r == SEND_E_PROTOCOL)
                return options_wrong(usage, "--protocol: '%s' is none of otlp, pyroscope", options->protocol);
        return r == 0 ? -1 : say_error("nothing can be sent: %s", r > 0 ? reason : strerror(-r));
}

int destinations_open(const struct destination_options *options, const struct usage *usage, struct destinations **ret)
{
        struct destinations *d = calloc(1, sizeof *d);

        if (!d)
                return say_error("out of memory");
        d->options = *options;
        int r = open_send(d, usage);
        if (r < 0)
                *ret = d;
        else
                destinations_close(d, 0);
        return r;
}

void destinations_close(struct destinations *d, unsigned deadline_ms)
{
        if (!d)
                return;
        send_close(d->send, deadline_ms);
        free(d);
}

int destinations_send(struct destinations *d, const struct profile_set *set)
{
        return send_profiles(d->send, set);
}

const char *destinations_describe(const struct destinations *d)
{
        return d->options.collector;
}
