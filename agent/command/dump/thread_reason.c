/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread in state R runs, or waits for a CPU. The kernel brings the time of a running thread up to date with each of
 * its ticks, which are 10 ms apart at most. So if the time of a thread has not grown after 10 ms, the thread waits.
 */
#include "thread_reason.h"

#include "agent/base/base.h"
#include "agent/command/cli/json.h"
#include "agent/sample/sample.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Longer than the 10 ms between two ticks. */
#define TICK_NS 12000000u

static const struct {
        const char *word;
        const char *text; /* NULL: "waits: ", and what the thread waits for */
} kinds[] = {
        [THREAD_UNKNOWN] = { "unknown", "unknown" },  [THREAD_RUNNING] = { "running", "" },
        [THREAD_CPU] = { "cpu", "waits: CPU" },       [THREAD_THROTTLED] = { "throttled", "" },
        [THREAD_SLEEP] = { "sleep", "sleeps" },       [THREAD_IO] = { "io", NULL },
        [THREAD_GIL] = { "gil", "waits: GIL" },       [THREAD_LOCK] = { "lock", NULL },
        [THREAD_CHILD] = { "child", "waits: child" }, [THREAD_SIGNAL] = { "signal", "waits: signal" },
        [THREAD_PAGE] = { "page", "waits: page" },    [THREAD_STOPPED] = { "stopped", "" },
        [THREAD_FROZEN] = { "frozen", "" },
};

/* NSUTIL_WAIT_FUTEX is left out: see judge_futex(). */
static const enum thread_reason_kind by_wait[NSUTIL_WAIT_KINDS] = {
        [NSUTIL_WAIT_UNKNOWN] = THREAD_UNKNOWN, [NSUTIL_WAIT_RUNNABLE] = THREAD_RUNNING,
        [NSUTIL_WAIT_SLEEP] = THREAD_SLEEP,     [NSUTIL_WAIT_IO] = THREAD_IO,
        [NSUTIL_WAIT_LOCK] = THREAD_LOCK,       [NSUTIL_WAIT_CHILD] = THREAD_CHILD,
        [NSUTIL_WAIT_SIGNAL] = THREAD_SIGNAL,   [NSUTIL_WAIT_PAGE] = THREAD_PAGE,
        [NSUTIL_WAIT_STOPPED] = THREAD_STOPPED, [NSUTIL_WAIT_FROZEN] = THREAD_FROZEN,
};

/* ---- reading ------------------------------------------------------------------------- */

static int read_memory(void *ctx, uint64_t address, void *buf, size_t size)
{
        return pystack_peek(ctx, address, buf, size);
}

/* If it is known where the GIL lies, a word outside of the GIL belongs to another lock. */
static void judge_futex(struct pystack *py, const struct pystack_thread_ref *ref, struct thread_reason *reason)
{
        uint64_t from, to;

        if (reason->wait.futex == 0)
                return;
        if (pystack_gil_span(py, ref, &from, &to) != 0)
                reason->lock_or_gil = true;
        else
                reason->kind = reason->wait.futex >= from && reason->wait.futex < to ? THREAD_GIL : THREAD_LOCK;
}

static void read_detail(struct pystack *py, const struct nsutil_wait_thread *thread, struct thread_reason *reason)
{
        const struct nsutil_wait_memory memory = { read_memory, py };

        reason->has_detail = nsutil_wait_detail(thread, &memory, &reason->wait, &reason->detail) == 0;
}

static void read_reason(const struct thread_whole *whole, const struct nsutil_wait_thread *files,
                        const struct nsutil_freezers *freezers, struct thread_reason *ret)
{
        *ret = (struct thread_reason){ .kind = THREAD_UNKNOWN, .begin_ns = clock_ns(CLOCK_MONOTONIC) };
        if (nsutil_wait_read(files, freezers, &ret->wait) != 0)
                return;
        if (ret->wait.kind == NSUTIL_WAIT_IO || ret->wait.kind == NSUTIL_WAIT_LOCK)
                read_detail(whole->py, files, ret);
        ret->kind = by_wait[ret->wait.kind];
        if (ret->wait.kind == NSUTIL_WAIT_FUTEX)
                judge_futex(whole->py, whole->ref, ret);
        ret->moved = ret->wait.kind == NSUTIL_WAIT_UNKNOWN && ret->wait.missing & NSUTIL_MISSING_STILL;
}

/* Whether the thread has not moved since. If it has, the reason is unknown. A thread that is RUNNING may move. */
static bool still_holds(const struct nsutil_wait_thread *files, struct thread_reason *reason)
{
        if (reason->kind == THREAD_RUNNING || reason->kind == THREAD_UNKNOWN)
                return !reason->moved;
        if (nsutil_wait_holds(files, &reason->wait))
                return true;
        reason->kind = THREAD_UNKNOWN;
        reason->moved = true;
        return false;
}

/* A thread that moves while it is read is looked at this often. */
#define LOOKS_MAX 3

