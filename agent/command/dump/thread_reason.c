/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread in state R runs, or waits for a CPU. The kernel brings the time of a running thread up to date with each of
 * its ticks, which are 10 ms apart at most. So if the time of a thread has not grown after 10 ms, the thread waits.
 */
#include "thread_reason.h"

#include "code.h"

#include "agent/base/base.h"
#include "agent/command/cli/json.h"
#include "agent/sample/sample.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Longer than the 10 ms between two ticks. */
#define TICK_NS 12000000u

/* ---- reading ------------------------------------------------------------------------- */

/* The stack of a thread that waits, and the names of the frame that was asked for last. */
struct named_stack {
        const struct pystack_stack *stack;
        struct pystack_text text;
};

static struct reason_frame name_frame(void *ctx, size_t i)
{
        struct named_stack *named = ctx;

        pystack_text(named->stack->frames[i].code, &named->text);
        return (struct reason_frame){ named->text.name, named->text.file };
}

static void look_at_stack(struct thread_reason *reason, const struct pystack_stack *stack)
{
        struct named_stack *named = malloc(sizeof *named);

        if (!named)
                return;
        named->stack = stack;
        reason->place = reason_place_of(&reason->is, &(struct reason_stack){ stack->n, name_frame, named });
        free(named);
}

/* A thread that moves while it is read is looked at this often. */
#define LOOKS_MAX 3

int thread_reason_sample(const struct thread_whole *whole, const struct nsutil_freezers *freezers,
                         struct thread_reason *ret, struct pystack_stack *ret_stack)
{
        struct nsutil_wait_thread files;
        struct code_ask ask;
        int e = nsutil_wait_open(whole->pid, whole->tid, &files) == 0 ? 0 : PYSTACK_E_GONE;

        if (e != 0)
                return e;
        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                *ret = (struct thread_reason){ .begin_ns = clock_ns(CLOCK_MONOTONIC) };
                reason_read(whole->py, whole->thread, &files, freezers, &ret->is);
                if (whole->native)
                        code_ask(&ask, whole->thread, &files, &ret->is.wait);
                e = sample_now(whole->py, whole->thread, whole->tid, ret_stack);
                if (e != 0 || reason_still_holds(&files, &ret->is))
                        break;
        }
        nsutil_wait_close(&files);
        if (e == 0)
                look_at_stack(ret, ret_stack);
        return e;
}

/* Whether the thread is ready to run, and has not run since @reason was read. */
static bool has_not_run(const struct nsutil_wait_thread *thread, const struct thread_reason *reason)
{
        struct nsutil_wait now;

        return reason->is.wait.slices > 0 && nsutil_wait_read(thread, NULL, &now) == 0 && now.state == 'R' &&
               now.slices == reason->is.wait.slices && now.cpu_ns == reason->is.wait.cpu_ns;
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

        if (reason->is.kind != REASON_RUNNING || nsutil_wait_open(pid, tid, &thread) != 0)
                return;
        if (has_not_run(&thread, reason)) {
                await_tick(reason);
                if (has_not_run(&thread, reason))
                        reason->is.kind = REASON_CPU;
        }
        nsutil_wait_close(&thread);
}

/* ---- words --------------------------------------------------------------------------- */

/* Reasons that the thread's state says already. */
static bool is_said_by_state(enum reason_kind kind)
{
        return kind == REASON_RUNNING || kind == REASON_THROTTLED || kind == REASON_STOPPED || kind == REASON_FROZEN;
}

/* A futex this near to the thread's stack pointer is on the thread's stack. */
#define OWN_STACK ((uint64_t)1 << 20)

/*
 * The address at which the threads wait that want the same lock; 0: it does not tell the lock. With 3.13.5 and
 * later each thread waits at a word of its own stack (Python/parking_lot.c), with 3.13.0 not yet.
 */
static uint64_t read_lock_address(const struct thread_reason *reason)
{
        const struct nsutil_wait *wait = &reason->is.wait;
        bool is_own = wait->futex > wait->stack && wait->futex - wait->stack < OWN_STACK;

        return reason->is.kind == REASON_LOCK && !reason->place.lock && wait->stack && !is_own ? wait->futex : 0;
}

static const char *add_to_reason(const struct thread_reason *reason)
{
        bool may_end = reason->is.kind == REASON_IO || reason->is.kind == REASON_LOCK;

        if (reason->is.moved)
                return ": it moved";
        return may_end && reason->is.wait.timeout == NSUTIL_TIMEOUT_SET ? ", with a timeout" : "";
}

void thread_reason_words(const struct thread_reason *reason, char *ret, size_t size)
{
        char text[REASON_SIZE] = "", at[32] = "";
        uint64_t lock = read_lock_address(reason);

        if (lock)
                snprintf(at, sizeof at, " at 0x%" PRIx64, lock);
        if (!is_said_by_state(reason->is.kind))
                reason_text(&reason->is, &reason->place, REASON_ALL, text, sizeof text);
        snprintf(ret, size, "%s%s%s", text, at, add_to_reason(reason));
}

static const char *name_source(const struct thread_reason *reason)
{
        static const char *const sources[] = {
                [NSUTIL_FROM_NOTHING] = "",        [NSUTIL_FROM_STATE] = "state", [NSUTIL_FROM_CGROUP] = "cgroup",
                [NSUTIL_FROM_CHANNEL] = "channel", [NSUTIL_FROM_CALL] = "call",
        };

        return sources[reason->is.wait.source];
}

/* Writes the address of the peer. Without a peer, the socket's own address. False: there is none of the two. */
static bool write_address(const struct thread_reason *reason, char *ret, size_t size, unsigned *ret_port)
{
        const struct nsutil_wait_detail *detail = &reason->is.detail;
        const struct nsutil_wait_address *address = detail->peer.is_set ? &detail->peer : &detail->local;

        if (!reason->is.has_detail || (detail->family != AF_INET && detail->family != AF_INET6) || !address->is_set)
                return false;
        *ret_port = address->port;
        return inet_ntop(detail->family, address->bytes, ret, (socklen_t)size) != NULL;
}

struct json_object *thread_reason_json(const struct thread_reason *reason)
{
        struct json_object *json = json_map();
        char text[REASON_SIZE + 32], address[INET6_ADDRSTRLEN] = "", path[4 * NSUTIL_WAIT_PATH_SIZE] = "";
        char lock[32];
        unsigned port;

        thread_reason_words(reason, text, sizeof text);
        json_put_text(json, "kind", reason_word(reason->is.kind));
        json_put_text(json, "text", text);
        json_put_text(json, "source", name_source(reason));
        json_put_flag(json, "for_work", reason->place.for_work);
        if (read_lock_address(reason)) {
                snprintf(lock, sizeof lock, "0x%" PRIx64, read_lock_address(reason));
                json_put_text(json, "lock", lock);
        }
        if (reason->is.wait.timeout != NSUTIL_TIMEOUT_UNKNOWN)
                json_put_flag(json, "timeout", reason->is.wait.timeout == NSUTIL_TIMEOUT_SET);
        if (!reason->is.has_detail)
                return json;
        if (reason->is.detail.fd >= 0)
                json_put_number(json, "fd", reason->is.detail.fd);
        if (write_address(reason, address, sizeof address, &port)) {
                json_put_text(json, "address", address);
                json_put_number(json, "port", port);
        }
        pystack_escape(reason->is.detail.path, strlen(reason->is.detail.path), path, sizeof path);
        if (*path)
                json_put_name(json, "path", path);
        return json;
}
