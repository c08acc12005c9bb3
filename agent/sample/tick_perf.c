/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The perf tick: one software clock event per CPU (PERF_COUNT_SW_CPU_CLOCK, all
 * processes). Its interrupt records which thread was running and wakes that
 * CPU's reader, which preempts the very thread before it runs another
 * instruction, and reads it. A CPU that is idle has no ticks, a process that
 * does not run costs nothing.
 *
 * Opening it takes CAP_PERFMON (Linux 5.8), CAP_SYS_ADMIN, or
 * kernel.perf_event_paranoid <= 0.
 */
#include "internal.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

/* Pages of a ring, a power of two: 16 KiB hold 500 ticks, at 20 kHz 25 ms without a reader. */
#define RING_PAGES 4

/* Ticks of different threads that one wake-up may find. A reader is hardly ever more than one behind. */
#define BATCH_MAX 32

/* A tick read later than this after its interrupt is counted as late. */
#define LATE_NS 1000000u

struct perf_tick {
        struct sampler *sampler;
        struct reader *readers;
        size_t n_readers;
        int stop_fd;
};

struct reader {
        struct perf_tick *tick;
        pthread_t thread;
        int cpu;
        int fd;
        struct perf_event_mmap_page *ring;
        size_t ring_size;
        uint64_t lost;
        bool pinned, realtime;
        _Atomic bool ready;
};

/* What PERF_SAMPLE_TID | PERF_SAMPLE_TIME puts into a record. */
struct record {
        struct perf_event_header header;
        uint32_t pid, tid;
        uint64_t time;
};

/* Ticks of one thread found in the ring together. */
struct batch {
        uint32_t pid, tid;
        uint64_t ticks;
        uint64_t time; /* of the newest */
};

/* ---- the ring -------------------------------------------------------------------- */

static void copy_out(const struct reader *r, uint64_t at, void *to, size_t len)
{
        size_t size = r->ring->data_size;
        const char *data = (const char *)r->ring + r->ring->data_offset;
        size_t from = at % size;
        size_t first = len < size - from ? len : size - from;

        memcpy(to, data + from, first);
        memcpy((char *)to + first, data, len - first);
}

static size_t add_to_batch(struct batch *batch, size_t n, const struct record *record)
{
        size_t i = 0;

        while (i < n && batch[i].tid != record->tid)
                i++;
        if (i == BATCH_MAX)
                return n;
        if (i == n)
                batch[n++] = (struct batch){ .pid = record->pid, .tid = record->tid };
        batch[i].ticks++;
        batch[i].time = record->time;
        return n;
}

/* Takes all records from the ring; those of one thread become one entry, in order of first mention. */
static size_t drain(struct reader *r, struct batch *batch)
{
        uint64_t head = __atomic_load_n(&r->ring->data_head, __ATOMIC_ACQUIRE);
        uint64_t tail = r->ring->data_tail;
        size_t n = 0;

        while (tail < head) {
                struct record record;
                copy_out(r, tail, &record.header, sizeof record.header);
                if (record.header.type == PERF_RECORD_SAMPLE && record.header.size == sizeof record) {
                        copy_out(r, tail, &record, sizeof record);
                        n = add_to_batch(batch, n, &record);
                } else if (record.header.type == PERF_RECORD_LOST) {
                        uint64_t lost[3]; /* header, id, lost */
                        copy_out(r, tail, lost, sizeof lost);
                        r->lost += lost[2];
                }
                tail += record.header.size;
        }
        __atomic_store_n(&r->ring->data_tail, tail, __ATOMIC_RELEASE);
        return n;
}

/* ---- readers --------------------------------------------------------------------- */

static void read_batch(struct reader *r, const struct batch *batch, size_t n)
{
        struct sampler *s = r->tick->sampler;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        for (size_t i = 0; i < n; i++) {
                pid_t pid = (pid_t)batch[i].pid;
                if (pid <= 0)
                        continue; /* outside our PID namespace, or ending */
                bool late = now > batch[i].time + LATE_NS;
                if (!sampler_tick(s, pid, (pid_t)batch[i].tid, batch[i].ticks, late) && s->config.on_stranger)
                        s->config.on_stranger(s->config.ctx, pid);
        }
}