int thread_reason_sample(const struct thread_whole *whole, const struct nsutil_freezers *freezers,
                         struct thread_reason *ret, struct pystack_stack *ret_stack)
{
        struct nsutil_wait_thread files;
        int e = nsutil_wait_open(whole->pid, whole->tid, &files) == 0 ? 0 : PYSTACK_E_GONE;

        if (e != 0)
                return e;
        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                read_reason(whole, &files, freezers, ret);
                e = sample_now(whole->py, whole->thread, whole->tid, ret_stack);
                if (e != 0 || still_holds(&files, ret))
                        break;
        }
        nsutil_wait_close(&files);
        return e;
}

/* Whether the thread is ready to run, and has not run since @reason was read. */
static bool has_not_run(const struct nsutil_wait_thread *thread, const struct thread_reason *reason)
{
        struct nsutil_wait now;

        return reason->wait.slices > 0 && nsutil_wait_read(thread, NULL, &now) == 0 && now.state == 'R' &&
               now.slices == reason->wait.slices && now.cpu_ns == reason->wait.cpu_ns;
}

static void await_tick(const struct thread_reason *reason)
{
        uint64_t age = clock_ns(CLOCK_MONOTONIC) - reason->begin_ns;
        struct timespec until = clock_after(CLOCK_MONOTONIC, age < TICK_NS ? TICK_NS - age : 0);

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

void thread_reason_complete(pid_t pid, pid_t tid, struct thread_reason *reason)
{
        struct nsutil_wait_thread thread;

        if (reason->kind != THREAD_RUNNING || nsutil_wait_open(pid, tid, &thread) != 0)
                return;
        if (has_not_run(&thread, reason)) {
                await_tick(reason);
                if (has_not_run(&thread, reason))
                        reason->kind = THREAD_CPU;
        }
        nsutil_wait_close(&thread);
}

/* ---- words --------------------------------------------------------------------------- */

static const char *explain_unknown(const struct thread_reason *reason)
{
        if (reason->moved)
                return "unknown: it moved";
        if (reason->lock_or_gil)
                return "waits: lock or GIL";
        return "unknown";
}

void thread_reason_words(const struct thread_reason *reason, char *ret, size_t size)
{
        char thing[REASON_SIZE] = "lock";

        if (reason->kind == THREAD_UNKNOWN) {
                snprintf(ret, size, "%s", explain_unknown(reason));
        } else if (kinds[reason->kind].text) {
                snprintf(ret, size, "%s", kinds[reason->kind].text);
        } else {
                if (reason->wait.kind != NSUTIL_WAIT_FUTEX)
                        reason_words(&reason->wait, reason->has_detail ? &reason->detail : NULL, thing, sizeof thing);
                snprintf(ret, size, "waits: %s%s", thing,
                         reason->wait.timeout == NSUTIL_TIMEOUT_SET ? ", with a timeout" : "");
        }
}

static const char *name_source(const struct thread_reason *reason)
{
        static const char *const sources[] = {
                [NSUTIL_FROM_NOTHING] = "",        [NSUTIL_FROM_STATE] = "state", [NSUTIL_FROM_CGROUP] = "cgroup",
                [NSUTIL_FROM_CHANNEL] = "channel", [NSUTIL_FROM_CALL] = "call",
        };

        return sources[reason->wait.source];
}

/* Writes the address of the peer. Without a peer, the socket's own address. False: there is none of the two. */
static bool write_address(const struct thread_reason *reason, char *ret, size_t size, unsigned *ret_port)
{
        const struct nsutil_wait_detail *detail = &reason->detail;
        const struct nsutil_wait_address *address = detail->peer.is_set ? &detail->peer : &detail->local;

        if (!reason->has_detail || (detail->family != AF_INET && detail->family != AF_INET6) || !address->is_set)
                return false;
        *ret_port = address->port;
        return inet_ntop(detail->family, address->bytes, ret, (socklen_t)size) != NULL;
}

struct json_object *thread_reason_json(const struct thread_reason *reason)
{
        struct json_object *json = json_map();
        char text[REASON_SIZE + 32], address[INET6_ADDRSTRLEN] = "", path[4 * NSUTIL_WAIT_PATH_SIZE] = "";
        unsigned port;

        thread_reason_words(reason, text, sizeof text);
        json_put_text(json, "kind", kinds[reason->kind].word);
        json_put_text(json, "text", text);
        json_put_text(json, "source", name_source(reason));
        if (reason->wait.timeout != NSUTIL_TIMEOUT_UNKNOWN)
                json_put_flag(json, "timeout", reason->wait.timeout == NSUTIL_TIMEOUT_SET);
        if (!reason->has_detail)
                return json;
        if (reason->detail.fd >= 0)
                json_put_number(json, "fd", reason->detail.fd);
        if (write_address(reason, address, sizeof address, &port)) {
                json_put_text(json, "address", address);
                json_put_number(json, "port", port);
        }
        pystack_escape(reason->detail.path, strlen(reason->detail.path), path, sizeof path);
        if (*path)
                json_put_name(json, "path", path);
        return json;
}
