/* SPDX-License-Identifier: Apache-2.0 */
/* Software clock events (PERF_COUNT_SW_CPU_CLOCK) and their rings. */
#include "perf_event.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int open_clock_event(struct perf_event_attr *attr, pid_t tid, int cpu)
{
        attr->type = PERF_TYPE_SOFTWARE;
        attr->size = sizeof *attr;
        attr->exclude_hv = 1;
        attr->use_clockid = 1;
        attr->clockid = CLOCK_MONOTONIC;
        if (!attr->sample_id_all) {
                attr->sample_type |= PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID;
                attr->wakeup_events = 1;
        }
        int fd = (int)syscall(SYS_perf_event_open, attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int perf_open_cpu(int cpu, uint64_t period_ns, bool contexts)
{
        struct perf_event_attr attr = {
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = period_ns,
                .disabled = 1,
                .exclude_idle = 1,
        };

        if (contexts)
                perf_context_ask(&attr);
        return open_clock_event(&attr, -1, cpu);
}

int perf_open_thread(pid_t tid, int cpu, uint64_t period_ns, bool user_only)
{
        struct perf_event_attr attr = {
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = period_ns,
                .inherit = 1,
                .inherit_thread = 1,
                .exclude_kernel = user_only,
        };
        int fd = open_clock_event(&attr, tid, cpu);

        if (fd != -EINVAL)
                return fd;
        attr.inherit_thread = 0; /* before Linux 5.13: child processes tick as well, in vain */
        return open_clock_event(&attr, tid, cpu);
}

int perf_open_count(pid_t pid)
{
        struct perf_event_attr attr = {
                .config = PERF_COUNT_SW_TASK_CLOCK,
                .inherit = 1,
                .inherit_thread = 1,
        };

        return open_clock_event(&attr, pid, -1);
}

int perf_open_calls(pid_t tid, uint64_t address)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_BREAKPOINT,
                .size = sizeof attr,
                .bp_type = HW_BREAKPOINT_X,
                .bp_addr = address,
                .bp_len = sizeof(long),
                .exclude_kernel = 1,
                .exclude_hv = 1,
                .inherit = 1,
                .inherit_thread = 1,
        };
        int fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int perf_open_lineage(pid_t tid, int cpu)
{
        struct perf_event_attr attr = {
                .config = PERF_COUNT_SW_TASK_CLOCK,
                .inherit = 1,
                .inherit_stat = 1,
                .exclude_kernel = 1,
                .task = 1,
                .comm = 1,
                .comm_exec = 1,
                .mmap = 1,
                .mmap2 = 1,
                .sample_id_all = 1,
                .sample_type = PERF_SAMPLE_TIME,
                .watermark = 1,
                .wakeup_watermark = UINT32_MAX,
        };

        return open_clock_event(&attr, tid, cpu);
}

int perf_open_anchor(pid_t tid)
{
        struct perf_event_attr attr = { .config = PERF_COUNT_SW_DUMMY, .exclude_kernel = 1 };

        return open_clock_event(&attr, tid, -1);
}

int perf_open_switches(int cpu)
{
        struct perf_event_attr attr = {
                .config = PERF_COUNT_SW_DUMMY,
                .context_switch = 1,
                .task = 1,
                .sample_id_all = 1,
                .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
                .watermark = 1,
                .wakeup_watermark = UINT32_MAX,
        };

        return open_clock_event(&attr, -1, cpu);
}

int perf_open_ring_only(int cpu)
{
        struct perf_event_attr attr = { .config = PERF_COUNT_SW_DUMMY, .exclude_kernel = 1 };

        return open_clock_event(&attr, 0, cpu);
}

int perf_redirect(int fd, int ring_fd)
{
        return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring_fd) < 0 ? -errno : 0;
}

int perf_event_id(int fd, uint64_t *ret)
{
        return ioctl(fd, PERF_EVENT_IOC_ID, ret) < 0 ? -errno : 0;
}

int perf_enable(int fd, bool on)
{
        return ioctl(fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) < 0 ? -errno : 0;
}

int perf_set_period(int fd, uint64_t period_ns)
{
        return ioctl(fd, PERF_EVENT_IOC_PERIOD, &period_ns) < 0 ? -errno : 0;
}

/* ---- rings --------------------------------------------------------------------- */

int perf_ring_open(int fd, unsigned n_pages, struct perf_ring *ret)
{
        size_t size = (size_t)(1 + n_pages) * (size_t)sysconf(_SC_PAGESIZE);
        void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (pages == MAP_FAILED)
                return -errno;
        *ret = (struct perf_ring){ .pages = pages, .size = size };
        return 0;
}

void perf_ring_close(struct perf_ring *ring)
{
        if (ring->pages)
                munmap(ring->pages, ring->size);
        *ring = (struct perf_ring){ 0 };
}

bool perf_ring_is_empty(const struct perf_ring *ring)
{
        const struct perf_event_mmap_page *page = ring->pages;

        return __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE) ==
               __atomic_load_n(&page->data_tail, __ATOMIC_RELAXED);
}

bool perf_ring_is_full(const struct perf_ring *ring)
{
        const struct perf_event_mmap_page *page = ring->pages;
        uint64_t used = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE) -
                        __atomic_load_n(&page->data_tail, __ATOMIC_RELAXED);

        return used + PERF_RECORD_MAX > page->data_size;
}

