/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of the kernel's texts: recorded ones, those of other kernels and machines, and broken ones. */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

SUITE(nsutil_wait_texts);

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- numbers ------------------------------------------------------------------------------------- */

/* A line "#define __NR_name 1" of a header, or "#define __NR3264_name 1". */
static bool parse_define(const char *line, char name[static 64], int *ret)
{
        return sscanf(line, "#define __NR_%63s %d", name, ret) == 2 ||
               sscanf(line, "#define __NR3264_%63s %d", name, ret) == 2;
}

/* How many calls of the table the header has. Each has the header's number. */
static unsigned compare_with_header(const char *path, enum nsutil_machine machine)
{
        FILE *file = fopen(path, "re");
        char line[256], name[64];
        unsigned n = 0;
        int number;

        require(file != NULL, path);
        while (fgets(line, sizeof line, file)) {
                if (!parse_define(line, name, &number))
                        continue;
                int ours = nsutil_call_number(machine, strcmp(name, "fstatat") == 0 ? "newfstatat" : name);
                if (ours < 0)
                        continue;
                cr_expect_eq(ours, number, "%s: %d", name, number);
                n++;
        }
        fclose(file);
        return n;
}

Test(nsutil_wait_texts, numbers_are_those_of_the_kernels_headers)
{
        /* All of the table, but the newest where the header is older. */
        cr_expect_geq(compare_with_header("/usr/include/asm-generic/unistd.h", NSUTIL_AARCH64), 80);
#ifdef __x86_64__
        cr_expect_geq(compare_with_header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", NSUTIL_X86_64), 109);
#endif
        cr_expect_eq(nsutil_call_number(NSUTIL_AARCH64, "poll"), -1);
        cr_expect_eq(nsutil_call_number(NSUTIL_X86_64, "ioctl"), -1);
        cr_expect_eq(nsutil_call_number(NSUTIL_MACHINES, "read"), -1);
}

/* ---- syscall --------------------------------------------------------------------------------------- */

static const struct {
        const char *text;
        int result;
        struct nsutil_call call;
} calls[] = {
        { "running\n", 0, { .running = true, .number = -1 } },
        { "-1 0x7ffe1d581300 0x7faa166fc503\n", 0, { .number = -1, .stack = 0x7ffe1d581300, .pc = 0x7faa166fc503 } },
        { "45 0x3 0x7f00 0x40 0x0 0x0 0x0 0x7ffc1 0x7f2\n",
          0,
          { .number = 45, .args = { 3, 0x7f00, 0x40 }, .stack = 0x7ffc1, .pc = 0x7f2 } },
        { "230 0x0 0x0 0x1 0x2 0xffffffffffffffff 0x0 0x0 0x0\n",
          0,
          { .number = 230, .args = { 0, 0, 1, 2, UINT64_MAX } } },
        { "", NSUTIL_E_MALFORMED, { 0 } },
        { "runnin", NSUTIL_E_MALFORMED, { 0 } },
        { "running late\n", NSUTIL_E_MALFORMED, { 0 } },
        { "-1 0x1\n", NSUTIL_E_MALFORMED, { 0 } },
        { "-2 0x1 0x2\n", NSUTIL_E_MALFORMED, { 0 } },
        { "1 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n", NSUTIL_E_MALFORMED, { 0 } },
        { "1 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9\n", NSUTIL_E_MALFORMED, { 0 } },
        { "1 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x11111111111111111\n", NSUTIL_E_MALFORMED, { 0 } },
        { "4294967296 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n", NSUTIL_E_MALFORMED, { 0 } },
        { "1 1 2 3 4 5 6 7 8\n", NSUTIL_E_MALFORMED, { 0 } },
};

Test(nsutil_wait_texts, calls_of_threads)
{
        for (size_t i = 0; i < COUNT(calls); i++) {
                const struct nsutil_call untouched = { .number = 77 };
                struct nsutil_call call = untouched;
                size_t len = strlen(calls[i].text);

                cr_expect_eq(nsutil_call_parse(guard_copy(calls[i].text, len), len, &call), calls[i].result, "%zu", i);
                const struct nsutil_call *wanted = calls[i].result ? &untouched : &calls[i].call;
                cr_expect(call.running == wanted->running && call.number == wanted->number && call.pc == wanted->pc &&
                                  call.stack == wanted->stack && memcmp(call.args, wanted->args, sizeof call.args) == 0,
                          "%zu", i);
        }
}

/* ---- judgements -------------------------------------------------------------------------------------- */

#define HIGH " 0x7ffc00000000 0x7f0000000000\n"
#define NO_ARGS " 0x0 0x0 0x0 0x0 0x0 0x0" HIGH

/* What is said of a state, a text of syscall (NULL: refused) and of wchan. */
static const struct {
        enum nsutil_machine machine;
        char state;
        const char *call, *channel;
        enum nsutil_wait_kind kind;
        unsigned missing;
} judgements[] = {
        /* states */
        { NSUTIL_X86_64, 'R', NULL, "", NSUTIL_WAIT_RUNNABLE, 0 },
        { NSUTIL_X86_64, 'T', "35" NO_ARGS, "do_signal_stop", NSUTIL_WAIT_STOPPED, 0 },
        { NSUTIL_X86_64, 't', "35" NO_ARGS, "ptrace_stop", NSUTIL_WAIT_STOPPED, 0 },
        { NSUTIL_X86_64, 'I', "35" NO_ARGS, "worker_thread", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'S', "running\n", "hrtimer_nanosleep", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_STILL },
        /* the same number is another call on another machine */
        { NSUTIL_X86_64, 'S', "101" NO_ARGS, "", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_AARCH64, 'S', "101" NO_ARGS, "hrtimer_nanosleep", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_AARCH64, 'S', "35" NO_ARGS, "hrtimer_nanosleep", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_UNITY },
        { NSUTIL_AARCH64, 'S', "73 0x7f00 0x1 0x0 0x0 0x8 0x0" HIGH, "do_sys_poll", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_MACHINES, 'S', "35" NO_ARGS, "hrtimer_nanosleep", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        /* arguments */
        { NSUTIL_X86_64, 'S', "202 0x7f00 0x80 0x2 0x0 0x0 0x0" HIGH, "futex_wait_queue_me", NSUTIL_WAIT_FUTEX, 0 },
        { NSUTIL_X86_64, 'S', "202 0x7f00 0x189 0x2 0x7f08 0x0 0xffffffff" HIGH, "futex_wait_queue", NSUTIL_WAIT_FUTEX,
          0 },
        { NSUTIL_X86_64, 'S', "202 0x7f00 0x81 0x1 0x0 0x0 0x0" HIGH, "", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_X86_64, 'S', "72 0x3 0x7 0x7f00 0x0 0x0 0x0" HIGH, "fcntl_setlk", NSUTIL_WAIT_LOCK, 0 },
        { NSUTIL_X86_64, 'S', "72 0x3 0x6 0x7f00 0x0 0x0 0x0" HIGH, "", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_X86_64, 'S', "73 0x3 0x2 0x0 0x0 0x0 0x0" HIGH, "locks_lock_inode_wait", NSUTIL_WAIT_LOCK, 0 },
        { NSUTIL_X86_64, 'S', "73 0x3 0x6 0x0 0x0 0x0 0x0" HIGH, "", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_X86_64, 'S', "7 0x0 0x0 0x64 0x0 0x0 0x0" HIGH, "poll_schedule_timeout.constprop.0", NSUTIL_WAIT_SLEEP,
          0 },
        { NSUTIL_X86_64, 'S', "7 0x0 0x0 0xffffffff 0x0 0x0 0x0" HIGH, "do_sys_poll", NSUTIL_WAIT_SIGNAL, 0 },
        { NSUTIL_X86_64, 'S', "7 0x7f00 0x1 0xffffffff 0x0 0x0 0x0" HIGH, "do_sys_poll", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_X86_64, 'S', "23 0x0 0x0 0x0 0x0 0x7f00 0x0" HIGH, "do_select", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_X86_64, 'S', "23 0x8 0x0 0x0 0x0 0x7f00 0x0" HIGH, "do_select", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_X86_64, 'S', "23 0x8 0x7f80 0x0 0x0 0x7f00 0x0" HIGH, "do_select", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_X86_64, 'S', "16 0x3 0x5401 0x0 0x0 0x0 0x0" HIGH, "wait_woken", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING },
        /* restart_syscall */
        { NSUTIL_X86_64, 'S', "219" NO_ARGS, "hrtimer_nanosleep", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_X86_64, 'S', "219" NO_ARGS, "do_syscall_64", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_AARCH64, 'S', "128" NO_ARGS, "__arm64_sys_restart_syscall", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_X86_64, 'S', "219 0x7f00 0x1 0x64 0x0 0x0 0x0" HIGH, "do_sys_poll", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_X86_64, 'S', "219 0x7f00 0x0 0x64 0x0 0x0 0x0" HIGH, "do_restart_poll", NSUTIL_WAIT_SLEEP, 0 },
        { NSUTIL_X86_64, 'S', "219 0x7f00 0x80 0x2 0x7f08 0x0 0x0" HIGH, "futex_do_wait", NSUTIL_WAIT_FUTEX, 0 },
        { NSUTIL_X86_64, 'S', "219" NO_ARGS, "wait_woken", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'S', "219" NO_ARGS, "", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_X86_64, 'S', "35" NO_ARGS, "do_syscall_64", NSUTIL_WAIT_SLEEP, 0 },
        /* state D */
        { NSUTIL_X86_64, 'D', "0 0x3 0x7f00 0x40 0x0 0x0 0x0" HIGH, "folio_wait_bit_common", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_X86_64, 'D', "74 0x3 0x0 0x0 0x0 0x0 0x0" HIGH, "jbd2_log_wait_commit", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_X86_64, 'D', "257 0x3 0x7f00 0x0 0x0 0x0 0x0" HIGH, "request_wait_answer", NSUTIL_WAIT_IO, 0 },
        { NSUTIL_X86_64, 'D', "-1" HIGH, "folio_wait_bit_common", NSUTIL_WAIT_PAGE, 0 },
        { NSUTIL_X86_64, 'D', "-1" HIGH, "mem_cgroup_handle_over_high", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'D', "-1" HIGH, "", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_X86_64, 'S', "-1" HIGH, "handle_userfault", NSUTIL_WAIT_PAGE, 0 },
        { NSUTIL_X86_64, 'S', "-1" HIGH, "wait_woken", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'D', "0 0x3 0x7f00 0x40 0x0 0x0 0x0" HIGH, "handle_userfault", NSUTIL_WAIT_PAGE, 0 },
        { NSUTIL_X86_64, 'D', "202 0x7f00 0x80 0x2 0x0 0x0 0x0" HIGH, "folio_wait_bit_common", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_UNITY },
        { NSUTIL_X86_64, 'D', "0 0x3 0x7f00 0x40 0x0 0x0 0x0" HIGH, "pipe_read", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_UNITY },
        { NSUTIL_X86_64, 'D', "11 0x7f00 0x1000 0x0 0x0 0x0 0x0" HIGH, "__vm_munmap", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'D', "58" NO_ARGS, "kernel_clone", NSUTIL_WAIT_CHILD, 0 },
        { NSUTIL_X86_64, 'D', "435 0x7f00 0x58 0x0 0x0 0x0 0x0" HIGH, "kernel_clone", NSUTIL_WAIT_CHILD, 0 },
        { NSUTIL_X86_64, 'D', "435 0x7f00 0x58 0x0 0x0 0x0 0x0" HIGH, "copy_process", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'D', "56 0x11 0x0 0x0 0x0 0x0 0x0" HIGH, "", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_MEANING | NSUTIL_MISSING_CHANNEL },
        { NSUTIL_AARCH64, 'D', "220 0x4111 0x0 0x0 0x0 0x0 0x0" HIGH, "kernel_clone", NSUTIL_WAIT_CHILD, 0 },
        /* held up outside of the call */
        { NSUTIL_X86_64, 'S', "35" NO_ARGS, "do_freezer_trap", NSUTIL_WAIT_FROZEN, 0 },
        { NSUTIL_X86_64, 'S', "35" NO_ARGS, "get_signal", NSUTIL_WAIT_FROZEN, 0 },
        { NSUTIL_X86_64, 'D', "35" NO_ARGS, "get_signal", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'S', "35" NO_ARGS, "__seccomp_filter", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_MEANING },
        /* the files contradict each other */
        { NSUTIL_X86_64, 'S', "35" NO_ARGS, "do_wait", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_UNITY },
        { NSUTIL_X86_64, 'S', "0 0x3 0x7f00 0x40 0x0 0x0 0x0" HIGH, "futex_do_wait", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_UNITY },
        /* 32 bits, and threads of the kernel */
        { NSUTIL_X86_64, 'S', "162 0x0 0x0 0x0 0x0 0x0 0x0 0xffd00000 0xf7f00000\n", "hrtimer_nanosleep",
          NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_NATIVE },
        { NSUTIL_X86_64, 'S', "426 0x3 0x1 0x0 0x0 0x0 0x0 0x0 0x0\n", "io_sq_thread", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_NATIVE },
        /* the call is refused */
        { NSUTIL_X86_64, 'S', NULL, "hrtimer_nanosleep", NSUTIL_WAIT_SLEEP, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'S', NULL, "do_wait", NSUTIL_WAIT_CHILD, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'S', NULL, "inet_csk_accept", NSUTIL_WAIT_IO, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'S', NULL, "futex_wait_queue_me", NSUTIL_WAIT_FUTEX, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'D', NULL, "kernel_clone", NSUTIL_WAIT_CHILD, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'S', NULL, "do_sys_poll", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_CALL | NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'S', NULL, "ep_poll", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'S', NULL, "wait_woken", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_CALL },
        { NSUTIL_X86_64, 'D', NULL, "folio_wait_bit_common", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_CALL | NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'D', NULL, "hrtimer_nanosleep", NSUTIL_WAIT_UNKNOWN,
          NSUTIL_MISSING_CALL | NSUTIL_MISSING_MEANING },
        { NSUTIL_X86_64, 'S', NULL, "", NSUTIL_WAIT_UNKNOWN, NSUTIL_MISSING_CALL | NSUTIL_MISSING_CHANNEL },
};

static void judge(size_t i, struct nsutil_wait_facts facts, struct nsutil_wait *ret)
{
        struct nsutil_call call;

        facts.machine = judgements[i].machine;
        facts.state = judgements[i].state;
        facts.channel = judgements[i].channel;
        if (judgements[i].call) {
                cr_assert_eq(nsutil_call_parse(judgements[i].call, strlen(judgements[i].call), &call), 0, "%zu", i);
                facts.call = &call;
        }
        nsutil_wait_judge(&facts, ret);
}

Test(nsutil_wait_texts, judgements)
{
        for (size_t i = 0; i < COUNT(judgements); i++) {
                struct nsutil_wait wait;

                judge(i, (struct nsutil_wait_facts){ .frozen_known = true }, &wait);
                cr_expect_eq(wait.kind, judgements[i].kind, "%zu: %d", i, wait.kind);
                cr_expect_eq(wait.missing, judgements[i].missing, "%zu: %#x", i, wait.missing);
                cr_expect_eq(wait.source == NSUTIL_FROM_NOTHING, wait.kind == NSUTIL_WAIT_UNKNOWN, "%zu", i);
        }
}

/* A cgroup's freezer is above all but being stopped; and in state D it has to be known. */
Test(nsutil_wait_texts, freezers)
{
        for (size_t i = 0; i < COUNT(judgements); i++) {
                bool asleep = judgements[i].state == 'S' || judgements[i].state == 'D';
                struct nsutil_wait wait;

                judge(i, (struct nsutil_wait_facts){ .frozen_known = true, .frozen = true }, &wait);
                cr_expect_eq(wait.kind, asleep ? NSUTIL_WAIT_FROZEN : judgements[i].kind, "%zu: %d", i, wait.kind);
                judge(i, (struct nsutil_wait_facts){ .frozen_known = false }, &wait);
                bool page = judgements[i].kind == NSUTIL_WAIT_PAGE && wait.kind == NSUTIL_WAIT_PAGE;
                if (judgements[i].state == 'D' && !page)
                        cr_expect_eq(wait.kind, NSUTIL_WAIT_UNKNOWN, "%zu: %d", i, wait.kind);
        }
}

Test(nsutil_wait_texts, what_stands_in_arguments)
{
        const struct nsutil_wait_facts facts = { .machine = NSUTIL_X86_64, .state = 'S', .channel = "x" };
        struct nsutil_wait_facts with = facts;
        struct nsutil_call call = { .number = 202, .args = { 0xabc, 0x80 }, .stack = 1ull << 40, .pc = 1ull << 40 };
        struct nsutil_wait wait;

        with.call = &call;
        nsutil_wait_judge(&with, &wait);
        cr_expect(wait.futex == 0xabc && wait.futex_op == 0x80 && wait.timeout == NSUTIL_TIMEOUT_NONE && wait.fd == -1);
        call.args[3] = 0x1000;
        nsutil_wait_judge(&with, &wait);
        cr_expect_eq(wait.timeout, NSUTIL_TIMEOUT_SET);
        call = (struct nsutil_call){ .number = 455, .args = { 0xdef }, .stack = 1ull << 40, .pc = 1ull << 40 };
        nsutil_wait_judge(&with, &wait);
        cr_expect(wait.kind == NSUTIL_WAIT_FUTEX && wait.futex == 0xdef && wait.futex_op == -1);
        call.number = 449; /* the addresses stand in memory */
        nsutil_wait_judge(&with, &wait);
        cr_expect(wait.kind == NSUTIL_WAIT_FUTEX && wait.futex == 0);
        call = (struct nsutil_call){ .number = 232, .args = { 5, 0, 8, UINT32_MAX }, .stack = 1ull << 40 };
        nsutil_wait_judge(&with, &wait);
        cr_expect(wait.act == NSUTIL_ACT_EPOLL && wait.timeout == NSUTIL_TIMEOUT_NONE && wait.fd == -1);
        call = (struct nsutil_call){ .number = 288, .args = { 7 }, .stack = 1ull << 40 };
        nsutil_wait_judge(&with, &wait);
        cr_expect(wait.act == NSUTIL_ACT_ACCEPT && wait.fd == 7 && wait.call == 288);
}

/* ---- descriptors --------------------------------------------------------------------------------------- */

static const struct {
        const char *text;
        enum nsutil_wait_thing thing;
        uint64_t inode;
        const char *path;
} links[] = {
        { "socket:[14339618]", NSUTIL_THING_SOCKET, 14339618, "" },
        { "pipe:[12]", NSUTIL_THING_PIPE, 12, "" },
        { "/var/lib/x", NSUTIL_THING_FILE, 0, "/var/lib/x" },
        { "/socket:[1]", NSUTIL_THING_FILE, 0, "/socket:[1]" },
        { "/tmp/x (deleted)", NSUTIL_THING_FILE, 0, "/tmp/x (deleted)" },
        { "(unreachable)/x", NSUTIL_THING_FILE, 0, "(unreachable)/x" },
        { "anon_inode:[eventpoll]", NSUTIL_THING_EPOLL, 0, "" },
        { "anon_inode:inotify", NSUTIL_THING_INOTIFY, 0, "" },
        { "anon_inode:[pidfd]", NSUTIL_THING_PIDFD, 0, "" },
        { "pidfd:[77]", NSUTIL_THING_PIDFD, 77, "" },
        { "anon_inode:bpf-map", NSUTIL_THING_OTHER, 0, "anon_inode:bpf-map" },
        { "net:[4026531840]", NSUTIL_THING_OTHER, 0, "net:[4026531840]" },
        { "socket:[]", NSUTIL_THING_SOCKET, 0, "" },
        { "socket:", NSUTIL_THING_OTHER, 0, "socket:" },
        { "", NSUTIL_THING_OTHER, 0, "" },
};

Test(nsutil_wait_texts, links_of_descriptors)
{
        char path[PATH_MAX];

        for (size_t i = 0; i < COUNT(links); i++) {
                struct nsutil_wait_detail detail = { 0 };
                size_t len = strlen(links[i].text);

                nsutil_wait_link_parse(guard_copy(links[i].text, len), len, &detail);
                cr_expect(detail.thing == links[i].thing && detail.inode == links[i].inode, "%zu", i);
                cr_expect_str_eq(detail.path, links[i].path);
                cr_expect_not(detail.path_is_cut);
        }
        struct nsutil_wait_detail detail = { 0 };
        memset(path, '/', sizeof path);
        nsutil_wait_link_parse(path, sizeof path, &detail);
        cr_expect(detail.path_is_cut && strlen(detail.path) == sizeof detail.path - 1);
}

Test(nsutil_wait_texts, members_of_epoll)
{
        static const char text[] = "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1057\n"
                                   "tfd:        5 events:       19 data:                5  pos:0 ino:dacd92 sdev:8\n";
        struct nsutil_epoll_member member;
        size_t len = sizeof text - 1;

        cr_expect_eq(nsutil_epoll_parse(guard_copy(text, len), len, &member), 1);
        cr_expect(member.fd == 5 && member.inode == 0xdacd92);
        cr_expect_eq(nsutil_epoll_parse("tfd: 3 events: 1\ntfd: 4", 23, &member), 2);
        cr_expect(member.fd == 4 && member.inode == 0);
        cr_expect_eq(nsutil_epoll_parse("tfd:\ntfd: -1\ntfd: 99999999999\nxtfd: 3", 37, &member), 0);
        cr_expect_eq(member.fd, -1);
}

/* ---- sockets --------------------------------------------------------------------------------------------- */

#define REST " 00000000:00000000 02:000000A1 00000000  1000        0 4711 2 0000000000000000 20 4 30 10 -1\n"

static const struct {
        int family;
        const char *line, *local, *peer; /* NULL: no socket */
} sockets[] = {
        { AF_INET, "   0: 0100007F:1F90 0700000A:1538 01" REST, "127.0.0.1:8080", "10.0.0.7:5432" },
        { AF_INET, "4000: 00000000:0050 00000000:0000 0A" REST, "0.0.0.0:80", "-" },
        { AF_INET6, "   1: B80D0120000000000000000001000000:01BB B80D0120000000000000000002000000:0016 01" REST,
          "2001:db8::1:443", "2001:db8::2:22" },
        { AF_INET6, "   1: 0000000000000000FFFF00000100007F:01BB 0000000000000000FFFF00000700000A:0016 01" REST,
          "::ffff:127.0.0.1:443", "::ffff:10.0.0.7:22" },
        { AF_INET, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
          NULL, NULL },
        { AF_INET, "   0: 0100007F:1F90 0700000A:1538 06 00000000:00000000 03:00000A1 00000000 0 0 0 3 0", NULL, NULL },
        { AF_INET, "   0: 0100007f:1F90 0700000A:1538 01" REST, NULL, NULL },
        { AF_INET, "   0: 0100007F:1F9", NULL, NULL },
        { AF_INET6, "   0: 0100007F:1F90 0700000A:1538 01" REST, NULL, NULL },
        { AF_INET, "", NULL, NULL },
};

static void write_address(int family, const struct nsutil_wait_address *address, char ret[static 64])
{
        char text[INET6_ADDRSTRLEN];

        inet_ntop(family, address->bytes, text, sizeof text);
        if (address->is_set)
                snprintf(ret, 64, "%s:%u", text, address->port);
        else
                strcpy(ret, "-");
}

Test(nsutil_wait_texts, lines_of_sockets)
{
        for (size_t i = 0; i < COUNT(sockets); i++) {
                struct nsutil_wait_detail detail;
                size_t len = strlen(sockets[i].line);
                char text[64];

                bool found = nsutil_socket_parse(sockets[i].family, guard_copy(sockets[i].line, len), len, &detail);
                cr_expect_eq(found, sockets[i].local != NULL, "%zu", i);
                if (!found || !sockets[i].local)
                        continue;
                cr_expect_eq(detail.inode, 4711);
                write_address(sockets[i].family, &detail.local, text);
                cr_expect_str_eq(text, sockets[i].local);
                write_address(sockets[i].family, &detail.peer, text);
                cr_expect_str_eq(text, sockets[i].peer);
        }
}

Test(nsutil_wait_texts, lines_of_unix_sockets)
{
        static const char with[] = "ffff888: 00000002 00000000 00010000 0001 01 20471 /run/x y.sock";
        static const char without[] = "0000000000000000: 00000003 00000000 00000000 0001 03 20472";
        struct nsutil_wait_detail detail;

        cr_expect(nsutil_socket_parse(AF_UNIX, guard_copy(with, sizeof with - 1), sizeof with - 1, &detail));
        cr_expect_eq(detail.inode, 20471);
        cr_expect_str_eq(detail.path, "/run/x y.sock");
        cr_expect(nsutil_socket_parse(AF_UNIX, guard_copy(without, sizeof without - 1), sizeof without - 1, &detail));
        cr_expect(detail.inode == 20472 && !*detail.path);
        cr_expect_not(
                nsutil_socket_parse(AF_UNIX, "Num       RefCount Protocol Flags    Type St Inode Path", 55, &detail));
}

/* ---- tables of sockets ---------------------------------------------------------------------------------------- */

static uint64_t inode_of(int fd)
{
        struct stat st;

        cr_assert_eq(fstat(fd, &st), 0);
        return st.st_ino;
}

static struct nsutil_wait_detail socket_detail(int fd)
{
        return (struct nsutil_wait_detail){ .thing = NSUTIL_THING_SOCKET, .fd = fd, .inode = inode_of(fd) };
}

/* A name is the choice of who binds it: that of one socket looks like the line of another. */
Test(nsutil_wait_texts, a_forged_line_gives_a_socket_no_name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int victim = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
            liar = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct nsutil_wait_detail detail = socket_detail(victim), *one = &detail;

        int len = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "x\n0: 2 0 0 1 1 %lu /run/forged",
                           (unsigned long)detail.inode);
        cr_assert_eq(bind(victim, (struct sockaddr *)&address, sizeof(sa_family_t)), 0, "a name by the kernel");
        cr_assert_eq(nsutil_wait_addresses(getpid(), &one, 1, NULL), 0);
        cr_expect(detail.family == AF_UNIX && *detail.path == '@' && !detail.missing);

        cr_assert_eq(bind(liar, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)len),
                     0);
        detail = socket_detail(victim);
        cr_assert_eq(nsutil_wait_addresses(getpid(), &one, 1, NULL), 0);
        cr_expect_eq(detail.family, AF_UNIX);
        cr_expect_str_eq(detail.path, "");
        cr_expect_eq(detail.missing, NSUTIL_MISSING_ADDRESS);
        close(victim);
        close(liar);
}

