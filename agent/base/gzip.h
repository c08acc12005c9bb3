/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include <stddef.h>

/* Packs @data by gzip (RFC 1952). @ret is allocated. 0 or a negative errno. */
int gzip_pack(const void *data, size_t len, void **ret, size_t *ret_len);
/* Unpacks gzip. -EFBIG if more than @max bytes would come out. @ret is allocated. */
int gzip_unpack(const void *data, size_t len, size_t max, void **ret, size_t *ret_len);

#endif
