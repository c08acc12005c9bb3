/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_BASE64_H
#define SEND_BASE64_H

#include <stddef.h>

/* @data in base64 (RFC 4648, padded, one line), allocated; NULL: out of memory. */
char *send_base64(const void *data, size_t len);

#endif
