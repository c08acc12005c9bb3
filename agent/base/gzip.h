/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include <stddef.h>

/* gzip (RFC 1952). @ret is allocated. */
int gzip_pack(const void *data, size_t len, void **ret, size_t *ret_len);
/* The reverse, refusing to produce more than @max bytes (-EFBIG). */
int gzip_unpack(const void *data, size_t len, size_t max, void **ret, size_t *ret_len);

#endif
