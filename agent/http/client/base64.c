/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, the encoding of basic authentication. */
#include "agent/http/client/client.h"

#include <stdint.h>
#include <stdlib.h>

char *http_client_base64(const void *data, size_t len)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *in = data;
        char *text = len < SIZE_MAX / 2 ? malloc((len + 2) / 3 * 4 + 1) : NULL;
        char *out = text;

        if (!text)
                return NULL;
        for (; len > 0; in += 3, len -= len < 3 ? len : 3) {
                uint32_t group = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0) | (len > 2 ? in[2] : 0);

                *out++ = digits[group >> 18];
                *out++ = digits[group >> 12 & 63];
                *out++ = len > 1 ? digits[group >> 6 & 63] : '=';
                *out++ = len > 2 ? digits[group & 63] : '=';
        }
        *out = '\0';
        return text;
}