/* What PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID puts into a record. */
struct record {
        struct perf_event_header header;
        uint32_t pid, tid;
        uint64_t time;
        uint64_t id;
};

static void copy_out_of_ring(const struct perf_ring *ring, uint64_t at, void *to, size_t len)
{
        const struct perf_event_mmap_page *page = ring->pages;
        const char *data = (const char *)ring->pages + page->data_offset;
        size_t from = at % page->data_size;
        size_t first = len < page->data_size - from ? len : page->data_size - from;

        memcpy(to, data + from, first);
        memcpy((char *)to + first, data, len - first);
}

void perf_ring_each(struct perf_ring *ring, perf_record_fn each, void *ctx)
{
        struct perf_event_mmap_page *page = ring->pages;
        uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
        uint64_t tail = page->data_tail;
        _Alignas(uint64_t) char record[PERF_RECORD_MAX];
        const struct perf_event_header *header = (const void *)record;

        while (tail < head) {
                copy_out_of_ring(ring, tail, record, sizeof *header);
                if (header->size < sizeof *header)
                        break;
                size_t size = header->size < sizeof record ? header->size : sizeof record;
                copy_out_of_ring(ring, tail, record, size);
                tail += header->size;
                each(header, ctx);
        }
        __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

struct drain {
        struct perf_ring *ring;
        struct perf_batch *batch;
        struct perf_context *contexts;
        size_t n, max;
};

static void add_to_batch(struct drain *drain, const struct record *record)
{
        struct perf_batch *batch = drain->batch;
        size_t i = 0;

        while (i < drain->n && batch[i].tid != record->tid)
                i++;
        if (i == drain->max) {
                drain->ring->lost++;
                return;
        }
        if (i == drain->n)
                batch[drain->n++] = (struct perf_batch){ .pid = record->pid, .tid = record->tid };
        batch[i].ticks++;
        batch[i].time = record->time;
        batch[i].id = record->id;
        batch[i].in_kernel = (record->header.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
        if (drain->contexts &&
            !perf_context_read(record + 1, record->header.size - sizeof *record, &drain->contexts[i]))
                drain->contexts[i].has_registers = false;
}

static bool is_tick(const struct drain *drain, const struct perf_event_header *header)
{
        return header->type == PERF_RECORD_SAMPLE &&
               (drain->contexts ? header->size >= sizeof(struct record) && header->size <= PERF_RECORD_MAX
                                : header->size == sizeof(struct record));
}

static void drain_one(const struct perf_event_header *header, void *ctx)
{
        struct drain *drain = ctx;

        if (is_tick(drain, header)) {
                add_to_batch(drain, (const struct record *)header);
        } else if (header->type == PERF_RECORD_LOST) {
                const uint64_t *lost = (const uint64_t *)header; /* header, id, lost */
                drain->ring->lost += lost[2];
        }
}

size_t perf_ring_drain(struct perf_ring *ring, struct perf_batch *batch, struct perf_context *contexts, size_t max)
{
        struct drain drain = { .ring = ring, .batch = batch, .contexts = contexts, .max = max };

        perf_ring_each(ring, drain_one, &drain);
        return drain.n;
}

/* ---- switches ------------------------------------------------------------------- */

/* What sample_id_all puts at the end of each record of perf_open_switches(). */
struct switch_id {
        uint32_t pid, tid;
        uint64_t time;
};

/* PERF_RECORD_SWITCH_CPU_WIDE: perf_event_open(2). The ids are those of the thread that gets or leaves the CPU. */
struct switch_record {
        struct perf_event_header header;
        uint32_t next_prev_pid, next_prev_tid;
        struct switch_id id;
};

/* PERF_RECORD_FORK and PERF_RECORD_EXIT. */
struct life_record {
        struct perf_event_header header;
        uint32_t pid, ppid, tid, ptid;
        uint64_t time;
};

static bool read_switch(const struct switch_record *record, struct perf_switch *ret)
{
        bool out = record->header.misc & PERF_RECORD_MISC_SWITCH_OUT;
        bool ready = record->header.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;

        if (record->header.size < sizeof *record)
                return false;
        *ret = (struct perf_switch){ .pid = record->id.pid,
                                     .tid = record->id.tid,
                                     .time = record->id.time,
                                     .kind = !out    ? PERF_SWITCH_ON
                                             : ready ? PERF_SWITCH_PREEMPTED
                                                     : PERF_SWITCH_BLOCKED };
        return true;
}

static bool read_life(const struct life_record *record, enum perf_switch_kind kind, struct perf_switch *ret)
{
        if (record->header.size < sizeof *record)
                return false;
        *ret = (struct perf_switch){ .pid = record->pid, .tid = record->tid, .time = record->time, .kind = kind };
        return true;
}

bool perf_switch_read(const struct perf_event_header *record, struct perf_switch *ret)
{
        switch (record->type) {
        case PERF_RECORD_SWITCH_CPU_WIDE:
                return read_switch((const struct switch_record *)record, ret);
        case PERF_RECORD_FORK:
                return read_life((const struct life_record *)record, PERF_SWITCH_BORN, ret);
        case PERF_RECORD_EXIT:
                return read_life((const struct life_record *)record, PERF_SWITCH_ENDS, ret);
        case PERF_RECORD_LOST:
                *ret = (struct perf_switch){ .kind = PERF_SWITCH_LOST };
                return true;
        default:
                return false;
        }
}
