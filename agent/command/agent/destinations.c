/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a struct send for each collector, of the options, and tells people what happens to it.
 *
 * The order of options matters. Options before the first collector, or in the environment, are for all collectors.
 * Options behind a collector are for that one.
 */
#include "destinations.h"

#include "agent/command/cli/messages.h"
#include "agent/command/command.h"
#include "agent/send/send.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESTINATIONS_MAX 16
#define URL_DEFAULT "http://127.0.0.1:4318"

struct destination {
        struct send_config config;
        char *headers;          /* those of --header, one a line; allocated */
        char *from_environment; /* storage of send_config_from_environment() */
        const char *named_by;   /* the option or variable that says its URL */
        struct send *send;
};

struct destinations {
        struct destination items[DESTINATIONS_MAX];
        struct send *sends[DESTINATIONS_MAX]; /* those of items */
        size_t n;
        char *described; /* see destinations_describe() */
};

#define FIELD(member) offsetof(struct send_config, member)

static const struct {
        const char *option;
        size_t field; /* the offset of a const char * */
        bool is_file;
} texts[] = {
        { "protocol", FIELD(protocol), false },
        { "token-file", FIELD(client.token_file), true },
        { "basic-auth-file", FIELD(client.basic_file), true },
        { "headers-file", FIELD(client.headers_file), true },
        { "ca-file", FIELD(client.ca_file), true },
        { "cert-file", FIELD(client.cert_file), true },
        { "key-file", FIELD(client.key_file), true },
        { "proxy", FIELD(client.proxy), false },
};

#define TEXTS (sizeof texts / sizeof *texts)

static const char **text_of(struct destination *d, size_t i)
{
        return (const char **)((char *)&d->config + texts[i].field);
}

/* ---- from the options ---------------------------------------------------------------- */

static bool is_option(const struct option_item *item, const char *option)
{
        return strcmp(item->option->name, option) == 0;
}

/* 0 or -ENOMEM. */
static int add_header(struct destination *d, const char *line)
{
        char *lines;

        if (asprintf(&lines, "%s%s\n", d->headers ? d->headers : "", line) < 0)
                return -ENOMEM;
        free(d->headers);
        d->headers = lines;
        return 0;
}

static int apply_option(struct destination *d, const struct option_item *item)
{
        if (is_option(item, "header"))
                return add_header(d, item->text);
        for (size_t i = 0; i < TEXTS; i++)
                if (is_option(item, texts[i].option))
                        *text_of(d, i) = item->text;
        return 0;
}

/* Sorts the options: those for all collectors go to @common, those for one collector to that one. */
static int gather_destinations(struct destinations *d, const struct option_list *list, struct destination *common)
{
        struct destination *last = common;
        int r = 0;

        for (size_t i = 0; i < list->n && r == 0; i++) {
                const struct option_item *item = &list->items[i];
                if (!is_option(item, "collector")) {
                        r = apply_option(item->from_environment ? common : last, item);
                        continue;
                }
                if (d->n == DESTINATIONS_MAX)
                        return -E2BIG;
                last = &d->items[d->n++];
                last->config.client.url = item->text;
                last = item->from_environment ? common : last;
        }
        d->n += d->n == 0;
        return r;
}

/* Fills in from @common what the options of @one leave open. Headers of both are sent. */
static int inherit_settings(struct destination *one, struct destination *common)
{
        char *lines;

        for (size_t i = 0; i < TEXTS; i++)
                if (!*text_of(one, i))
                        *text_of(one, i) = *text_of(common, i);
        if (!common->headers)
                return 0;
        if (asprintf(&lines, "%s%s", common->headers, one->headers ? one->headers : "") < 0)
                return -ENOMEM;
        free(one->headers);
        one->headers = lines;
        return 0;
}

/* ---- news ------------------------------------------------------------------------------- */

static void say_collector_state(void *ctx, bool up, const char *reason)
{
        const struct destination *d = ctx;

        if (up)
                say("collector %s answers again", d->config.client.url);
        else
                say("collector %s does not take profiles: %s; they wait %s", d->config.client.url, reason,
                    d->config.spool ? "on disk" : "in memory");
}

static void say_rejected_batch(void *ctx, const char *reason)
{
        const struct destination *d = ctx;

        say("collector %s refused a batch for good: %s", d->config.client.url, reason);
}

/* ---- opening ---------------------------------------------------------------------------- */

/* Prints why a destination cannot be opened. Returns an exit status. */
static int say_refused(const struct destination *d, const struct usage *usage, int error)
{
        const char *reason = d->config.client.reason;

        /* A URL with a password in it is not printed. */
        if (error == HTTP_CLIENT_E_URL)
                return options_wrong(usage, "%s: '%s': %s", d->named_by,
                                     strchr(d->config.client.url, '@') ? "…" : d->config.client.url, reason);
        if (error == SEND_E_PROTOCOL && d->config.protocol && strcmp(d->config.protocol, "otlp") != 0)
                return options_wrong(usage, "--protocol: %s", reason);
        if (error == HTTP_CLIENT_E_HEADER || error == HTTP_CLIENT_E_PROXY || error == SEND_E_TIMEOUT ||
            error == SEND_E_PROTOCOL)
                return options_wrong(usage, "collector %s: %s", d->config.client.url, reason);
        return say_error("nothing can be sent to %s: %s", d->config.client.url, error > 0 ? reason : strerror(-error));
}

