/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the kernel says of a thread to what it waits for. The state comes first, then what holds a thread up
 * outside of any system call, then the call. A call's word is taken only if state and wchan allow it: a frozen thread
 * still shows the call that it was in, and so does one for which a supervisor of seccomp decides.
 */
#include "nsutil/internal.h"
#include "nsutil/wait/parts.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>

/* Programs of 32 bits have all of their memory below, and their own numbers of calls. */
#define END_OF_32_BITS ((uint64_t)1 << 32)

int nsutil_call_parse(const char *text, size_t len, struct nsutil_call *ret)
{
        struct nsutil_text rest = { text, text + len };
        struct nsutil_call call = { .number = -1 };
        uint64_t number, *const fields[] = { &call.args[0], &call.args[1], &call.args[2], &call.args[3],
                                             &call.args[4], &call.args[5], &call.stack,   &call.pc };

        nsutil_text_suffix(&rest, "\n");
        if (nsutil_text_is(rest, "running")) {
                call.running = true;
                *ret = call;
                return 0;
        }
        bool in_none = nsutil_text_prefix(&rest, "-1");
        if (!in_none && (!nsutil_text_u64(&rest, 10, &number) || number > INT32_MAX))
                return NSUTIL_E_MALFORMED;
        if (!in_none)
                call.number = (int)number;
        for (size_t i = in_none ? 6 : 0; i < sizeof(fields) / sizeof(*fields); i++)
                if (!nsutil_text_prefix(&rest, " 0x") || !nsutil_text_u64(&rest, 16, fields[i]))
                        return NSUTIL_E_MALFORMED;
        if (rest.at != rest.end)
                return NSUTIL_E_MALFORMED;
        *ret = call;
        return 0;
}

static bool decide_kind(struct nsutil_wait *wait, enum nsutil_wait_kind kind, enum nsutil_wait_source source)
{
        wait->kind = kind;
        wait->source = kind == NSUTIL_WAIT_UNKNOWN ? NSUTIL_FROM_NOTHING : source;
        return true;
}

static bool give_up(struct nsutil_wait *wait, enum nsutil_wait_missing missing)
{
        wait->missing |= missing;
        return decide_kind(wait, NSUTIL_WAIT_UNKNOWN, NSUTIL_FROM_NOTHING);
}

/* ---- before the call ------------------------------------------------------------------------- */

/* True if the state says it all. */
static bool judge_state(const struct nsutil_wait_facts *facts, struct nsutil_wait *ret)
{
        switch (facts->state) {
        case 'R':
                return decide_kind(ret, NSUTIL_WAIT_RUNNABLE, NSUTIL_FROM_STATE);
        case 'T':
        case 't':
                return decide_kind(ret, NSUTIL_WAIT_STOPPED, NSUTIL_FROM_STATE);
        case 'S':
        case 'D':
                return facts->frozen && decide_kind(ret, NSUTIL_WAIT_FROZEN, NSUTIL_FROM_CGROUP);
        default:
                return give_up(ret, NSUTIL_MISSING_MEANING);
        }
}

/* True if it is held up before or behind every call, or in none. */
static bool judge_outside(const struct nsutil_wait_facts *facts, const struct wait_channel *channel,
                          struct nsutil_wait *ret)
{
        const struct nsutil_call *call = facts->call;

        if (channel && channel->role == CHANNEL_BEFORE) {
                /* In state D it may be another wait on the way out: there the cgroup has to say it. */
                bool sure = channel->kind && (channel->kind != NSUTIL_WAIT_FROZEN || facts->state == 'S');

                return sure ? decide_kind(ret, channel->kind, NSUTIL_FROM_CHANNEL)
                            : give_up(ret, NSUTIL_MISSING_MEANING);
        }
        /* Since Linux 6.1 a freezer of cgroup v1 leaves a thread where it sleeps, in state D. */
        if (facts->state == 'D' && !facts->frozen_known)
                return give_up(ret, NSUTIL_MISSING_FREEZER);
        if (!call)
                return false;
        if (call->running)
                return give_up(ret, NSUTIL_MISSING_STILL);
        if (call->stack < END_OF_32_BITS && call->pc < END_OF_32_BITS)
                return give_up(ret, NSUTIL_MISSING_NATIVE);
        if (call->number >= 0)
                return false;
        return channel && channel->role == CHANNEL_MEMORY && facts->state == 'D'
                       ? decide_kind(ret, NSUTIL_WAIT_PAGE, NSUTIL_FROM_CHANNEL)
                       : give_up(ret, NSUTIL_MISSING_MEANING);
}

