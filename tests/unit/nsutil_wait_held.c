/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that wait for something else than their system call says: frozen ones, those for which a supervisor of seccomp
 * decides, those that wait for a page. And threads of which nothing is known: of the kernel, and of 32-bit programs.
 */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/support/suite.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

SUITE(nsutil_wait_held);

#define READINGS 200

/* Reads a thread @READINGS times: each is @kind, or one that is not known. How many were not. */
static unsigned count_unknown(const struct nsutil_wait_thread *thread, enum nsutil_wait_kind kind, const char *what)
{
        unsigned unknown = 0;
        struct said said;

        for (int i = 0; i < READINGS; i++) {
                said_read(thread, &said);
                cr_expect(said.wait.kind == kind || said.wait.kind == NSUTIL_WAIT_UNKNOWN, "%s: %d", what,
                          said.wait.kind);
                unknown += said.wait.kind == NSUTIL_WAIT_UNKNOWN;
        }
        return unknown;
}

/* ---- freezers ------------------------------------------------------------------------------------- */

static void write_text(const char *dir, const char *name, const char *text)
{
        char path[NSUTIL_CGROUP_PATH_SIZE + 64];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        require(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a freezer that may be used");
        close(fd);
}

static void expect_frozen(const char *controller, const char *file, const char *freeze, const char *thaw,
                          void (*play)(struct stage *stage), enum nsutil_wait_kind kind)
{
        static struct nsutil_hierarchy hierarchy;
        struct nsutil_wait_thread thread;
        char dir[NSUTIL_CGROUP_PATH_SIZE + 32], number[16];
        struct stage *stage;
        struct said said;

        require(nsutil_hierarchy_find(controller, &hierarchy) == 0, "the hierarchy of a freezer");
        snprintf(dir, sizeof dir, "%s/podflame-unit-%d", hierarchy.point, getpid());
        require(mkdir(dir, 0755) == 0, "a cgroup that may be made");
        pid_t pid = stage_start(play, &stage);
        snprintf(number, sizeof number, "%d", pid);
        write_text(dir, "cgroup.procs", number);
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        cr_expect(said_settle(&thread, kind, &said));
        write_text(dir, file, freeze);
        cr_expect(said_settle(&thread, NSUTIL_WAIT_FROZEN, &said), "%s", file);
        cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_FROZEN, file), 0);
        close(thread.channel); /* the cgroup tells it as well */
        thread.channel = -1;
        cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_FROZEN, file), 0);
        write_text(dir, file, thaw);
        nsutil_wait_close(&thread);
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        cr_expect(said_settle(&thread, kind, &said), "thawed: %d, missing %#x", said.wait.kind, said.wait.missing);
        nsutil_wait_close(&thread);
        child_end(pid);
        for (int i = 0; rmdir(dir) < 0 && errno == EBUSY && i < 1000; i++)
                usleep(1000);
}

Test(nsutil_wait_held, frozen_by_v1)
{
        expect_frozen("freezer", "freezer.state", "FROZEN", "THAWED", play_nanosleep, NSUTIL_WAIT_SLEEP);
        expect_frozen("freezer", "freezer.state", "FROZEN", "THAWED", play_pipe_read, NSUTIL_WAIT_IO);
}

Test(nsutil_wait_held, frozen_by_v2)
{
        expect_frozen("", "cgroup.freeze", "1", "0", play_nanosleep, NSUTIL_WAIT_SLEEP);
        expect_frozen("", "cgroup.freeze", "1", "0", play_pipe_read, NSUTIL_WAIT_IO);
}

