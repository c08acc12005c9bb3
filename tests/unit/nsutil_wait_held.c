/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that wait for something else than their system call says: frozen ones, those for which a supervisor of seccomp
 * decides, those that wait for a page.
 */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

SUITE(nsutil_wait_held);

/* ---- freezers ------------------------------------------------------------------------------------- */

static void write_text(const char *dir, const char *name, const char *text)
{
        char path[NSUTIL_CGROUP_PATH_SIZE + 64];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        require(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a freezer that may be used");
        close(fd);
}

/* The cgroup is frozen when its last thread is: the thread that is looked at may be the first. */
static void wait_for_cgroup(const struct nsutil_wait_thread *thread)
{
        static struct nsutil_freezers freezers;
        bool frozen = false;

        cr_assert_eq(nsutil_freezers_find(&freezers), 0);
        for (int i = 0; i < 30000 && !frozen; i++, usleep(1000))
                cr_assert_eq(nsutil_frozen(&freezers, thread->pid, thread->tid, &frozen), 0);
        cr_assert(frozen);
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
        cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_FROZEN, file), 0);
        wait_for_cgroup(&thread);
        close(thread.channel); /* the cgroup tells it as well */
        thread.channel = -1;
        cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_FROZEN, file), 0);
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

Test(nsutil_wait_held, a_call_that_was_not_begun_is_not_waited_in)
{
        struct nsutil_wait_thread thread;
        struct stage *stage;
        pid_t pid = stage_start(play_supervised, &stage);

        require(pid > 0, "seccomp with a supervisor (Linux 5.0)");
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        said_wait_until_asleep(&thread);
        cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, "supervised"), SAID_READINGS);
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
                cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_PAGE, "a page"), 0);
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