/* Without the call: only where wchan is of one kind, whatever the arguments. */
static void judge_channel(const struct nsutil_wait_facts *facts, const struct wait_channel *channel,
                          struct nsutil_wait *ret)
{
        bool fits = channel && facts->state == (channel->role == CHANNEL_VFORK ? 'D' : 'S');

        ret->missing |= NSUTIL_MISSING_CALL;
        if (fits && channel->kind)
                decide_kind(ret, channel->kind, NSUTIL_FROM_CHANNEL);
        else
                give_up(ret, channel ? NSUTIL_MISSING_MEANING : 0);
}

/* ---- the call -------------------------------------------------------------------------------- */

static enum nsutil_wait_timeout judge_timeout(const struct wait_call *call, const uint64_t args[static 6])
{
        uint64_t value = args[call->timeout_arg];
        bool is_set = call->timeout == TIMEOUT_ALWAYS || (call->timeout == TIMEOUT_POINTER && value) ||
                      (call->timeout == TIMEOUT_MS && (int32_t)value >= 0);

        return is_set ? NSUTIL_TIMEOUT_SET : NSUTIL_TIMEOUT_NONE;
}

/* For what comes to pass when no descriptor is watched. */
static bool judge_idle(struct nsutil_wait *ret)
{
        return decide_kind(ret, ret->timeout == NSUTIL_TIMEOUT_SET ? NSUTIL_WAIT_SLEEP : NSUTIL_WAIT_SIGNAL,
                           NSUTIL_FROM_CALL);
}

static bool judge_futex(struct nsutil_wait *ret)
{
        static const int waiting[] = { FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI,
                                       13 /* FUTEX_LOCK_PI2, Linux 5.14 */, FUTEX_WAIT_REQUEUE_PI };

        for (size_t i = 0; i < sizeof(waiting) / sizeof(*waiting); i++)
                if (((int)ret->args[1] & FUTEX_CMD_MASK) == waiting[i]) {
                        ret->futex = ret->args[0];
                        ret->futex_op = (int)ret->args[1];
                        return decide_kind(ret, NSUTIL_WAIT_FUTEX, NSUTIL_FROM_CALL);
                }
        return give_up(ret, NSUTIL_MISSING_MEANING);
}

static bool judge_futex_wait(struct nsutil_wait *ret)
{
        ret->futex = ret->args[0];
        return decide_kind(ret, NSUTIL_WAIT_FUTEX, NSUTIL_FROM_CALL);
}

static bool judge_fcntl(struct nsutil_wait *ret)
{
        bool locks = ret->args[1] == F_SETLKW || ret->args[1] == F_OFD_SETLKW;

        return locks ? decide_kind(ret, NSUTIL_WAIT_LOCK, NSUTIL_FROM_CALL) : give_up(ret, NSUTIL_MISSING_MEANING);
}

static bool judge_flock(struct nsutil_wait *ret)
{
        return ret->args[1] & LOCK_NB ? give_up(ret, NSUTIL_MISSING_MEANING)
                                      : decide_kind(ret, NSUTIL_WAIT_LOCK, NSUTIL_FROM_CALL);
}

static bool judge_poll(struct nsutil_wait *ret)
{
        return (uint32_t)ret->args[1] == 0 ? judge_idle(ret) : decide_kind(ret, NSUTIL_WAIT_IO, NSUTIL_FROM_CALL);
}

static bool judge_select(struct nsutil_wait *ret)
{
        bool is_idle = (int32_t)ret->args[0] == 0 || !(ret->args[1] || ret->args[2] || ret->args[3]);

        return is_idle ? judge_idle(ret) : decide_kind(ret, NSUTIL_WAIT_IO, NSUTIL_FROM_CALL);
}

static bool judge_clone(struct nsutil_wait *ret)
{
        return ret->args[0] & CLONE_VFORK ? decide_kind(ret, NSUTIL_WAIT_CHILD, NSUTIL_FROM_CALL)
                                          : give_up(ret, NSUTIL_MISSING_MEANING);
}

