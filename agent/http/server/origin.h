/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_ORIGIN_H
#define HTTP_SERVER_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

/* What a request says about the host that it asks, and about the page that made it. NULL: nothing. */
struct http_server_origin {
        const char *host;   /* Host */
        const char *origin; /* Origin */
        const char *site;   /* Sec-Fetch-Site */
        const char *mode;   /* Sec-Fetch-Mode */
};

/* Which requests are accepted. */
struct http_server_policy {
        bool local;    /* only requests to this machine's own names */
        uint16_t port; /* the server's port */
        bool linked;   /* a link on another site may lead here: the answer is the same for everybody */
};

/*
 * The status to refuse a request with, and the reason in @ret_sentence (static). 0 if the request is accepted. A
 * browser sets these headers, and no page can change them:
 *   - Host is the name in the address bar. A page whose name leads to 127.0.0.1 (DNS rebinding) keeps its name.
 *   - Origin comes with requests that could change something. It is http(s)://Host if the page is the server's own.
 *   - Sec-Fetch-Site comes with every request of a current browser (Fetch Metadata, W3C).
 */
unsigned http_server_origin_check(const struct http_server_origin *from, const struct http_server_policy *policy,
                                  const char **ret_sentence);

#endif
