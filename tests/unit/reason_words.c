/* SPDX-License-Identifier: Apache-2.0 */
/* Words for what threads wait for: made ones, hostile ones, and those of real threads. */
#include "agent/reason/reason.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/support/suite.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(reason_words);

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define IO .kind = NSUTIL_WAIT_IO

static const struct {
        struct nsutil_wait wait;
        struct nsutil_wait_detail detail;
        const char *words;
} cases[] = {
        { { .kind = NSUTIL_WAIT_SLEEP }, { 0 }, "sleep" },
        { { .kind = NSUTIL_WAIT_RUNNABLE }, { 0 }, "cpu" },
        { { .kind = NSUTIL_WAIT_UNKNOWN, .act = NSUTIL_ACT_READ }, { .thing = NSUTIL_THING_PIPE }, "unknown" },
        { { IO, .act = NSUTIL_ACT_FILE }, { 0 }, "file system" },
        { { IO, .act = NSUTIL_ACT_SYNC }, { .thing = NSUTIL_THING_FILE, .path = "/x" }, "file /x" },
        { { IO, .act = NSUTIL_ACT_POLL }, { .thing = NSUTIL_THING_MANY, .descriptors = 12 }, "one of 12 descriptors" },
        { { IO, .act = NSUTIL_ACT_POLL }, { .thing = NSUTIL_THING_MANY }, "several descriptors" },
        { { IO, .act = NSUTIL_ACT_READ }, { .thing = NSUTIL_THING_SOCKET }, "socket" },
        { { IO, .act = NSUTIL_ACT_EPOLL },
          { .thing = NSUTIL_THING_SOCKET,
            .family = AF_INET,
            .protocol = IPPROTO_TCP,
            .local = { { 127, 0, 0, 1 }, 80, true } },
          "listening socket 127.0.0.1:80" },
        { { IO, .act = NSUTIL_ACT_READ },
          { .thing = NSUTIL_THING_SOCKET,
            .family = AF_INET,
            .protocol = IPPROTO_TCP,
            .peer = { { 10, 0, 0, 7 }, 5432, true } },
          "socket 10.0.0.7:5432" },
        { { IO, .act = NSUTIL_ACT_READ },
          { .thing = NSUTIL_THING_SOCKET,
            .family = AF_INET6,
            .protocol = IPPROTO_TCP,
            .peer = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7 }, 5432, true } },
          "socket 10.0.0.7:5432" },
        { { IO, .act = NSUTIL_ACT_ACCEPT },
          { .thing = NSUTIL_THING_SOCKET, .family = AF_INET6, .protocol = IPPROTO_TCP, .local = { { 0 }, 80, true } },
          "listening socket [::]:80" },
        { { IO, .act = NSUTIL_ACT_READ },
          { .thing = NSUTIL_THING_SOCKET, .family = AF_INET, .protocol = IPPROTO_UDP, .local = { { 0 }, 53, true } },
          "udp socket 0.0.0.0:53" },
        { { IO, .act = NSUTIL_ACT_READ },
          { .thing = NSUTIL_THING_SOCKET, .family = AF_UNIX, .path = "/run/\x1b[31m\n.sock" },
          "unix socket /run/\\x1b[31m\\x0a.sock" },
        { { IO, .act = NSUTIL_ACT_READ }, { .thing = NSUTIL_THING_PIPE, .path = "/run/fifo" }, "pipe /run/fifo" },
        { { IO, .act = NSUTIL_ACT_READ },
          { .thing = NSUTIL_THING_FILE, .path = "/a\xff", .path_is_cut = true },
          "file /a\\xff..." },
        { { IO, .act = NSUTIL_ACT_READ },
          { .thing = NSUTIL_THING_OTHER, .path = "anon_inode:x" },
          "descriptor anon_inode:x" },
        { { .kind = NSUTIL_WAIT_LOCK }, { 0 }, "lock" },
        { { .kind = NSUTIL_WAIT_LOCK }, { .thing = NSUTIL_THING_FILE, .path = "/run/x" }, "lock on file /run/x" },
};

Test(reason_words, of_each_kind)
{
        for (size_t i = 0; i < COUNT(cases); i++) {
                char words[REASON_SIZE];

                reason_words(&cases[i].wait, &cases[i].detail, REASON_ALL, words, sizeof words);
                cr_expect_str_eq(words, cases[i].words, "%zu: %s", i, words);
                if (!cases[i].detail.thing) {
                        reason_words(&cases[i].wait, NULL, REASON_ALL, words, sizeof words);
                        cr_expect_str_eq(words, cases[i].words, "%zu: %s", i, words);
                }
        }
        for (unsigned kind = 0; kind < REASON_KINDS; kind++)
                cr_expect(reason_word(kind) && *reason_word(kind), "%u", kind);
}

/* Every byte of the longest path is escaped, and it still fits. Less room cuts between characters, and never behind. */
Test(reason_words, fit)
{
        const struct nsutil_wait wait = { .kind = NSUTIL_WAIT_LOCK };
        struct nsutil_wait_detail detail = { .thing = NSUTIL_THING_FILE, .path_is_cut = true };
        char words[REASON_SIZE], less[REASON_SIZE];

        memset(detail.path, 1, sizeof detail.path - 1);
        reason_words(&wait, &detail, REASON_ALL, words, sizeof words);
        cr_expect_eq(strlen(words), strlen("lock on file ...") + 4 * (sizeof detail.path - 1));
        for (size_t size = 1; size < sizeof words; size++) {
                memset(less, 'x', sizeof less);
                reason_words(&wait, &detail, REASON_ALL, less, size);
                size_t len = strnlen(less, size);
                cr_expect(len < size && strncmp(less, words, len) == 0, "%zu", size);
                cr_expect_eq(less[size], 'x');
        }
}

