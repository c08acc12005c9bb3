/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

SUITE(nsutil_status);

#define HEAD                                                                             \
        "Name:\tx\\nUid:\\t0\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nPid:\t42\n" \
        "Uid:\t1000\t1001\t1002\t1003\nGroups:\t4 24 \n"
#define TAIL "CapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t0\n"

static int parse(const char *text, struct nsutil_status *ret)
{
        return nsutil_status_parse(guard_copy(text, strlen(text)), strlen(text), ret);
}

Test(nsutil_status, known_answers)
{
        struct nsutil_status status;

        cr_assert_eq(parse(HEAD "NSpid:\t42\t7\t1\n" TAIL, &status), 0);
        cr_expect_eq(status.uid, 1001);
        cr_expect_eq(status.cap_eff, 0x1ffffffffff);
        cr_assert_eq(status.ns_depth, 3);
        cr_expect_eq(status.ns_pid[0], 42);
        cr_expect_eq(status.ns_pid[2], 1);
}

Test(nsutil_status, a_kernel_without_nspid)
{
        struct nsutil_status status;

        cr_assert_eq(parse(HEAD TAIL, &status), 0);
        cr_expect_eq(status.ns_depth, 1);
        cr_expect_eq(status.ns_pid[0], 42);
}

Test(nsutil_status, a_thread_tells_its_process)
{
        struct nsutil_status status;

        cr_assert_eq(parse("Tgid:\t41\nPid:\t42\nUid:\t0 0 0 0\n" TAIL, &status), 0);
        cr_expect_eq(status.process, 41);
        cr_assert_eq(parse("Pid:\t42\nUid:\t0 0 0 0\n" TAIL, &status), 0);
        cr_expect_eq(status.process, 42);
}

Test(nsutil_status, malformed_texts_change_nothing)
{
        static const char *const texts[] = {
                "",
                HEAD,
                TAIL,
                HEAD "NSpid:\t\n" TAIL,
                HEAD "NSpid:\t42 x\n" TAIL,
                HEAD "NSpid:\t99999999999\n" TAIL,
                "Pid:\tx\n" HEAD TAIL,
                "Uid:\t0\n" HEAD TAIL,
                HEAD "CapEff:\t\n",
                HEAD "CapEff:\t10000000000000000\n",
                "Uid:\t0 4294967296 0 0\n" HEAD TAIL,
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                struct nsutil_status status = { .uid = 77 };

                cr_expect_eq(parse(texts[i], &status), NSUTIL_E_MALFORMED, "%s", texts[i]);
                cr_expect_eq(status.uid, 77);
        }
}

Test(nsutil_status, namespaces_beyond_the_kernels_limit)
{
        char text[1024];
        struct nsutil_status status;

        for (int levels = NSUTIL_MAX_NS_DEPTH; levels <= NSUTIL_MAX_NS_DEPTH + 1; levels++) {
                int n = snprintf(text, sizeof(text), HEAD TAIL "NSpid:");

                for (int i = 0; i < levels; i++)
                        n += snprintf(text + n, sizeof(text) - (size_t)n, "\t%d", i + 1);
                snprintf(text + n, sizeof(text) - (size_t)n, "\n");
                cr_expect_eq(parse(text, &status), levels > NSUTIL_MAX_NS_DEPTH ? NSUTIL_E_MALFORMED : 0);
        }
        cr_expect_eq(status.ns_depth, NSUTIL_MAX_NS_DEPTH);
        cr_expect_eq(status.ns_pid[NSUTIL_MAX_NS_DEPTH - 1], NSUTIL_MAX_NS_DEPTH);
}

Test(nsutil_status, ourselves)
{
        struct nsutil_status status;

        prctl(PR_SET_NAME, "x\nPid:\t1");
        cr_assert_eq(nsutil_status_read(getpid(), &status), 0);
        cr_expect_eq(status.uid, geteuid());
        cr_expect_geq(status.ns_depth, 1);
        cr_expect_eq(status.ns_pid[0], getpid());
        cr_expect_eq(nsutil_status_read(gone_pid(), &status), NSUTIL_E_GONE);
}

static int enter_namespaces(void *ctx)
{
        return unshare(*(int *)ctx);
}

/* The namespace begins with the child of who unshares it: its child is PID 1 in there. */
static int nest(void *ctx)
{
        pid_t *ret_inner = ctx;

        if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
                return 1;
        *ret_inner = child_start(child_idle, NULL);
        return *ret_inner < 0;
}

/* The only child of @pid, by its number in our namespace. */
static pid_t only_child(pid_t pid)
{
        char name[64], *text;
        size_t len;

        snprintf(name, sizeof(name), "task/%d/children", pid);
        cr_assert_eq(nsutil_read_proc(pid, name, 4096, &text, &len), 0);
        pid_t child = atoi(text);
        free(text);
        return child;
}

Test(nsutil_status, a_process_in_other_namespaces)
{
        struct nsutil_status status;
        struct nsutil_thread thread, *threads;
        size_t n;
        pid_t inner;
        pid_t outer = child_start(nest, &inner);

        require(outer > 0, "needs user namespaces");
        pid_t pid = only_child(outer);
        cr_assert_eq(nsutil_status_read(pid, &status), 0);
        cr_expect_eq(status.ns_depth, 2);
        cr_expect_eq(status.ns_pid[0], pid);
        cr_expect_eq(status.ns_pid[1], 1);
        cr_assert_eq(nsutil_thread_read(pid, pid, &thread), 0);
        cr_expect_eq(thread.inner_tid, 1);
        cr_assert_eq(nsutil_threads_read(pid, &threads, &n), 0);
        cr_expect_eq(n, 1);
        cr_expect_eq(threads[0].tid, pid);
        cr_expect_eq(threads[0].inner_tid, 1);
        free(threads);
        child_end(outer);
}

Test(nsutil_status, a_user_namespace_alone_is_no_pid_namespace)
{
        struct nsutil_status status;
        int flags = CLONE_NEWUSER;
        pid_t pid = child_start(enter_namespaces, &flags);

        require(pid > 0, "needs user namespaces");
        cr_assert_eq(nsutil_status_read(pid, &status), 0);
        cr_expect_eq(status.ns_depth, 1);
        child_end(pid);
}
