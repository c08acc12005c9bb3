/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out what the engines can get here. A thread is started for that. It tries everything on itself: it is pinned
 * and scheduled like a reader, and ends.
 */
#include "internal.h"
#include "perf_event.h"

#include <errno.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* A period that does not tick before the event is closed again. */
#define PERIOD_NS 1000000000u

static int close_tried_event(int fd)
{
        if (fd < 0)
                return fd;
        close(fd);
        return 0;
}

static void try_cpu(struct sample_probe *probe, int cpu)
{
        int e = close_tried_event(perf_open_cpu(cpu, PERIOD_NS, false));

        if (e == -ENODEV)
                return; /* offline */
        if (e == -EINVAL)
                e = 0;
        probe->cpus++;
        probe->pinned += reader_pin(cpu);
        if (probe->perf_machine == 0)
                probe->perf_machine = e;
}

static void *try_all(void *arg)
{
        struct sample_probe *probe = arg;

        for (int cpu = 0; cpu < get_nprocs_conf(); cpu++)
                try_cpu(probe, cpu);
        probe->realtime = reader_realtime();
        probe->perf_own = close_tried_event(perf_open_thread(0, 0, PERIOD_NS, false));
        probe->perf_own_user = close_tried_event(perf_open_thread(0, 0, PERIOD_NS, true));
        return NULL;
}

int sample_probe(struct sample_probe *ret)
{
        struct sample_probe probe = { 0 };
        pthread_t thread;
        int e = pthread_create(&thread, NULL, try_all, &probe);

        if (e != 0)
                return -e;
        pthread_join(thread, NULL);
        *ret = probe;
        return 0;
}