/* A quota lets it run for a hundredth of the time. A thread that is kept from running is not said to wait for anything. */
Test(nsutil_wait_held, throttled_is_runnable)
{
        static struct nsutil_hierarchy hierarchy;
        char dir[NSUTIL_CGROUP_PATH_SIZE + 32], number[16];
        struct nsutil_wait_thread thread;
        struct nsutil_quota quota;
        struct stage *stage;
        struct said said;

        require(nsutil_hierarchy_find("cpu", &hierarchy) == 0, "quotas of cgroup v1");
        snprintf(dir, sizeof dir, "%s/podflame-unit-%d", hierarchy.point, getpid());
        require(mkdir(dir, 0755) == 0, "a cgroup that may be made");
        write_text(dir, "cpu.cfs_quota_us", "1000");
        pid_t pid = stage_start(play_spin, &stage);
        snprintf(number, sizeof number, "%d", pid);
        write_text(dir, "cgroup.procs", number);
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        cr_assert_eq(nsutil_quota_open(pid, &quota), 0);
        uint64_t begin = nsutil_quota_throttles(&quota);
        for (int i = 0; i < 30000 && nsutil_quota_throttles(&quota) < begin + 3; i++) {
                said_read(&thread, &said);
                cr_expect_eq(said.wait.kind, NSUTIL_WAIT_RUNNABLE, "%d", said.wait.kind);
                usleep(1000);
        }
        cr_expect_geq(nsutil_quota_throttles(&quota), begin + 3);
        nsutil_quota_close(&quota);
        nsutil_wait_close(&thread);
        write_text(dir, "cpu.cfs_quota_us", "-1"); /* so that it can end */
        child_end(pid);
        for (int i = 0; rmdir(dir) < 0 && errno == EBUSY && i < 1000; i++)
                usleep(1000);
}

/* ---- a supervisor ------------------------------------------------------------------------------------ */

/* Nobody answers, so the call is never begun. */
static void play_supervised(struct stage *stage)
{
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0)
                strcpy(stage->missing, "seccomp");
        play_nanosleep(stage);
}

/* Waits until a thread sleeps, whatever it is said to wait for. */
static void wait_until_asleep(const struct nsutil_wait_thread *thread)
{
        struct nsutil_wait wait = { .slices = 0 };
        struct nsutil_stat stat;

        for (int still = 0; still < 50; usleep(1000)) {
                still = nsutil_wait_holds(thread, &wait) ? still + 1 : 0;
                cr_assert_eq(nsutil_wait_read(thread, NULL, &wait), 0);
                cr_assert_eq(nsutil_stat_reread(thread->stat, &stat), 0);
                if (stat.state == 'R')
                        still = 0;
        }
}

Test(nsutil_wait_held, a_call_that_was_not_begun_is_not_waited_in)
{
        struct nsutil_wait_thread thread;
        struct stage *stage;
        pid_t pid = stage_start(play_supervised, &stage);

        require(pid > 0, "seccomp with a supervisor (Linux 5.0)");
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        wait_until_asleep(&thread);
        cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, "supervised"), READINGS);
        nsutil_wait_close(&thread);
        child_end(pid);
}

/* ---- pages -------------------------------------------------------------------------------------------- */

/* A page that never comes. */
static char *absent_page(struct stage *stage)
{
        struct uffdio_api api = { .api = UFFD_API };
        int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        struct uffdio_register range = { .range = { (uintptr_t)page, 4096 }, .mode = UFFDIO_REGISTER_MODE_MISSING };

        if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0)
                strcpy(stage->missing, "userfaultfd");
        return page;
}

static void play_touch(struct stage *stage)
{
        volatile char *page = absent_page(stage);

        stage_begin(stage);
        (void)*page;
}

/* There is something to read; its place is not there. */
static void play_read_into(struct stage *stage)
{
        char *page = absent_page(stage);
        int fds[2];

        (void)!pipe(fds);
        (void)!write(fds[1], "x", 1);
        stage_begin(stage);
        (void)!read(fds[0], page, 1);
}

Test(nsutil_wait_held, pages_that_do_not_come)
{
        static void (*const plays[])(struct stage * stage) = { play_touch, play_read_into };

        for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
                struct nsutil_wait_thread thread;
                struct stage *stage;
                struct said said;
                pid_t pid = stage_start(plays[i], &stage);

                require(pid > 0, "userfaultfd");
                cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
                cr_expect(said_settle(&thread, NSUTIL_WAIT_PAGE, &said), "%zu: %d, missing %#x", i, said.wait.kind,
                          said.wait.missing);
                cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_PAGE, "a page"), 0);
                nsutil_wait_close(&thread);
                child_end(pid);
        }
}

