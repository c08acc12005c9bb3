/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities. A table says which ones are kept. All others leave the permitted and the bounding set. No program is
 * ever executed after this. no_new_privs (Linux 3.5) makes sure that executing one would bring nothing back.
 */
#include "agent/confine/confine.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From Linux 5.8 and 5.9. libcap 2.66 knows them, older headers may not. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

struct need {
        const char *name;
        cap_value_t cap;
        cap_value_t instead;            /* it serves as well if @cap is missing, or does not serve; -1: none does */
        const char *loss;               /* what is lost without it; NULL: the command reports it in its own way */
        bool (*falls_short)(cap_t had); /* whether this kernel is content with @instead alone; NULL: it never is */
};

static bool has_capability(cap_t caps, cap_value_t cap)
{
        cap_flag_value_t value;

        return cap >= 0 && cap_get_flag(caps, cap, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

/*
 * Whether perf events can be had with the capabilities @caps in effect: asked for one that counts nothing, of this very
 * thread. What the kernel refuses to everybody is refused here, too.
 */
static bool can_open_event(cap_t caps)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_DUMMY, .disabled = 1
        };
        int fd = cap_set_proc(caps) < 0 ? -1
                                        : (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

        if (fd < 0)
                return false;
        close(fd);
        return true;
}

/*
 * Debian's and Ubuntu's kernels ask for CAP_SYS_ADMIN, and do not count CAP_PERFMON, while kernel.perf_event_paranoid is
 * above 2: see nsutil_perf_wants_admin(). Newer ones may do otherwise, so it is tried.
 */
static bool perfmon_falls_short(cap_t had)
{
        cap_value_t admin = CAP_SYS_ADMIN;
        cap_t without = has_capability(had, admin) ? cap_dup(had) : NULL;
        bool more = without && cap_set_flag(without, CAP_EFFECTIVE, 1, &admin, CAP_CLEAR) == 0 &&
                    !can_open_event(without) && can_open_event(had);

        cap_set_proc(had);
        cap_free(without);
        return more;
}

static const struct need agent_needs[] = {
        { "CAP_SYS_PTRACE", CAP_SYS_PTRACE, -1, "the memory of other users' processes cannot be read", NULL },
        { "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, -1,
          "other users' environments and closed folders cannot be read: services and containers may lack their names, "
          "Pythons in home folders may not be recognised",
          NULL },
        /* Docker 20.10, which Debian 12 has, does not know PERFMON. Before Linux 5.8 it did not exist. */
        { "CAP_PERFMON", CAP_PERFMON, CAP_SYS_ADMIN,
          "the kernel's clock events and its news of births are not to be had, unless kernel.perf_event_paranoid "
          "allows them: the timer tick and looking around serve instead",
          perfmon_falls_short },
        { "CAP_SYS_NICE", CAP_SYS_NICE, -1, "readers are not SCHED_FIFO: on a busy machine some ticks come late",
          NULL },
};

/*
 * Two more capabilities keep the commands' abilities. map_files, the only way to deleted files, needs
 * CAP_CHECKPOINT_RESTORE (Linux 5.9). Rings of events beyond perf_event_mlock_kb, which all podflames of root share,
 * need CAP_IPC_LOCK.
 */
static const struct need viewer_needs[] = {
        { "CAP_SYS_PTRACE", CAP_SYS_PTRACE, -1, NULL, NULL },
        { "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, -1, NULL, NULL },
        { "CAP_PERFMON", CAP_PERFMON, CAP_SYS_ADMIN, NULL, perfmon_falls_short },
        { "CAP_SYS_NICE", CAP_SYS_NICE, -1, NULL, NULL },
        { "CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE, -1, NULL, NULL },
        { "CAP_IPC_LOCK", CAP_IPC_LOCK, -1, NULL, NULL },
};

#define AGENT                                                                  \
        {                                                                      \
                agent_needs, sizeof(agent_needs) / sizeof(*agent_needs), false \
        }
#define VIEWER                                                                   \
        {                                                                        \
                viewer_needs, sizeof(viewer_needs) / sizeof(*viewer_needs), true \
        }

/*
 * Without CAP_SYS_PTRACE a process can read another one if it holds every capability that the other one holds
 * (__ptrace_may_access() asks cap_ptrace_access_check(), Linux 6.12). So root of a container without it can read its
 * neighbours and its own children only if it gives up nothing: @by_superset.
 */
static const struct {
        const struct need *needs;
        size_t n;
        bool by_superset;
} roles[] = {
        [CONFINE_AGENT] = AGENT,
        [CONFINE_AGENT_BLOCKING] = AGENT,
        [CONFINE_COLLECTOR] = { NULL, 0, false },
        [CONFINE_RECORDER] = VIEWER,
        [CONFINE_RECORDER_BLOCKING] = VIEWER,
        [CONFINE_VIEWER] = VIEWER,
        [CONFINE_CONVERTER] = { NULL, 0, false },
        [CONFINE_SOURCE_READER] = { NULL, 0, false },
};

static int keep_capability(cap_t caps, cap_value_t cap)
{
        if (cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET) < 0 ||
            cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET) < 0)
                return -errno;
        return 0;
}

/* Fills @kept with those capabilities of @had that are needed. */
static int choose_capabilities(cap_t had, cap_t kept, const struct need *needs, size_t n,
                               void (*missing)(void *, const char *, const char *), void *ctx)
{
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                const struct need *need = &needs[i];

                if (has_capability(had, need->cap) && !(need->falls_short && need->falls_short(had)))
                        r = keep_capability(kept, need->cap);
                else if (has_capability(had, need->instead))
                        r = keep_capability(kept, need->instead);
                else if (missing && need->loss)
                        missing(ctx, need->name, need->loss);
        }
        return r;
}

/* Empties the bounding set. That needs CAP_SETPCAP; without it the set stays, but no_new_privs makes it harmless. */
static void drop_bounds(cap_t kept)
{
        for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
                if (!has_capability(kept, cap))
                        cap_drop_bound(cap);
}

/* Gives up all but @kept. */
static int keep_only(cap_t kept)
{
        drop_bounds(kept);
        cap_reset_ambient(); /* before Linux 4.3 there is no ambient set */
        return cap_set_proc(kept) < 0 ? -errno : 0;
}

int confine_capabilities(enum confine_role role, void (*missing)(void *ctx, const char *name, const char *loss),
                         void *ctx)
{
        cap_t had = cap_get_proc(), kept = cap_init();
        int r = had && kept ? 0 : -ENOMEM;

        if (r == 0)
                r = choose_capabilities(had, kept, roles[role].needs, roles[role].n, missing, ctx);
        if (r == 0 && !(roles[role].by_superset && !has_capability(had, CAP_SYS_PTRACE)))
                r = keep_only(kept);
        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        cap_free(had);
        cap_free(kept);
        return r;
}
