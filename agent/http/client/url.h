/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_URL_H
#define HTTP_CLIENT_URL_H

#include <stdbool.h>

/* NULL, or why @url is not one that can be asked; @path_follows: it may have no query then. */
const char *http_client_url_check(const char *url, bool path_follows);

/* Whether @url can be a proxy's: libcurl has schemes of its own for these. */
bool http_client_url_is_proxy(const char *url);

#endif
