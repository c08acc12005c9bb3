/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_TOKEN_H
#define COLLECT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

/* The one line of a file, without its newline; malloc. -errno with a @reason. */
int collect_token_read(const char *path, char **ret, char *reason, size_t reason_size);

/* Whether an Authorization header (NULL: none) carries @token. */
bool collect_token_matches(const char *token, const char *authorization);

#endif