/* The words of a scene, with what its stage has. */
static void fill_in(const char *template, const struct stage *stage, char *ret, size_t size)
{
        const char *port = strstr(template, "PORT"), *path = strstr(template, "PATH"), *at = port ? port : path;
        char number[16];

        snprintf(number, sizeof number, "%d", stage->port);
        if (at)
                snprintf(ret, size, "%.*s%s", (int)(at - template), template, port ? number : stage->path);
        else
                snprintf(ret, size, "%s", template);
}

Test(reason_words, of_real_threads)
{
        for (size_t i = 0; i < n_scenes; i++) {
                char words[REASON_SIZE], wanted[REASON_SIZE];
                struct nsutil_wait_thread thread;
                struct stage *stage;
                struct said said;
                pid_t pid = stage_start(scenes[i].play, &stage);

                if (pid < 0)
                        continue;
                cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
                cr_expect(said_settle(&thread, scenes[i].kind, &said), "%s", scenes[i].name);
                reason_words(&said.wait, &said.detail, REASON_ALL, words, sizeof words);
                fill_in(scenes[i].words, stage, wanted, sizeof wanted);
                cr_expect_str_eq(words, wanted, "%s: %s", scenes[i].name, words);
                nsutil_wait_close(&thread);
                child_end(pid);
        }
}

/* ---- reasons ------------------------------------------------------------------------------ */

static const struct {
        struct reason reason;
        struct reason_place place;
        const char *all, *private;
} reasons[] = {
        { { .kind = REASON_GIL, .wait.kind = NSUTIL_WAIT_FUTEX }, { 0 }, "waits: GIL", "waits: GIL" },
        { { .kind = REASON_CPU }, { 0 }, "waits: CPU", "waits: CPU" },
        { { .kind = REASON_SLEEP, .wait.kind = NSUTIL_WAIT_SLEEP }, { 0 }, "sleeps", "sleeps" },
        { { .kind = REASON_SLEEP, .wait.kind = NSUTIL_WAIT_SLEEP },
          { .for_work = true },
          "waits for work: sleep",
          "waits for work: sleep" },
        { { .kind = REASON_THROTTLED }, { 0 }, "throttled", "throttled" },
        { { .kind = REASON_RUNNING }, { 0 }, "", "" },
        { { .kind = REASON_UNKNOWN }, { 0 }, "unknown", "unknown" },
        { { .kind = REASON_UNKNOWN, .lock_or_gil = true }, { 0 }, "waits: lock or GIL", "waits: lock or GIL" },
        { { .kind = REASON_LOCK, .wait.kind = NSUTIL_WAIT_FUTEX }, { 0 }, "waits: lock", "waits: lock" },
        { { .kind = REASON_LOCK, .wait.kind = NSUTIL_WAIT_FUTEX },
          { "queue", true },
          "waits for work: queue",
          "waits for work: queue" },
        { { .kind = REASON_LOCK,
            .wait.kind = NSUTIL_WAIT_LOCK,
            .has_detail = true,
            .detail = { .thing = NSUTIL_THING_FILE, .path = "/run/x" } },
          { "queue", false },
          "waits: lock on file /run/x",
          "waits: lock on file" },
        { { .kind = REASON_IO,
            .wait = { IO, .act = NSUTIL_ACT_READ },
            .has_detail = true,
            .detail = { .thing = NSUTIL_THING_SOCKET,
                        .family = AF_INET,
                        .protocol = IPPROTO_TCP,
                        .peer = { { 10, 0, 0, 7 }, 5432, true } } },
          { 0 },
          "waits: socket 10.0.0.7:5432",
          "waits: socket port 5432" },
        { { .kind = REASON_IO,
            .wait = { IO, .act = NSUTIL_ACT_ACCEPT },
            .has_detail = true,
            .detail = { .thing = NSUTIL_THING_SOCKET,
                        .family = AF_INET,
                        .protocol = IPPROTO_TCP,
                        .local = { { 0 }, 80, true } } },
          { .for_work = true },
          "waits for work: listening socket 0.0.0.0:80",
          "waits for work: listening socket port 80" },
        { { .kind = REASON_IO,
            .wait = { IO, .act = NSUTIL_ACT_READ },
            .has_detail = true,
            .detail = { .thing = NSUTIL_THING_PIPE, .path = "/run/fifo" } },
          { 0 },
          "waits: pipe /run/fifo",
          "waits: pipe" },
        { { .kind = REASON_IO,
            .wait = { IO, .act = NSUTIL_ACT_READ },
            .has_detail = true,
            .detail = { .thing = NSUTIL_THING_SOCKET, .family = AF_UNIX, .path = "/run/x.sock" } },
          { 0 },
          "waits: unix socket /run/x.sock",
          "waits: unix socket" },
        { { .kind = REASON_IO, .wait = { IO, .act = NSUTIL_ACT_POLL } }, { 0 }, "waits: poll", "waits: poll" },
};

Test(reason_words, of_reasons)
{
        char text[REASON_SIZE];

        for (size_t i = 0; i < COUNT(reasons); i++) {
                reason_text(&reasons[i].reason, &reasons[i].place, REASON_ALL, text, sizeof text);
                cr_expect_str_eq(text, reasons[i].all, "%zu: %s", i, text);
                reason_text(&reasons[i].reason, &reasons[i].place, REASON_PRIVATE, text, sizeof text);
                cr_expect_str_eq(text, reasons[i].private, "%zu: %s", i, text);
        }
        reason_text(&reasons[0].reason, NULL, REASON_ALL, text, sizeof text);
        cr_expect_str_eq(text, "waits: GIL");
}