/* Calls of which the arguments say whether, and for what, they wait. */
static const struct {
        const char *name;
        bool (*judge)(struct nsutil_wait *ret);
} by_arguments[] = {
        { "futex", judge_futex },   { "futex_wait", judge_futex_wait },
        { "fcntl", judge_fcntl },   { "flock", judge_flock },
        { "poll", judge_poll },     { "ppoll", judge_poll },
        { "select", judge_select }, { "pselect6", judge_select },
        { "clone", judge_clone },
};

static void judge_arguments(const struct wait_call *call, struct nsutil_wait *ret)
{
        ret->act = call->act;
        ret->fd = call->fd >= 0 ? (int)ret->args[call->fd] : -1;
        ret->timeout = judge_timeout(call, ret->args);
        for (size_t i = 0; i < sizeof(by_arguments) / sizeof(*by_arguments); i++)
                if (strcmp(call->name, by_arguments[i].name) == 0) {
                        by_arguments[i].judge(ret);
                        return;
                }
        decide_kind(ret, call->kind, NSUTIL_FROM_CALL);
}

/* Whether a thread that waits so may be in state D: for a disk, and for a child after vfork. */
static bool may_be_deaf(const struct wait_call *call)
{
        return call->act == NSUTIL_ACT_READ || call->act == NSUTIL_ACT_WRITE || call->act == NSUTIL_ACT_SYNC ||
               call->act == NSUTIL_ACT_FILE || strcmp(call->name, "vfork") == 0 || strncmp(call->name, "clone", 5) == 0;
}

/* Whether wchan is of another call, or of another state. */
static bool contradicts_call(const struct nsutil_wait_facts *facts, const struct wait_call *call,
                             const struct wait_channel *channel, const struct nsutil_wait *wait)
{
        if (facts->state == 'D' && !may_be_deaf(call))
                return true;
        if (!channel)
                return false;
        if (channel->role == CHANNEL_OF_CALL && facts->state == 'D')
                return true;
        return channel->kind && channel->kind != wait->kind;
}

static void judge_call(const struct nsutil_wait_facts *facts, const struct wait_channel *channel,
                       struct nsutil_wait *ret)
{
        const struct wait_call *call = nsutil_wait_call_find(facts->machine, facts->call->number);

        ret->call = facts->call->number;
        memcpy(ret->args, facts->call->args, sizeof(ret->args));
        ret->stack = facts->call->stack;
        ret->pc = facts->call->pc;
        /* The arguments are still those of the call that it continues; its number is not. */
        if (call && call->kind == NSUTIL_WAIT_UNKNOWN)
                call = channel && channel->restarts
                               ? nsutil_wait_call_find(facts->machine,
                                                       nsutil_call_number(facts->machine, channel->restarts))
                               : NULL;
        if (!call) {
                give_up(ret, NSUTIL_MISSING_MEANING);
                return;
        }
        judge_arguments(call, ret);
        /* The flags of this one stand in memory. */
        if (strcmp(call->name, "clone3") == 0 && !(channel && channel->role == CHANNEL_VFORK))
                give_up(ret, NSUTIL_MISSING_MEANING);
        if (ret->kind && contradicts_call(facts, call, channel, ret))
                give_up(ret, NSUTIL_MISSING_UNITY);
}

void nsutil_wait_judge(const struct nsutil_wait_facts *facts, struct nsutil_wait *ret)
{
        const struct wait_channel *channel = nsutil_wait_channel_find(facts->channel);
        struct nsutil_wait wait = { .state = facts->state, .call = -1, .fd = -1, .futex_op = -1 };

        if (!*facts->channel && facts->state != 'R')
                wait.missing |= NSUTIL_MISSING_CHANNEL;
        if (channel)
                wait.thing = channel->thing;
        if (!judge_state(facts, &wait) && !judge_outside(facts, channel, &wait)) {
                if (facts->call)
                        judge_call(facts, channel, &wait);
                else
                        judge_channel(facts, channel, &wait);
        }
        if (wait.kind != NSUTIL_WAIT_IO && wait.kind != NSUTIL_WAIT_LOCK)
                wait.fd = -1;
        *ret = wait;
}
