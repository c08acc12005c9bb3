/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_PERF_MAP_H
#define SYMBOL_PERF_MAP_H

/*
 * /tmp/perf-PID.map, in which a just-in-time compiler lists its functions for perf (tools/perf/Documentation/
 * jit-interface.txt in Linux): lines of "START SIZE NAME", hexadecimal. The file grows while the process runs. It is read
 * piece by piece, as it grows. Where lines overlap, the last one counts: memory is used again.
 *
 * Only a file that belongs to the process's user or to root is believed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- the text ----------------------------------------------------------------- */

/* What was read of the file of one process. */
struct perf_map;

/* Its functions take at most @bytes_max; further ones are left out, also if memory runs out. NULL if memory ran out. */
struct perf_map *perf_map_new(size_t bytes_max);
void perf_map_free(struct perf_map *map);

/* Takes the next bytes of the file. A line may be in several pieces. */
void perf_map_feed(struct perf_map *map, const char *text, size_t len);

struct perf_map_function {
        const char *name; /* until the next perf_map_feed() */
        uint64_t start, size;
};

/* 0, or a symbol_error. */
int perf_map_at(struct perf_map *map, uint64_t address, struct perf_map_function *ret);

size_t perf_map_bytes(const struct perf_map *map);

/* ---- those of all processes ------------------------------------------------------ */

/* Maps of processes, those that were used least recently first. */
struct perf_maps {
        struct perf_map_of_process *oldest;
        size_t n, bytes, bytes_max;
};

void perf_maps_deinit(struct perf_maps *maps);

/*
 * Finds the function of a process that has @address. The file is looked at again once a second at most. 0, a symbol_error,
 * or -ENOMEM. ret->name lives until the next call.
 */
int perf_maps_look_up(struct perf_maps *maps, pid_t pid, uint64_t start_time, uint64_t address,
                      struct perf_map_function *ret);

#endif