/* ---- a lock that is never given back ---------------------------------------------------------------------- */

struct taker {
        int epfd;
        char *page;
};

static void *take_events(void *ctx)
{
        const struct taker *taker = ctx;

        epoll_wait(taker->epfd, (struct epoll_event *)(void *)taker->page, 1, -1);
        return NULL;
}

/* Another thread is handed an event at an absent page. It has the lock of the epoll descriptor meanwhile. */
static void play_held_epoll(struct stage *stage)
{
        struct epoll_event event = { .events = EPOLLIN };
        struct taker taker = { epoll_create1(0), absent_page(stage) };
        pthread_t thread;

        epoll_ctl(taker.epfd, EPOLL_CTL_ADD, eventfd(1, 0), &event);
        stage->port = taker.epfd;
        if (pthread_create(&thread, NULL, take_events, &taker))
                strcpy(stage->missing, "a thread");
        play_pipe_read(stage);
}

Test(nsutil_wait_held, a_set_behind_a_lock_holds_up_nobody)
{
        struct nsutil_wait_thread thread;
        struct nsutil_wait_detail detail;
        struct stage *stage;
        struct said said;
        pid_t pid = stage_start(play_held_epoll, &stage);
        int r = 0;

        require(pid > 0, "userfaultfd");
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        cr_assert(said_settle(&thread, NSUTIL_WAIT_IO, &said));
        said.wait.act = NSUTIL_ACT_EPOLL;
        said.wait.args[0] = (uint64_t)stage->port;
        /* Until the other thread has the lock, the set can be read. */
        for (int i = 0; i < 10000 && (r = nsutil_wait_detail(&thread, NULL, &said.wait, &detail)) == 0; i++)
                usleep(1000);
        cr_expect_eq(r, NSUTIL_E_HANGS, "%d", r);
        nsutil_wait_close(&thread);
        child_end(pid);
}

/* ---- what has no calls of ours ---------------------------------------------------------------------------- */

/* The thread was recognised as one whose calls are not those of this machine. */
static void expect_foreign(const struct nsutil_wait_thread *thread)
{
        struct nsutil_wait wait;

        cr_assert_eq(nsutil_wait_read(thread, NULL, &wait), 0);
        cr_expect(wait.missing & NSUTIL_MISSING_NATIVE, "%#x", wait.missing);
}

/* io_uring starts a thread of the kernel in the process. */
static void play_kernel_thread(struct stage *stage)
{
        struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1 };

        if (syscall(SYS_io_uring_setup, 4, &params) < 0)
                strcpy(stage->missing, "io_uring");
        play_pipe_read(stage);
}

Test(nsutil_wait_held, threads_of_the_kernel_are_in_no_call)
{
        struct nsutil_thread *threads;
        struct stage *stage;
        pid_t pid = stage_start(play_kernel_thread, &stage);
        size_t n, met = 0;

        require(pid > 0, "io_uring");
        cr_assert_eq(nsutil_threads_read(pid, &threads, &n), 0);
        for (size_t i = 0; i < n; i++) {
                struct nsutil_wait_thread thread;

                if (strncmp(threads[i].name, "iou-", 4) != 0)
                        continue;
                met++;
                cr_assert_eq(nsutil_wait_open(pid, threads[i].tid, &thread), 0);
                wait_until_asleep(&thread);
                cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, threads[i].name), READINGS);
                expect_foreign(&thread);
                nsutil_wait_close(&thread);
        }
        free(threads);
        child_end(pid);
        require(met > 0, "a thread of io_uring's");
}

#ifdef __x86_64__
/* A 32-bit program: nanosleep(at esp), which is 162 there. On x86-64 that is sync(). */
static const uint8_t sleeper[] = {
        0x68, 0x00, 0x00, 0x00, 0x00, /* push 0 */
        0x68, 0xa0, 0x86, 0x01, 0x00, /* push 100000 */
        0x89, 0xe3,                   /* mov ebx, esp */
        0x31, 0xc9,                   /* xor ecx, ecx */
        0xb8, 0xa2, 0x00, 0x00, 0x00, /* mov eax, 162 */
        0xcd, 0x80,                   /* int 0x80 */
        0xeb, 0xf5,                   /* again, without pushing */
};

