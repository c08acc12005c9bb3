/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_UPLOAD_H
#define HTTP_CLIENT_UPLOAD_H

/*
 * The body of a request on its way. libcurl sends a request again by itself if a kept connection breaks off without an
 * answer. The server may have taken it the first time, so that has to be known.
 */

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct http_client_upload {
        const char *data; /* NULL: the request has no body */
        size_t len, at;
        bool whole;  /* libcurl has had all of it */
        bool resent; /* it has then begun again */
};

/* Makes @easy send @upload, which lives until the transfer has ended. */
void http_client_upload_set(CURL *easy, struct http_client_upload *upload);

#endif
