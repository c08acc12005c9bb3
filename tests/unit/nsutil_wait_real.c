/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of real threads that wait: of each scene all that is known, whatever the kernel refuses to tell. */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(nsutil_wait_real);

#define READINGS 20

static bool is_of_scene(const struct said *said, const struct scene *scene, const struct stage *stage)
{
        int port = said->detail.peer.is_set ? said->detail.peer.port : said->detail.local.port;

        return said->wait.kind == scene->kind && said->wait.act == scene->act && said->detail.thing == scene->thing &&
               port == stage->port;
}

/* How a thread is read where something is refused. */
static const struct {
        const char *name;
        bool no_times, no_call, no_channel;
        unsigned missing;
} ways[] = {
        { .name = "all" },
        { .name = "no schedstat", .no_times = true, .missing = NSUTIL_MISSING_TIMES },
        { .name = "no wchan", .no_channel = true, .missing = NSUTIL_MISSING_CHANNEL },
};

static void close_file(int *fd)
{
        close(*fd);
        *fd = -1;
}

static void open_thread(pid_t pid, pid_t tid, size_t way, struct nsutil_wait_thread *ret)
{
        cr_assert_eq(nsutil_wait_open(pid, tid, ret), 0);
        if (ways[way].no_times)
                close_file(&ret->times);
        if (ways[way].no_channel)
                close_file(&ret->channel);
}

static void expect_scene(const struct scene *scene, size_t way)
{
        struct nsutil_wait_thread thread;
        struct stage *stage;
        struct said said;
        pid_t pid = stage_start(scene->play, &stage);

        if (pid < 0)
                return;
        open_thread(pid, stage->tid, way, &thread);
        cr_expect(said_settle(&thread, scene->kind, &said), "%s, %s: %d, missing %#x, call %d", scene->name,
                  ways[way].name, said.wait.kind, said.wait.missing, said.wait.call);
        for (int i = 0; i < READINGS; i++) {
                said_read(&thread, &said);
                cr_expect(is_of_scene(&said, scene, stage), "%s, %s: kind %d act %d thing %d port %d, missing %#x",
                          scene->name, ways[way].name, said.wait.kind, said.wait.act, said.detail.thing,
                          said.detail.peer.port, said.detail.missing);
                unsigned missing = said.wait.missing &
                                   ~(scene->kind == NSUTIL_WAIT_RUNNABLE ? NSUTIL_MISSING_CHANNEL : 0u);
                cr_expect_eq(missing & ways[way].missing, missing, "%s, %s: %#x", scene->name, ways[way].name, missing);
        }
        nsutil_wait_close(&thread);
        child_end(pid);
}

Test(nsutil_wait_real, every_scene)
{
        for (size_t i = 0; i < n_scenes; i++)
                expect_scene(&scenes[i], 0);
}

Test(nsutil_wait_real, every_scene_without_times_and_without_wchan)
{
        for (size_t i = 0; i < n_scenes; i++)
                for (size_t way = 1; way < sizeof ways / sizeof *ways; way++)
                        expect_scene(&scenes[i], way);
}

/* Where `syscall` is refused, wchan tells what it can, and nothing else is said. */
Test(nsutil_wait_real, no_wrong_word_where_the_call_is_refused)
{
        unsigned known = 0, said_n = 0;

        for (size_t i = 0; i < n_scenes; i++) {
                struct nsutil_wait_thread thread;
                struct stage *stage;
                struct said said;
                pid_t pid = stage_start(scenes[i].play, &stage);

                if (pid < 0)
                        continue;
                open_thread(pid, stage->tid, 0, &thread);
                cr_expect(said_settle(&thread, scenes[i].kind, &said), "%s", scenes[i].name);
                close_file(&thread.call);
                said_read(&thread, &said);
                cr_expect(said.wait.kind == scenes[i].kind || said.wait.kind == NSUTIL_WAIT_UNKNOWN, "%s: %d",
                          scenes[i].name, said.wait.kind);
                cr_expect(said.wait.kind == NSUTIL_WAIT_RUNNABLE || said.wait.missing & NSUTIL_MISSING_CALL);
                known += said.wait.kind != NSUTIL_WAIT_UNKNOWN;
                said_n++;
                nsutil_wait_close(&thread);
                child_end(pid);
        }
        cr_log_info("%u of %u scenes are known without the call", known, said_n);
        cr_expect_gt(known, said_n / 3);
}

