/* SPDX-License-Identifier: Apache-2.0 */
/* Makes sure that no page of another site can use a browser on this machine to read or write here. */
#include "agent/http/server/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HTTP_PORT 80

/* No name of this machine is longer. */
#define NAME_SIZE 64

enum { FORBIDDEN = 403, MISDIRECTED = 421 };

/* Splits "NAME", "NAME:PORT", "[V6]:PORT". */
static bool split_host(const char *host, char name[static NAME_SIZE], uint16_t *ret_port)
{
        const char *end = host[0] == '[' ? strchr(host, ']') : strchrnul(host, ':');
        size_t len, digits;

        if (!end)
                return false;
        end += *end == ']';
        len = (size_t)(end - host);
        if (len >= NAME_SIZE || (*end != '\0' && *end != ':'))
                return false;
        memcpy(name, host, len);
        name[len] = '\0';
        *ret_port = HTTP_PORT;
        if (*end == '\0')
                return true;
        digits = strspn(++end, "0123456789");
        if (digits == 0 || digits > 5 || end[digits] != '\0' || strtoul(end, NULL, 10) > UINT16_MAX)
                return false;
        *ret_port = (uint16_t)strtoul(end, NULL, 10);
        return true;
}

/*
 * Whether a name can only mean this machine: an address cannot be made to lead elsewhere, nor can localhost (RFC 6761).
 */
static bool is_local_name(const char *name)
{
        struct in_addr v4;

        if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
                return true;
        return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

static bool is_local_host(const char *host, uint16_t port)
{
        char name[NAME_SIZE];
        uint16_t asked;

        return split_host(host, name, &asked) && asked == port && is_local_name(name);
}

static bool is_own_origin(const char *origin, const char *host)
{
        static const char *const schemes[] = { "http://", "https://" };

        for (size_t i = 0; host && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                size_t len = strlen(schemes[i]);

                if (strncasecmp(origin, schemes[i], len) == 0 && strcasecmp(origin + len, host) == 0)
                        return true;
        }
        return false;
}

/* Whether the request comes from the server's own pages. "none" means that the person typed the address. */
static bool is_own_site(const struct http_server_origin *from, bool linked)
{
        if (strcmp(from->site, "same-origin") == 0 || strcmp(from->site, "none") == 0)
                return true;
        return linked && from->mode && strcmp(from->mode, "navigate") == 0;
}

unsigned http_server_origin_check(const struct http_server_origin *from, const struct http_server_policy *policy,
                                  const char **ret_sentence)
{
        if (policy->local && (!from->host || !is_local_host(from->host, policy->port))) {
                *ret_sentence = "this server is for its own machine: ask it as 127.0.0.1, localhost or [::1], with its "
                                "port";
                return MISDIRECTED;
        }
        if (from->origin && !is_own_origin(from->origin, from->host)) {
                *ret_sentence = "a page of another origin may not ask";
                return FORBIDDEN;
        }
        if (from->site && !is_own_site(from, policy->linked)) {
                *ret_sentence = "a page of another site may not ask";
                return FORBIDDEN;
        }
        return 0;
}