static void write_program(const char *dir)
{
        struct {
                Elf32_Ehdr head;
                Elf32_Phdr segment;
                uint8_t code[sizeof sleeper];
        } file = { .head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                             .e_type = ET_EXEC,
                             .e_machine = EM_386,
                             .e_version = EV_CURRENT,
                             .e_phoff = sizeof(Elf32_Ehdr),
                             .e_ehsize = sizeof(Elf32_Ehdr),
                             .e_phentsize = sizeof(Elf32_Phdr),
                             .e_phnum = 1 },
                   .segment = { .p_type = PT_LOAD, .p_vaddr = 0x8048000, .p_flags = PF_R | PF_X, .p_align = 4096 } };

        file.head.e_entry = 0x8048000 + (Elf32_Addr)((char *)file.code - (char *)&file);
        file.segment.p_filesz = file.segment.p_memsz = sizeof file;
        memcpy(file.code, sleeper, sizeof sleeper);
        temp_write(dir, "sleeper", &file, sizeof file);
}

Test(nsutil_wait_held, calls_of_32_bit_programs_are_not_mistaken)
{
        struct nsutil_wait_thread thread;
        char dir[64], path[128];

        temp_make(dir, sizeof dir);
        write_program(dir);
        snprintf(path, sizeof path, "%s/sleeper", dir);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execl(path, path, NULL);
                _exit(1);
        }
        usleep(50000);
        int r = waitpid(pid, NULL, WNOHANG);
        temp_remove(dir);
        require(r == 0, "a kernel that runs 32-bit programs");
        cr_assert_eq(nsutil_wait_open(pid, pid, &thread), 0);
        char name[32];
        for (int i = 0; i < 10000 && (nsutil_exe(pid, name, sizeof name) || !strstr(name, "podflame")); i++)
                usleep(1000);
        wait_until_asleep(&thread);
        cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, "32 bits"), READINGS);
        expect_foreign(&thread);
        close(thread.channel); /* wchan would contradict the call */
        thread.channel = -1;
        cr_expect_eq(count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, "32 bits"), READINGS);
        nsutil_wait_close(&thread);
        child_end(pid);
}
#endif

/* ---- what does not hold still ------------------------------------------------------------------------------ */

/* Sleeps, polls and waits for a futex in turn: what is said of one is never mixed with another. */
static void play_turns(struct stage *stage)
{
        struct timespec time = { .tv_nsec = 20000 };
        struct pollfd set = { .events = POLLIN };
        static uint32_t word;
        int fds[2];

        (void)!pipe(fds);
        set.fd = fds[0];
        prctl(PR_SET_TIMERSLACK, 1000);
        for (stage_begin(stage);;) {
                nanosleep(&time, NULL);
                syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
                ppoll(&set, 1, &time, NULL);
        }
}

static bool is_of_turns(const struct said *said)
{
        static const struct {
                enum nsutil_wait_kind kind;
                enum nsutil_wait_act act;
                int call;
        } turns[] = {
                { NSUTIL_WAIT_RUNNABLE, NSUTIL_ACT_NONE, -1 },
                { NSUTIL_WAIT_SLEEP, NSUTIL_ACT_NONE, SYS_clock_nanosleep },
                { NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, SYS_futex },
                { NSUTIL_WAIT_IO, NSUTIL_ACT_POLL, SYS_ppoll },
        };

        for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
                if (said->wait.kind == turns[i].kind)
                        return said->wait.act == turns[i].act && said->wait.call == turns[i].call &&
                               (said->detail.thing == NSUTIL_THING_UNKNOWN ||
                                (said->detail.thing == NSUTIL_THING_PIPE && said->wait.act == NSUTIL_ACT_POLL));
        return said->wait.kind == NSUTIL_WAIT_UNKNOWN;
}

