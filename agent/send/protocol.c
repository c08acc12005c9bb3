/* SPDX-License-Identifier: Apache-2.0 */
/* The table of protocols, the default first; and the packing and unpacking of bodies. */
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
