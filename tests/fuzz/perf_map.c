/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes perf maps. The first byte says into how long pieces the text is cut. */
#include "agent/symbol/perf_map.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct perf_map *map = perf_map_new(BYTES_MAX);
        struct perf_map_function function;
        size_t piece = size > 0 && data[0] > 0 ? data[0] : 1024;

        if (!map)
                abort();
        for (size_t at = 1; at < size; at += piece) {
                size_t len = size - at < piece ? size - at : piece;
                char *copy = malloc(len);

                if (!copy)
                        abort();
                memcpy(copy, data + at, len);
                perf_map_feed(map, copy, len);
                free(copy);
        }
        for (uint64_t address = 0; address < 0x2000; address += 0x10)
                if (perf_map_at(map, address, &function) == 0 &&
                    (address - function.start >= function.size || strlen(function.name) == 0))
                        abort();
        if (perf_map_bytes(map) > BYTES_MAX)
                abort();
        perf_map_free(map);
        return 0;
}
