/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births, execs and ends at once, from perf's side-band records. For these a software event that counts nothing is opened on
 * each CPU. That needs CAP_PERFMON (Linux 5.8), CAP_SYS_ADMIN or kernel.perf_event_paranoid <= 0, like the perf engine.
 *
 * The netlink process connector reports the same, but needs CAP_NET_ADMIN and the host's network namespace, which a pod
 * does not have.
 *
 * Limit: a CPU that comes online later is not watched. The scan of all processes finds what is born there.
 */
#include "agent/find/internal.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Pages of 4 KiB: enough for 800 records. A birth, an exec and an end make three records. */
#define DATA_PAGES 8

struct ring {
        int fd;
        struct perf_event_mmap_page *page; /* NULL: not mapped */
        uint64_t head;                     /* up to here it is read */
};

struct find_watch {
        int epoll_fd;
        size_t page_size;
        size_t n;
        struct ring rings[];
};

/* The beginning of each of the kernel's records that matter. Fields that a shorter record lacks are 0. */
struct kernel_record {
        struct perf_event_header header;
        union {
                uint32_t pid;
                struct {                    /* PERF_RECORD_FORK, PERF_RECORD_EXIT */
                        uint32_t pid, ppid; /* of a birth: the process that forked; equal to pid for a thread */
                        uint32_t tid, ptid;
                        uint64_t time; /* by the clock of the kernel */
                } task;
                struct { /* PERF_RECORD_COMM */
                        uint32_t pid, tid;
                        char name[NSUTIL_COMM_SIZE];
                } comm;
        };
};

static int open_watch_event(int cpu)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_DUMMY,
                .exclude_kernel = 1,
                .task = 1,
                .comm = 1,
                .comm_exec = 1,
                .watermark = 1,
                .wakeup_watermark = 1,
        };
        int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int add_ring(struct find_watch *watch, int cpu)
{
        struct epoll_event event = { .events = EPOLLIN };
        size_t size = (1 + DATA_PAGES) * watch->page_size;
        int fd = open_watch_event(cpu);

        if (fd < 0)
                return fd;
        void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED || epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
                int r = -errno;

                if (page != MAP_FAILED)
                        munmap(page, size);
                close(fd);
                return r;
        }
        watch->rings[watch->n++] = (struct ring){ .fd = fd, .page = page };
        return 0;
}

int find_watch_open(struct find_watch **ret)
{
        long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
        struct find_watch *watch = calloc(1, sizeof(*watch) + (size_t)(n_cpus > 0 ? n_cpus : 1) * sizeof(struct ring));
        int r = 0;

        if (!watch)
                return -ENOMEM;
        watch->page_size = (size_t)sysconf(_SC_PAGESIZE);
        watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (watch->epoll_fd < 0)
                r = -errno;
        for (int cpu = 0; !r && cpu < n_cpus; cpu++) {
                r = add_ring(watch, cpu);
                if (r == -ENODEV || r == -EINVAL) /* the CPU is offline, or does not exist */
                        r = 0;
        }
        if (!r && watch->n == 0)
                r = -ENODEV;
        if (r) {
                find_watch_close(watch);
                return r;
        }
        *ret = watch;
        return 0;
}

void find_watch_close(struct find_watch *watch)
{
        if (!watch)
                return;
        for (size_t i = 0; i < watch->n; i++) {
                munmap(watch->rings[i].page, (1 + DATA_PAGES) * watch->page_size);
                close(watch->rings[i].fd);
        }
        if (watch->epoll_fd >= 0)
                close(watch->epoll_fd);
        free(watch);
}

int find_watch_fd(const struct find_watch *watch)
{
        return watch->epoll_fd;
}

/*
 * Copies a record out of the ring. Records are aligned to 8 bytes, the size of their header. A record may wrap around
 * the end of the ring.
 */
static void copy_record(const struct find_watch *watch, const struct ring *ring, uint64_t at, struct kernel_record *ret)
{
        const char *data = (const char *)ring->page + watch->page_size;
        size_t mask = DATA_PAGES * watch->page_size - 1, step = sizeof(ret->header);

        *ret = (struct kernel_record){ 0 };
        memcpy(&ret->header, data + (at & mask), step);
        for (size_t i = step; i + step <= sizeof(*ret) && i + step <= ret->header.size; i += step)
                memcpy((char *)ret + i, data + ((at + i) & mask), step);
}

static void set_news_of_birth(const struct kernel_record *record, struct find_news *ret)
{
        bool thread = record->pid == record->task.ppid;

        *ret = (struct find_news){ .kind = thread ? FIND_NEWS_THREAD : FIND_NEWS_BIRTH,
                                   .birth = { .pid = (pid_t)record->pid, .at = record->task.time } };
        if (!thread)
                ret->birth.parent = (pid_t)record->task.ppid;
}

/*
 * Whether a record tells what becomes of a process. PIDs are of podflame's namespace; 0 and -1 stand for processes
 * outside of it.
 */
static bool is_news_of_process(const struct kernel_record *record, struct find_news *ret)
{
        if ((pid_t)record->pid <= 0)
                return false;
        switch (record->header.type) {
        case PERF_RECORD_FORK:
                set_news_of_birth(record, ret);
                return true;
        case PERF_RECORD_EXIT:
                *ret = (struct find_news){ .kind = FIND_NEWS_END,
                                           .birth = { .pid = (pid_t)record->pid, .at = record->task.time } };
                return record->pid == record->task.tid;
        case PERF_RECORD_COMM:
                *ret = (struct find_news){ .kind = FIND_NEWS_EXEC, .birth = { .pid = (pid_t)record->pid } };
                memcpy(ret->name, record->comm.name, sizeof(ret->name) - 1);
                return record->header.misc & PERF_RECORD_MISC_COMM_EXEC;
        default:
                return false;
        }
}

/* What causes what, when reports of one process come from several CPUs. */
static const unsigned stages[] = {
        [FIND_NEWS_BIRTH] = 0, [FIND_NEWS_EXEC] = 1, [FIND_NEWS_THREAD] = 1, [FIND_NEWS_END] = 2
};
#define N_STAGES 3

/* Tells what belongs to @stage. Returns the number of records. */
static size_t hear_ring(const struct find_watch *watch, const struct ring *ring, unsigned stage, find_news_fn each,
                        void *ctx, bool *ret_lost)
{
        struct kernel_record record;
        struct find_news news;
        size_t n = 0;

        for (uint64_t at = ring->page->data_tail; at < ring->head; at += record.header.size) {
                copy_record(watch, ring, at, &record);
                if (record.header.size == 0)
                        break;
                *ret_lost |= record.header.type == PERF_RECORD_LOST;
                n++;
                if (is_news_of_process(&record, &news) && stages[news.kind] == stage)
                        each(&news, ctx);
        }
        return n;
}

size_t find_watch_hear(struct find_watch *watch, find_news_fn each, void *ctx, bool *ret_lost)
{
        size_t n = 0;

        for (size_t i = 0; i < watch->n; i++)
                watch->rings[i].head = __atomic_load_n(&watch->rings[i].page->data_head, __ATOMIC_ACQUIRE);
        for (unsigned stage = 0; stage < N_STAGES; stage++) {
                n = 0;
                for (size_t i = 0; i < watch->n; i++)
                        n += hear_ring(watch, &watch->rings[i], stage, each, ctx, ret_lost);
        }
        for (size_t i = 0; i < watch->n; i++)
                __atomic_store_n(&watch->rings[i].page->data_tail, watch->rings[i].head, __ATOMIC_RELEASE);
        return n;
}