static void *run_reader(void *arg)
{
        struct reader *r = arg;
        struct batch batch[BATCH_MAX];
        struct pollfd fds[] = { { .fd = r->fd, .events = POLLIN }, { .fd = r->tick->stop_fd, .events = POLLIN } };

        r->pinned = reader_pin(r->cpu);
        r->realtime = reader_realtime();
        ioctl(r->fd, PERF_EVENT_IOC_ENABLE, 0);
        atomic_store(&r->ready, true);
        for (;;) {
                if (poll(fds, 2, -1) < 0 && errno != EINTR)
                        break;
                if (fds[1].revents || (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)))
                        break; /* told to stop, or the CPU has gone offline */
                read_batch(r, batch, drain(r, batch));
        }
        ioctl(r->fd, PERF_EVENT_IOC_DISABLE, 0);
        return NULL;
}

static int open_event(int cpu, uint64_t period_ns)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof attr,
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = period_ns,
                .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
                .wakeup_events = 1,
                .disabled = 1,
                .exclude_idle = 1,
                .exclude_hv = 1,
                .use_clockid = 1,
                .clockid = CLOCK_MONOTONIC,
        };

        int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int open_reader(struct perf_tick *tick, int cpu)
{
        struct reader *r = &tick->readers[tick->n_readers];
        size_t size = (size_t)(1 + RING_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
        int fd = open_event(cpu, tick->sampler->period_ns);

        if (fd < 0)
                return fd;
        void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (ring == MAP_FAILED) {
                int r_errno = -errno;
                close(fd);
                return r_errno;
        }
        *r = (struct reader){ .tick = tick, .cpu = cpu, .fd = fd, .ring = ring, .ring_size = size };
        int e = pthread_create(&r->thread, NULL, run_reader, r);
        if (e != 0) {
                munmap(ring, size);
                close(fd);
                return -e;
        }
        tick->n_readers++;
        return 0;
}

static void stop(void *state)
{
        struct perf_tick *tick = state;
        uint64_t one = 1;

        if (write(tick->stop_fd, &one, sizeof one) < 0)
                abort(); /* an eventfd that was just made takes a write */
        for (size_t i = 0; i < tick->n_readers; i++) {
                struct reader *r = &tick->readers[i];
                pthread_join(r->thread, NULL);
                munmap(r->ring, r->ring_size);
                close(r->fd);
        }
        close(tick->stop_fd);
        free(tick->readers);
        free(tick);
}

/* ---- starting -------------------------------------------------------------------- */

static void describe(struct perf_tick *tick)
{
        struct sampler *s = tick->sampler;
        bool pinned = true, realtime = true;

        for (size_t i = 0; i < tick->n_readers; i++) {
                while (!atomic_load(&tick->readers[i].ready))
                        sched_yield();
                pinned = pinned && tick->readers[i].pinned;
                realtime = realtime && tick->readers[i].realtime;
        }
        snprintf(s->description, sizeof s->description, "perf tick on %zu CPU%s%s%s", tick->n_readers,
                 tick->n_readers == 1 ? "" : "s", realtime ? ", SCHED_FIFO" : ", no SCHED_FIFO (CAP_SYS_NICE)",
                 pinned ? "" : ", some readers not pinned (cpuset)");
}

static int refuse(int error, char *reason, size_t reason_size)
{
        if (error == -EACCES || error == -EPERM)
                snprintf(reason, reason_size, "perf events for all processes are refused: CAP_PERFMON is missing");
        else
                snprintf(reason, reason_size, "perf events are not to be had: %s", strerror(-error));
        return SAMPLE_E_ENGINE;
}

static int start(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        struct perf_tick *tick = calloc(1, sizeof *tick);
        int cpus = get_nprocs_conf();
        int r = tick ? 0 : -ENOMEM;

        if (r == 0) {
                tick->sampler = s;
                tick->readers = calloc((size_t)cpus, sizeof *tick->readers);
                tick->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (!tick->readers || tick->stop_fd < 0) {
                        free(tick->readers);
                        free(tick);
                        return -ENOMEM;
                }
        }
        for (int cpu = 0; r == 0 && cpu < cpus; cpu++) {
                r = open_reader(tick, cpu);
                if (r == -ENODEV)
                        r = 0; /* offline */
        }
        if (r < 0) {
                if (tick)
                        stop(tick);
                return refuse(r, reason, reason_size);
        }
        describe(tick);
        *ret = tick;
        return 0;
}

const struct tick tick_perf = {
        .name = "perf",
        .engine = SAMPLE_ENGINE_PERF,
        .start = start,
        .stop = stop,
};
