/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol.h"

int symbols_look_up_frame(struct symbols *symbols, pid_t pid, uint64_t start_time, const struct pystack_image *image,
                          uint64_t value, struct symbol *ret)
{
        const struct symbol_place place = { .pid = pid,
                                            .start_time = start_time,
                                            .map = &image->map,
                                            .build_id = image->build_id,
                                            .value = value,
                                            .address = value + image->bias };

        return symbols_look_up(symbols, &place, ret);
}