Test(nsutil_wait_texts, tables_are_read_once_for_all_and_within_the_budget)
{
        enum { SOCKETS = 300 };
        static struct nsutil_wait_detail details[SOCKETS], *pointers[SOCKETS];
        static const struct nsutil_wait_budget little[] = { { .bytes = 1, .cpu_ns = UINT32_MAX },
                                                            { .bytes = SIZE_MAX } };
        int fds[SOCKETS];

        for (int i = 0; i < SOCKETS; i++) {
                struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

                fds[i] = socket(AF_INET, (i % 2 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
                cr_assert_eq(bind(fds[i], (struct sockaddr *)&address, sizeof address), 0);
                if (i % 2)
                        listen(fds[i], 1);
                details[i] = socket_detail(fds[i]);
                pointers[i] = &details[i];
        }
        for (size_t i = 0; i < COUNT(little); i++) {
                cr_assert_eq(nsutil_wait_addresses(getpid(), pointers, SOCKETS, &little[i]), 0);
                for (int j = 0; j < SOCKETS; j++) {
                        cr_expect(details[j].family || details[j].missing == NSUTIL_MISSING_BUDGET);
                        details[j].family = 0;
                }
                cr_expect_eq(details[0].missing, NSUTIL_MISSING_BUDGET);
        }
        for (int i = 0; i < SOCKETS; i++)
                details[i] = socket_detail(fds[i]);
        cr_assert_eq(nsutil_wait_addresses(getpid(), pointers, SOCKETS, NULL), 0);
        for (int i = 0; i < SOCKETS; i++) {
                struct sockaddr_in address;
                socklen_t len = sizeof address;

                getsockname(fds[i], (struct sockaddr *)&address, &len);
                cr_expect_eq(details[i].local.port, ntohs(address.sin_port), "%d", i);
                cr_expect_eq(details[i].protocol, i % 2 ? IPPROTO_TCP : IPPROTO_UDP);
                close(fds[i]);
        }
        details[0] = (struct nsutil_wait_detail){ .thing = NSUTIL_THING_SOCKET, .inode = 1 };
        cr_assert_eq(nsutil_wait_addresses(getpid(), pointers, 1, NULL), 0);
        cr_expect_eq(details[0].missing, NSUTIL_MISSING_ADDRESS);
        cr_expect_eq(nsutil_wait_addresses(gone_pid(), pointers, 1, NULL), NSUTIL_E_GONE);
}
