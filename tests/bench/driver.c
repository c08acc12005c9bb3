/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the bench, four things that no command of podflame's does:
 *
 *   driver floor  PID SECONDS RATE OUT   wakes at every tick as podflame does, and reads 8 bytes: what
 *                                        any profiler that reads at the tick has to pay on this machine
 *   driver sample PID SECONDS RATE OUT   podflame's own sampler, at rates that `record` does not take
 *   driver stacks PID SECONDS RATE OUT   the same, and writes them to stdout, folded
 *   driver met    PID SECONDS RATE OUT   from meeting a process to its first stack, SECONDS times anew
 *
 * OUT gets the number of samples and of lost ones; for met, the microseconds of the first and of the fastest time.
 */
#include "agent/format/format.h"
#include "agent/sample/perf_event.h"
#include "agent/sample/perf_wait.h"
#include "agent/sample/sample.h"
#include "pystack/pystack.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As many as the program gives each CPU. */
#define RING_PAGES 4

#define CPUS_MAX 1024
#define BATCH_MAX 32

static void give_up(const char *what)
{
        fprintf(stderr, "driver: %s\n", what);
        exit(1);
}

/* ---- the floor ------------------------------------------------------------------- */

struct floor_reader {
        pthread_t thread;
        pid_t pid;
        uint64_t address;
        int cpu, fd, wait_fd;
        struct perf_ring ring;
        unsigned long samples;
};

static void *read_floor(void *arg)
{
        struct floor_reader *r = arg;
        struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };
        struct perf_batch batch[BATCH_MAX];
        uint64_t word;
        struct iovec here = { &word, sizeof word }, there = { (void *)(uintptr_t)r->address, sizeof word };
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(r->cpu, &set);
        pthread_setaffinity_np(pthread_self(), sizeof set, &set);
        pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest);
        while (perf_wait(r->wait_fd, -1) == PERF_TICKS)
                if (perf_ring_drain(&r->ring, batch, NULL, BATCH_MAX) > 0 &&
                    process_vm_readv(r->pid, &here, 1, &there, 1, 0) == sizeof word)
                        r->samples++;
        return NULL;
}

/* The address of something that can be read: the first mapping of the executable. */
static uint64_t find_address(pid_t pid)
{
        char path[32];
        unsigned long address;

        snprintf(path, sizeof path, "/proc/%d/maps", pid);
        FILE *maps = fopen(path, "r");
        if (!maps || fscanf(maps, "%lx-", &address) != 1)
                give_up("the target has no memory");
        fclose(maps);
        return address;
}

static void open_floor(struct floor_reader *r, uint64_t period, int stop_fd)
{
        r->fd = perf_open_ring_only(r->cpu);
        int event = perf_open_thread(r->pid, r->cpu, period, false);
        if (r->fd < 0 || event < 0 || perf_ring_open(r->fd, RING_PAGES, &r->ring) != 0 ||
            perf_redirect(event, r->fd) != 0)
                give_up("perf events are refused");
        r->wait_fd = perf_wait_open(r->fd, stop_fd);
        if (r->wait_fd < 0 || pthread_create(&r->thread, NULL, read_floor, r) != 0)
                give_up("no reader");
}

static unsigned long run_floor(pid_t pid, unsigned seconds, unsigned rate)
{
        static struct floor_reader readers[CPUS_MAX];
        int n = get_nprocs(), stop_fd = eventfd(0, EFD_CLOEXEC);
        uint64_t address = find_address(pid), one = 1;
        unsigned long samples = 0;

        for (int i = 0; i < n && i < CPUS_MAX; i++) {
                readers[i] = (struct floor_reader){ .pid = pid, .address = address, .cpu = i };
                open_floor(&readers[i], 1000000000u / rate, stop_fd);
        }
        sleep(seconds);
        if (write(stop_fd, &one, sizeof one) < 0)
                give_up("no end");
        for (int i = 0; i < n && i < CPUS_MAX; i++) {
                pthread_join(readers[i].thread, NULL);
                samples += readers[i].samples;
        }
        return samples;
}