Test(nsutil_wait_held, no_mixture_of_two_waits)
{
        unsigned seen[NSUTIL_WAIT_KINDS] = { 0 }, moved = 0, mixed = 0;
        struct nsutil_wait_thread thread;
        struct stage *stage;
        struct said said;
        pid_t pid = stage_start(play_turns, &stage);

        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        for (int i = 0; i < 50000; i++) {
                said_read(&thread, &said);
                seen[said.wait.kind]++;
                moved += !!(said.wait.missing & NSUTIL_MISSING_STILL);
                /* wchan of one wait and the call of another */
                mixed += !!(said.wait.missing & NSUTIL_MISSING_UNITY);
                cr_expect(is_of_turns(&said), "kind %d, act %d, call %d, thing %d", said.wait.kind, said.wait.act,
                          said.wait.call, said.detail.thing);
        }
        cr_log_info("sleep %u, futex %u, io %u, cpu %u, unknown %u, moved %u", seen[NSUTIL_WAIT_SLEEP],
                    seen[NSUTIL_WAIT_FUTEX], seen[NSUTIL_WAIT_IO], seen[NSUTIL_WAIT_RUNNABLE],
                    seen[NSUTIL_WAIT_UNKNOWN], moved);
        cr_expect_eq(mixed, 0, "%u", mixed);
        cr_expect(seen[NSUTIL_WAIT_SLEEP] && seen[NSUTIL_WAIT_FUTEX] && seen[NSUTIL_WAIT_IO]);
        nsutil_wait_close(&thread);
        child_end(pid);
}

static void *sleep_a_moment(void *ctx)
{
        usleep(1000);
        return ctx;
}

/* Threads that live for 1 ms, four at a time. */
static void play_births(struct stage *stage)
{
        pthread_t threads[4];

        for (stage_begin(stage);;) {
                for (size_t i = 0; i < 4; i++)
                        if (pthread_create(&threads[i], NULL, sleep_a_moment, NULL))
                                _exit(1);
                for (size_t i = 0; i < 4; i++)
                        pthread_join(threads[i], NULL);
        }
}

Test(nsutil_wait_held, threads_that_live_for_a_moment)
{
        unsigned seen[NSUTIL_WAIT_KINDS] = { 0 }, gone = 0;
        struct stage *stage;
        pid_t pid = stage_start(play_births, &stage), *tids;
        size_t n;

        for (int round = 0; round < 1000; round++) {
                cr_assert_eq(nsutil_tids_read(pid, &tids, &n), 0);
                for (size_t i = 0; i < n; i++) {
                        struct nsutil_wait_thread thread;
                        struct nsutil_wait wait;
                        int r = nsutil_wait_open(pid, tids[i], &thread);

                        if (r == 0) {
                                r = nsutil_wait_read(&thread, NULL, &wait);
                                nsutil_wait_close(&thread);
                        }
                        if (r == 0)
                                seen[wait.kind]++;
                        else
                                gone++;
                        cr_expect(r == 0 || r == NSUTIL_E_GONE, "%d", r);
                }
                free(tids);
        }
        cr_log_info("sleep %u, futex %u, signal %u, cpu %u, page %u, unknown %u, gone %u", seen[NSUTIL_WAIT_SLEEP],
                    seen[NSUTIL_WAIT_FUTEX], seen[NSUTIL_WAIT_SIGNAL], seen[NSUTIL_WAIT_RUNNABLE],
                    seen[NSUTIL_WAIT_PAGE], seen[NSUTIL_WAIT_UNKNOWN], gone);
        /* The first thread pauses, the one that makes others waits for their end. */
        cr_expect(seen[NSUTIL_WAIT_SLEEP] && seen[NSUTIL_WAIT_FUTEX] && seen[NSUTIL_WAIT_SIGNAL]);
        static const enum nsutil_wait_kind never[] = { NSUTIL_WAIT_IO, NSUTIL_WAIT_LOCK, NSUTIL_WAIT_CHILD,
                                                       NSUTIL_WAIT_STOPPED, NSUTIL_WAIT_FROZEN };
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
                cr_expect_eq(seen[never[i]], 0, "%d: %u", never[i], seen[never[i]]);
        child_end(pid);
}
