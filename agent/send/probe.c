/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks whether a collector accepts profiles: sends it one request without profiles. That finds what a mere connection
 * does not: a wrong path, a refused token, a certificate that cannot be verified.
 */
#include "agent/send/outcome.h"
#include "agent/send/protocol.h"
#include "agent/send/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* People do not wait longer for a diagnosis. */
#define PROBE_MS 5000

static int make_empty_body(const struct send_protocol *protocol, bool gzip, void **ret, size_t *ret_len)
{
        static const struct profile_set none;
        struct send_body body = { 0 };
        int r = protocol->encode(&none, false, &body);

        if (r == 0 && !body.text)
                r = -ENODATA;
        if (r == 0)
                r = send_body_pack(&body, gzip, ret, ret_len);
        free(body.text);
        return r;
}

static int request_once(struct http_client *client, const struct send_protocol *protocol, bool gzip, char *reason,
                        size_t reason_size)
{
        char type[128];
        const char *const headers[] = { type, gzip ? "Content-Encoding: gzip" : NULL, NULL };
        struct http_client_answer answer;
        void *bytes = NULL;
        size_t len = 0;
        int r = make_empty_body(protocol, gzip, &bytes, &len);

        if (r < 0) {
                snprintf(reason, reason_size, "a request cannot be made");
                return r;
        }
        snprintf(type, sizeof(type), "Content-Type: %s", protocol->content_type);
        const struct http_client_request request = { .headers = headers, .body = bytes, .len = len };
        http_client_request(client, &request, &answer);
        struct send_outcome outcome = send_judge(&answer, reason, reason_size);
        free(bytes);
        return outcome.fate == SEND_TAKEN ? 0 : SEND_E_REFUSED;
}

int send_probe(const struct send_config *config)
{
        const struct send_protocol *protocol = send_protocol_by_name(config->protocol);
        struct http_client_config ours = config->client;
        struct http_client *client = NULL;

        if (!protocol)
                return send_protocol_refuse(&ours, config->protocol);
        ours.timeout_ms = PROBE_MS;
        ours.path = config->url_is_whole ? NULL : protocol->path;
        int r = http_client_open(&ours, &client);
        if (r == 0)
                r = request_once(client, protocol, !config->uncompressed && !protocol->packs_inside, ours.reason,
                                 ours.reason_size);
        http_client_close(client);
        return r;
}