/* ---- the sampler ----------------------------------------------------------------- */

static void write_folded(struct profile *profile)
{
        struct profile_set set = { 0 };

        if (profile_set_add(&set, profile) != 0 || format_by_name("folded")->write(&set, stdout) != 0)
                give_up("the stacks cannot be written");
        profile_set_deinit(&set);
}

static unsigned long run_sampler(pid_t pid, unsigned seconds, unsigned rate, bool write, unsigned long *ret_lost)
{
        struct sample_config config = {
                .mode = PROFILE_MODE_CPU, .engine = SAMPLE_ENGINE_PERF, .scope = SAMPLE_SCOPE_BEST, .rate = rate
        };
        struct pystack_info info;
        struct pystack *py;
        struct sample_target target;
        struct sampler *sampler;
        struct profile *profile;
        char reason[160];

        if (pystack_open(&(struct pystack_options){ .pid = pid }, &py, &info) != 0)
                give_up("the target cannot be read");
        if (sampler_open(&config, &sampler, reason, sizeof reason) != 0)
                give_up(reason);
        if (sampler_add(sampler, pid, py, &target) != 0)
                give_up("the target has ended");
        sleep(seconds);
        if (sampler_remove(sampler, &target, &profile) != 0)
                give_up("the target has ended");
        const struct profile_counters *counters = profile_counters_of(profile);
        unsigned long ok = counters->ok;
        *ret_lost = counters->torn + counters->failed + counters->gone;
        if (write)
                write_folded(profile);
        else
                profile_free(profile);
        sampler_close(sampler);
        return ok;
}

/* ---- meeting a process ------------------------------------------------------------- */

static unsigned long now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (unsigned long)now.tv_sec * 1000000u + (unsigned long)now.tv_nsec / 1000u;
}

/* Microseconds until the first stack of its first thread. */
static unsigned long meet(pid_t pid)
{
        unsigned long begin = now_us();
        const struct pystack_thread_ref *refs;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        struct pystack_info info;
        struct pystack *py;
        size_t n;

        if (pystack_open(&(struct pystack_options){ .pid = pid }, &py, &info) != 0 ||
            pystack_threads(py, &refs, &n) != 0 || n == 0 || pystack_thread_open(py, &refs[n - 1], &thread) != 0 ||
            sample_now(py, thread, pid, &stack) != 0)
                give_up("the target cannot be read");
        unsigned long took = now_us() - begin;
        pystack_thread_close(thread);
        pystack_close(py);
        return took;
}

static unsigned long run_meetings(pid_t pid, unsigned times, unsigned long *ret_fastest)
{
        unsigned long first = meet(pid);

        *ret_fastest = first;
        for (unsigned i = 1; i < times; i++) {
                unsigned long took = meet(pid);
                *ret_fastest = took < *ret_fastest ? took : *ret_fastest;
        }
        return first;
}

int main(int argc, char **argv)
{
        unsigned long samples, lost = 0;

        if (argc != 6)
                give_up("floor|sample|stacks|met PID SECONDS RATE OUT");
        pid_t pid = (pid_t)strtol(argv[2], NULL, 10);
        unsigned seconds = (unsigned)strtoul(argv[3], NULL, 10), rate = (unsigned)strtoul(argv[4], NULL, 10);
        if (pid <= 0 || seconds == 0 || rate == 0)
                give_up("PID, SECONDS and RATE are numbers");
        if (strcmp(argv[1], "floor") == 0)
                samples = run_floor(pid, seconds, rate);
        else if (strcmp(argv[1], "met") == 0)
                samples = run_meetings(pid, seconds, &lost);
        else
                samples = run_sampler(pid, seconds, rate, strcmp(argv[1], "stacks") == 0, &lost);
        FILE *out = fopen(argv[5], "w");
        if (!out || fprintf(out, "%lu %lu\n", samples, lost) < 0 || fclose(out) != 0)
                give_up("the result cannot be written");
        return 0;
}