/* Opens a destination. GO_ON, or an exit status, after a message. */
static int open_destination(struct destination *d, const struct destination_options *options, const struct usage *usage)
{
        char reason[HTTP_CLIENT_REASON_SIZE] = "";
        bool otlp = !d->config.protocol || strcmp(d->config.protocol, "otlp") == 0;

        d->config.client.headers = d->headers;
        d->config.spool = options->spool;
        d->config.all_labels = options->all_labels;
        d->config.spool_max_bytes = options->spool_max;
        d->config.on_state = say_collector_state;
        d->config.on_rejected = say_rejected_batch;
        d->config.ctx = d;
        d->config.client.reason = reason;
        d->config.client.reason_size = sizeof reason;
        d->named_by = d->config.client.url ? "--collector" : "OTEL_EXPORTER_OTLP_ENDPOINT";
        int r = otlp ? send_config_from_environment(&d->config, &d->from_environment) : 0;
        if (!d->config.client.url)
                d->config.client.url = URL_DEFAULT;
        if (r == 0)
                r = send_open(&d->config, &d->send);
        int status = r == 0 ? GO_ON : say_refused(d, usage, r);
        d->config.client.reason = NULL;
        return status;
}

/* Opens all destinations of the options. GO_ON, or an exit status, after a message. */
static int open_destinations(struct destinations *d, const struct destination_options *options,
                             const struct usage *usage)
{
        struct destination common = { 0 };
        int r = gather_destinations(d, &options->list, &common), status = GO_ON;

        for (size_t i = 0; i < d->n && r == 0; i++)
                r = inherit_settings(&d->items[i], &common);
        free(common.headers);
        if (r != 0)
                return r == -E2BIG ? options_wrong(usage, "--collector: more than %d of them", DESTINATIONS_MAX)
                                   : say_error("nothing can be sent: %s", strerror(-r));
        for (size_t i = 0; i < d->n && status == GO_ON; i++) {
                d->items[i].config.queue_max_bytes = options->queue_max / d->n;
                status = open_destination(&d->items[i], options, usage);
                d->sends[i] = d->items[i].send;
        }
        return status;
}

static void say_left_batches(void *ctx, const char *folder, uint64_t batches)
{
        const char *const *spool = ctx;

        say("%s/%s: %llu batch%s for a collector that is not named any more; they are deleted when too old for it",
            *spool, folder, (unsigned long long)batches, batches == 1 ? "" : "es");
}

/* The URLs, as "A and B". Allocated; NULL: out of memory. */
static char *list_urls(const struct destinations *d)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        for (size_t i = 0; out && i < d->n; i++)
                fprintf(out, "%s%s", i > 0 ? " and " : "", d->items[i].config.client.url);
        return out && fclose(out) == 0 ? text : NULL;
}

int destinations_open(const struct destination_options *options, const struct usage *usage, struct destinations **ret)
{
        struct destinations *d = calloc(1, sizeof *d);
        int status = d ? open_destinations(d, options, usage) : say_error("out of memory");

        if (status == GO_ON) {
                const char *spool = options->spool;
                if (spool)
                        send_spool_tidy(spool, say_left_batches, &spool);
                d->described = list_urls(d);
                status = d->described ? GO_ON : say_error("out of memory");
        }
        if (status == GO_ON)
                *ret = d;
        else
                destinations_close(d, 0);
        return status;
}

/* ---- closing ---------------------------------------------------------------------------- */

void destination_options_deinit(struct destination_options *options)
{
        option_list_deinit(&options->list);
}

struct closing {
        pthread_t thread;
        bool started;
        struct send *send;
        const struct send_config *config;
        unsigned deadline_ms;
};

static void *close_destination(void *ctx)
{
        const struct closing *closing = ctx;

        uint64_t lost = send_close(closing->send, closing->deadline_ms);
        if (lost > 0)
                say("collector %s did not take %llu batches in time: they are lost%s", closing->config->client.url,
                    (unsigned long long)lost, closing->config->spool ? ", the disk did not take them" : "");
        return NULL;
}

/*
 * All are closed at the same time: a collector that does not answer takes the whole deadline, which the others must not
 * lose.
 */
void destinations_close(struct destinations *d, unsigned deadline_ms)
{
        struct closing closings[DESTINATIONS_MAX];

        if (!d)
                return;
        for (size_t i = 0; i < d->n; i++) {
                struct closing *c = &closings[i];
                *c = (struct closing){ .send = d->items[i].send,
                                       .config = &d->items[i].config,
                                       .deadline_ms = deadline_ms };
                c->started = c->send && pthread_create(&c->thread, NULL, close_destination, c) == 0;
                if (!c->started)
                        close_destination(c);
        }
        for (size_t i = 0; i < d->n; i++) {
                if (closings[i].started)
                        pthread_join(closings[i].thread, NULL);
                free(d->items[i].headers);
                free(d->items[i].from_environment);
        }
        free(d->described);
        free(d);
}

/* ---- in between -------------------------------------------------------------------------- */

int destinations_send(struct destinations *d, const struct profile_set *set)
{
        return send_profiles_to_all(d->sends, d->n, set);
}

static void check_readable_files(struct destination *d)
{
        for (size_t i = 0; i < TEXTS; i++) {
                const char *path = *text_of(d, i);
                if (texts[i].is_file && path && access(path, R_OK) < 0)
                        say("collector %s: --%s: %s: %s; what it held before is used on", d->config.client.url,
                            texts[i].option, path, strerror(errno));
        }
}

void destinations_reload(struct destinations *d)
{
        for (size_t i = 0; i < d->n; i++) {
                check_readable_files(&d->items[i]);
                send_hurry(d->items[i].send);
        }
}

size_t destinations_count(const struct destinations *d)
{
        return d->n;
}

struct send *destinations_at(const struct destinations *d, size_t i, const char **ret_url)
{
        *ret_url = d->items[i].config.client.url;
        return d->sends[i];
}

const char *destinations_describe(const struct destinations *d)
{
        return d->described;
}