/* As any user may look at any process: there is the state, and no more. */
Test(nsutil_wait_real, a_stranger_is_told_nothing_wrong)
{
        struct nsutil_wait_thread thread;
        struct nsutil_wait wait;
        struct stage *stage;

        require_root();
        pid_t pid = stage_start(play_nanosleep, &stage);
        pid_t reader = fork();
        if (reader == 0) {
                bool fine = setgid(65534) == 0 && setuid(65534) == 0 &&
                            nsutil_wait_open(pid, stage->tid, &thread) == 0 &&
                            nsutil_wait_read(&thread, NULL, &wait) == 0 && wait.kind == NSUTIL_WAIT_UNKNOWN &&
                            wait.missing & NSUTIL_MISSING_CALL && wait.missing & NSUTIL_MISSING_CHANNEL;
                _exit(fine ? 0 : 1);
        }
        int status;
        cr_assert_eq(waitpid(reader, &status, 0), reader);
        cr_expect_eq(status, 0);
        child_end(pid);
}

Test(nsutil_wait_real, gone)
{
        struct nsutil_wait_thread thread;
        struct nsutil_wait_detail detail;
        struct said said;
        struct stage *stage;
        pid_t pid = stage_start(play_pipe_read, &stage), gone = gone_pid();

        cr_expect_eq(nsutil_wait_open(gone, gone, &thread), NSUTIL_E_GONE);
        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        cr_assert(said_settle(&thread, NSUTIL_WAIT_IO, &said));
        struct nsutil_wait wait = said.wait;
        cr_expect(nsutil_wait_holds(&thread, &wait));
        child_end(pid);
        cr_expect_not(nsutil_wait_holds(&thread, &wait));
        cr_expect_eq(nsutil_wait_detail(&thread, NULL, &wait, &detail), NSUTIL_E_GONE);
        cr_expect_eq(nsutil_wait_read(&thread, NULL, &wait), NSUTIL_E_GONE);
        cr_expect_eq(wait.kind, NSUTIL_WAIT_IO, "untouched");
        nsutil_wait_close(&thread);
        nsutil_wait_close(&thread);
}

static void limit_descriptors(rlim_t n)
{
        struct rlimit limit;

        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = n;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* That we have no descriptor left is not taken for a refusal of the kernel. */
Test(nsutil_wait_real, no_descriptor_is_left)
{
        struct nsutil_wait_thread thread = NSUTIL_WAIT_CLOSED;
        struct stage *stage;
        pid_t pid = stage_start(play_pipe_read, &stage);
        int free_fds[4];

        for (int i = 0; i < 4; i++)
                free_fds[i] = dup(STDERR_FILENO);
        for (int i = 0; i < 4; i++)
                close(free_fds[i]);
        for (int room = 0; room < 4; room++) {
                limit_descriptors((rlim_t)free_fds[room]);
                cr_expect_eq(nsutil_wait_open(pid, stage->tid, &thread), -EMFILE, "room for %d", room);
                cr_expect_eq(thread.stat, -1, "untouched");
        }
        limit_descriptors((rlim_t)free_fds[3] + 1);
        cr_expect_eq(nsutil_wait_open(pid, stage->tid, &thread), 0, "none was left open");
        nsutil_wait_close(&thread);
        limit_descriptors(1024);
        child_end(pid);
}

/* ---- stopped, and going on ---------------------------------------------------------------------- */

/* Calls that go on as restart_syscall. */
static const struct {
        const char *name;
        void (*play)(struct stage *stage);
        enum nsutil_wait_kind kind;
        enum nsutil_wait_thing thing;
} restarted[] = {
        { "nanosleep", play_nanosleep, NSUTIL_WAIT_SLEEP, NSUTIL_THING_UNKNOWN },
        { "poll", play_poll_socket, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET },
        { "futex", play_futex_timeout, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN },
        { "pipe", play_pipe_read, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE },
};

Test(nsutil_wait_real, stopped_and_continued)
{
        for (size_t i = 0; i < sizeof restarted / sizeof *restarted; i++) {
                struct nsutil_wait_thread thread;
                struct stage *stage;
                struct said said, after;
                pid_t pid = stage_start(restarted[i].play, &stage);

                cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
                cr_assert(said_settle(&thread, restarted[i].kind, &said), "%s", restarted[i].name);
                kill(pid, SIGSTOP);
                cr_expect(said_settle(&thread, NSUTIL_WAIT_STOPPED, &after), "%s", restarted[i].name);
                kill(pid, SIGCONT);
                cr_expect(said_settle(&thread, restarted[i].kind, &after), "%s: %d missing %#x", restarted[i].name,
                          after.wait.kind, after.wait.missing);
                cr_expect_eq(after.detail.thing, restarted[i].thing, "%s", restarted[i].name);
                cr_expect_eq(after.wait.futex, said.wait.futex);
                cr_expect_eq(after.detail.inode, said.detail.inode);
                nsutil_wait_close(&thread);
                child_end(pid);
        }
}
