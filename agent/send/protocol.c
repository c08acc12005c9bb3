/* SPDX-License-Identifier: Apache-2.0 */
/* The table of protocols, the default first; and what is done with the bodies of all of them. */
#include "agent/send/protocol.h"
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "agent/send/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct send_protocol *const protocols[] = {
        &send_otlp,
        &send_pyroscope,
        &send_parca,
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

const char *send_protocol_name(size_t i, const char **ret_summary)
{
        if (i >= PROTOCOLS)
                return NULL;
        if (ret_summary)
                *ret_summary = protocols[i]->summary;
        return protocols[i]->name;
}

const struct send_protocol *send_protocol_by_name(const char *name)
{
        if (!name)
                return protocols[0];
        for (size_t i = 0; i < PROTOCOLS; i++) {
                if (strcmp(protocols[i]->name, name) == 0)
                        return protocols[i];
        }
        return NULL;
}

int send_protocol_refuse(const struct http_client_config *config, const char *name)
{
        char known[128] = "";

        for (size_t i = 0; i < PROTOCOLS; i++) {
                strncat(known, i > 0 ? ", " : "", sizeof known - strlen(known) - 1);
                strncat(known, protocols[i]->name, sizeof known - strlen(known) - 1);
        }
        return http_client_refuse(config, SEND_E_PROTOCOL, "'%.64s' is none of %s", name, known);
}

/* ---- parts of a body ---------------------------------------------------------- */

int send_body_count(const struct send_protocol *protocol, const struct send_body *body)
{
        void *parts;
        size_t n;
        int r = protocol->read_parts(body, &parts, &n);

        if (r < 0)
                return r;
        protocol->free_parts(parts);
        return (int)n;
}

/* Lists the numbers that @choice has among those of @all profiles, NULL: all of them. -EINVAL if it has others. */
static int list_numbers(const struct send_choice *choice, size_t all, size_t **ret, size_t *ret_n)
{
        size_t n = choice ? choice->n : all, *numbers = calloc(n + 1, sizeof *numbers);

        if (!numbers)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                numbers[i] = choice ? choice->items[i] : i;
                if (numbers[i] >= all) {
                        free(numbers);
                        return -EINVAL;
                }
        }
        *ret = numbers;
        *ret_n = n;
        return 0;
}

int send_body_divide(const struct send_protocol *protocol, const struct send_body *body, bool all_labels,
                     const struct send_choice *choice, size_t n, struct send_body *ret)
{
        size_t all, chosen = 0, made = 0, *numbers = NULL;
        void *parts;
        int r = protocol->read_parts(body, &parts, &all);

        if (r < 0)
                return r;
        r = list_numbers(choice, all, &numbers, &chosen);
        if (r == 0 && chosen < n)
                r = -E2BIG;
        for (size_t first = 0; r == 0 && made < n; made += r == 0) {
                size_t end = chosen * (made + 1) / n;

                r = protocol->write_parts(parts, all_labels, numbers + first, end - first, &ret[made]);
                first = end;
        }
        for (size_t i = 0; r < 0 && i < made; i++)
                free(ret[i].text);
        free(numbers);
        protocol->free_parts(parts);
        return r;
}

/* ---- packing ------------------------------------------------------------------ */

static int copy_bytes(const void *bytes, size_t len, void **ret)
{
        *ret = malloc(len + 1);
        if (!*ret)
                return -ENOMEM;
        memcpy(*ret, bytes, len);
        ((char *)*ret)[len] = '\0';
        return 0;
}

int send_body_pack(const struct send_body *body, bool gzip, void **ret, size_t *ret_len)
{
        if (gzip)
                return gzip_pack(body->text, body->len, ret, ret_len);
        *ret_len = body->len;
        return copy_bytes(body->text, body->len, ret);
}

int send_body_unpack(const void *bytes, size_t len, bool gzip, struct send_body *ret)
{
        struct send_body body = { .len = len };
        void *text;
        int r = gzip ? gzip_unpack(bytes, len, FORMAT_OTLP_MAX_BYTES, &text, &body.len) : copy_bytes(bytes, len, &text);

        if (r < 0)
                return r;
        body.text = text;
        *ret = body;
        return 0;
}
