/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: profiles are encoded on the caller's thread, once, and the bytes
 * handed to the worker; a batch that is sent again is byte for byte the same.
 */
#include "agent/send/send.h"
#include "agent/format/format.h"
#include "agent/send/worker.h"

#include <errno.h>
#include <stdlib.h>

struct send {
        struct send_worker *worker;
};

/* Pyroscope compares the content type as a string: no parameters. */
static const struct send_endpoint otlp = {
        .path = "/v1development/profiles",
        .content_type = "application/json",
};

int send_open(const struct send_config *config, struct send **ret)
{
        struct send *send = calloc(1, sizeof(*send));
        struct send_http *http;
        int r;

        if (!send)
                return -ENOMEM;
        r = send_http_open(config->url, config->token, &otlp, &http);
        if (r == 0)
                r = send_worker_start(config, http, &send->worker);
        if (r != 0) {
                free(send);
                return r;
        }
        *ret = send;
        return 0;
}

static int encode(const struct profile_set *set, void **ret, size_t *ret_len)
{
        char *json = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&json, &len);
        int r;

        if (!out)
                return -errno;
        r = format_write_otlp(set, out);
        if (fclose(out) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0)
                r = format_gzip(json, len, ret, ret_len);
        free(json);
        return r;
}

int send_profiles(struct send *send, const struct profile_set *set)
{
        void *body;
        size_t len;
        int r;

        if (set->n == 0)
                return 0;
        r = encode(set, &body, &len);
        if (r < 0)
                return r;
        return send_worker_push(send->worker, body, len);
}

void send_counters(struct send *send, struct send_counters *ret)
{
        send_worker_counters(send->worker, ret);
}

void send_close(struct send *send, unsigned deadline_ms)
{
        if (!send)
                return;
        send_worker_stop(send->worker, deadline_ms);
        free(send);
}
