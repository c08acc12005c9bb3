/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_TOKEN_H
#define HTTP_SERVER_TOKEN_H

#include <stdbool.h>

/* Whether an Authorization header (NULL: there is none) has @token. */
bool http_server_token_matches(const char *token, const char *authorization);

#endif
