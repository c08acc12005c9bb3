/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_PARSERS_H
#define FUZZ_PARSERS_H

/* For harnesses of several parsers: an input's first byte chooses one, and the rest is its text. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef void (*parser_fn)(const char *text, size_t len);

static inline void parse_input(const parser_fn *parsers, size_t n, const uint8_t *data, size_t len)
{
        char *text = malloc(len > 1 ? len - 1 : 1); /* just as long: a byte beyond is found */

        if (len > 0 && text) {
                memcpy(text, data + 1, len - 1);
                parsers[*data % n](text, len - 1);
        }
        free(text);
}

#endif
