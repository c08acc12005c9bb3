/* SPDX-License-Identifier: Apache-2.0 */
/* The bearer token (RFC 6750). The time of a comparison does not show where two tokens differ. */
#include "agent/http/server/token.h"
#include "agent/http/server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longer tokens do not fit a header. */
#define TOKEN_MAX 4096

#define SCHEME "Bearer "

int http_server_token_read(const char *path, char **ret, char *reason, size_t reason_size)
{
        FILE *file = fopen(path, "re");
        char line[TOKEN_MAX + 2] = "", *token;
        size_t len;

        if (!file) {
                int r = -errno;
                snprintf(reason, reason_size, "cannot read the token file %s: %s", path, strerror(-r));
                return r;
        }
        len = fread(line, 1, TOKEN_MAX + 1, file);
        fclose(file);
        line[len] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || strlen(line) > TOKEN_MAX) {
                snprintf(reason, reason_size, "the token file %s must hold one line of 1 to %d bytes", path, TOKEN_MAX);
                return -EINVAL;
        }
        token = strdup(line);
        if (!token)
                return -ENOMEM;
        *ret = token;
        return 0;
}

bool http_server_token_matches(const char *token, const char *authorization)
{
        size_t wanted = strlen(token), len;
        unsigned char differ;

        if (!authorization || strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
                return false;
        authorization += strlen(SCHEME);
        len = strlen(authorization);
        differ = len != wanted;
        for (size_t i = 0; i < len; i++)
                differ |= (unsigned char)(authorization[i] ^ token[i % wanted]);
        return differ == 0;
}
