/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_READ_H
#define FORMAT_READ_H

#include "format.h"

/* Readers of single formats, for unpacked data. On -EINVAL @ret_error gets a static sentence. */
int read_folded(const char *text, size_t len, struct profile_set *ret, const char **ret_error);
int read_pprof(const void *bytes, size_t len, struct profile_set *ret, const char **ret_error);

#endif
