/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVE_TOKEN_H
#define SERVE_TOKEN_H

#include <stdbool.h>

/* Whether an Authorization header (NULL: none) carries @token. */
bool serve_token_matches(const char *token, const char *authorization);

#endif
