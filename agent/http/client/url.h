/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_URL_H
#define HTTP_CLIENT_URL_H

#include <stdbool.h>

/* NULL if requests can go to @url, or the reason why not. If @path_follows, the URL may have no query. */
const char *http_client_url_check(const char *url, bool path_follows);

/* Whether @url can be a proxy's. For proxies libcurl has schemes of its own. */
bool http_client_url_is_proxy(const char *url);

#endif
