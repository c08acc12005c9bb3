/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_map.h"
#include "source.h"
#include "symbol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

/* How often a file is looked at, and how much of it is read then. */
#define PAUSE_NS 1000000000
#define PIECE_BYTES ((size_t)4 << 20)

/* Processes of which the map is kept, also that they have none. */
#define PROCESSES_MAX 1024

struct perf_map_of_process {
        pid_t pid;
        uint64_t start_time;
        struct perf_map *map; /* NULL: none so far */
        uint64_t dev, inode;  /* of the file */
        uint64_t read_to;     /* offset in the file */
        int64_t look_at_ns;   /* then again */
        int error;            /* of the last look */
        struct perf_map_of_process *next, *prev;
};

static int64_t get_time(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void drop_map(struct perf_maps *maps, struct perf_map_of_process *process)
{
        if (process->map)
                maps->bytes -= perf_map_bytes(process->map);
        perf_map_free(process->map);
        process->map = NULL;
        process->read_to = 0;
}

static void forget_process(struct perf_maps *maps, struct perf_map_of_process *process)
{
        drop_map(maps, process);
        DL_DELETE(maps->oldest, process);
        maps->n--;
        free(process);
}

void perf_maps_deinit(struct perf_maps *maps)
{
        while (maps->oldest)
                forget_process(maps, maps->oldest);
}

/* ---- reading -------------------------------------------------------------------------- */

static int open_file(pid_t pid, struct source *ret)
{
        struct nsutil_status status;
        char path[sizeof("/tmp/perf-2147483647.map")];
        int r = nsutil_status_read(pid, &status);

        if (r != 0)
                return r;
        snprintf(path, sizeof(path), "/tmp/perf-%d.map", status.ns_pid[status.ns_depth - 1]);
        r = source_open_path(pid, path, ret);
        if (r == 0 && ret->uid != status.uid && ret->uid != 0) {
                close(ret->fd);
                r = NSUTIL_E_DENIED;
        }
        return r;
}

/* Reads what is new. @source's descriptor is consumed. */
static int read_more(struct perf_maps *maps, struct perf_map_of_process *process, struct source *source)
{
        char *text;
        size_t len;
        int r = source_read(process->pid, source->fd, process->read_to, PIECE_BYTES, &text, &len);

        if (r != 0)
                return r;
        if (!process->map)
                process->map = perf_map_new(maps->bytes_max / 2);
        else
                maps->bytes -= perf_map_bytes(process->map);
        if (process->map) {
                perf_map_feed(process->map, text, len);
                maps->bytes += perf_map_bytes(process->map);
                process->read_to += len;
        }
        free(text);
        return process->map ? 0 : -ENOMEM;
}

static int look_at_file(struct perf_maps *maps, struct perf_map_of_process *process)
{
        struct source source;
        int r = open_file(process->pid, &source);

        if (r != 0)
                return r;
        if (source.id.dev != process->dev || source.id.inode != process->inode || source.id.size < process->read_to)
                drop_map(maps, process);
        process->dev = source.id.dev;
        process->inode = source.id.inode;
        if (source.id.size > process->read_to)
                return read_more(maps, process, &source);
        close(source.fd);
        return 0;
}

/* ---- processes ----------------------------------------------------------------------------- */

static struct perf_map_of_process *get_process(struct perf_maps *maps, pid_t pid, uint64_t start_time)
{
        struct perf_map_of_process *process;

        DL_FOREACH(maps->oldest, process)
                if (process->pid == pid && process->start_time == start_time)
                        return process;
        return NULL;
}

/* Finds or makes what is known of a process, and puts it behind all others. NULL if memory ran out. */
static struct perf_map_of_process *take_process(struct perf_maps *maps, pid_t pid, uint64_t start_time)
{
        struct perf_map_of_process *process = get_process(maps, pid, start_time);

        if (process) {
                DL_DELETE(maps->oldest, process);
        } else {
                process = calloc(1, sizeof(*process));
                if (!process)
                        return NULL;
                process->pid = pid;
                process->start_time = start_time;
                maps->n++;
        }
        DL_APPEND(maps->oldest, process);
        return process;
}

static int error_of_look(int r)
{
        return r == -ENOMEM ? r : r == NSUTIL_E_HANGS ? SYMBOL_E_HANGS : r != 0 ? SYMBOL_E_NO_FILE : 0;
}

int perf_maps_look_up(struct perf_maps *maps, pid_t pid, uint64_t start_time, uint64_t address,
                      struct perf_map_function *ret)
{
        struct perf_map_of_process *process = take_process(maps, pid, start_time);
        int64_t now = get_time();

        if (!process)
                return -ENOMEM;
        if (now >= process->look_at_ns) {
                process->error = error_of_look(look_at_file(maps, process));
                process->look_at_ns = now + PAUSE_NS;
        }
        while (maps->oldest != process && (maps->n > PROCESSES_MAX || maps->bytes > maps->bytes_max))
                forget_process(maps, maps->oldest);
        if (process->map)
                return perf_map_at(process->map, address, ret);
        return process->error ? process->error : SYMBOL_E_UNKNOWN;
}
