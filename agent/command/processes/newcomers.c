/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows descendants and newcomers. find reports every birth on the machine, and every Python process. Processes of
 * the family, or of the container or pod, are followed. A process that ends before it is looked at is missed. If the
 * kernel reports births, it is looked at some 5 ms after its birth or after its interpreter has started; otherwise up
 * to 100 ms after.
 */
#include "follow_internal.h"

#include "agent/base/base.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"

#include <string.h>

/*
 * If the kernel does not report births, scans take 1 % of the time. The pause between two scans is 10 to 100 ms, so
 * scans of more than 1 ms take a larger part.
 */
#define SCAN_COST_FACTOR 100
#define SCAN_MIN_NS 10000000u
#define SCAN_MAX_NS 100000000u

/* Whether a process is of the family, or of the container or pod. Named processes are looked at by named.c. */
static bool is_wanted_newcomer(void *ctx, pid_t pid, uint64_t start_time)
{
        struct follow *f = ctx;
        const char *container = f->config.container_id;
        struct find_process process;

        if (follow_get(f, pid))
                return false;
        if (family_has(f->family, pid, start_time))
                return true;
        if ((!container && !f->config.pod) || find_identify(f->config.find, pid, &process) != 0)
                return false;
        return (container && *container && strcmp(process.container_id, container) == 0) ||
               (f->config.pod && find_is_in_pod(&process, f->config.pod));
}

static void on_birth(void *ctx, const struct find_birth *birth)
{
        struct follow *f = ctx;
        struct find_birth ours = *birth;

        if (birth->pid == f->config.starter)
                return;
        ours.parent = follow_parent(f, birth->parent);
        int e = family_hear(f->family, &ours);

        if (birth->at == 0 && kinship_has(f->kinship, ours.parent))
                kinship_meet(f->kinship, birth->pid, ours.parent);
        f->error = f->error ? f->error : e;
}

static void note_unreadable(struct follow *f, const struct find_process *process)
{
        struct missed missed = { .pid = process->pid, .start_time = process->start_time };

        explain_not_profilable(process->pid, process->status, &process->info, missed.why, sizeof missed.why);
        strcpy(missed.program, process->cmdline);
        missed_add(&f->missed, &missed);
}

static void on_newcomer_found(void *ctx, const struct find_process *process, struct pystack *py)
{
        const struct followed how = { 0 };
        struct follow *f = ctx;
        struct followed *item = follow_get(f, process->pid);

        if (item) {
                item->adopted = false;
                pystack_close(py);
                return;
        }
        if (!py) {
                note_unreadable(f, process);
                return;
        }
        int e = follow_begin(f, process, &how, 0, &item);
        if (item)
                e = follow_sample(f, item, py);
        else
                pystack_close(py);
        if (e != 0)
                say("process %d cannot be followed: %s", process->pid, nsutil_strerror(e));
}

static void on_newcomer_ended(void *ctx, pid_t pid, uint64_t start_time)
{
        struct follow *f = ctx;
        struct followed *item = follow_get(f, pid);

        if (item && !item->named && item->watched.process.start_time == start_time) {
                int e = follow_end(f, item);
                f->error = f->error ? f->error : e;
        }
}

int newcomers_scan(struct follow *f)
{
        struct find_events events = { .ctx = f,
                                      .born = on_newcomer_found,
                                      .ended = on_newcomer_ended,
                                      .appeared = on_birth,
                                      .wanted = is_wanted_newcomer };
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);

        if (!f->config.subprocesses || (!find_follows(f->config.find) && begin < f->scan_ns))
                return 0;
        f->error = 0;
        int e = find_scan(f->config.find, &events);
        family_settle(f->family);
        kinship_complete(f->kinship);
        uint64_t end = clock_ns(CLOCK_MONOTONIC), pause = (end - begin) * SCAN_COST_FACTOR;
        f->scan_ns = end + (pause < SCAN_MIN_NS ? SCAN_MIN_NS : pause > SCAN_MAX_NS ? SCAN_MAX_NS : pause);
        return e < 0 ? e : f->error < 0 ? f->error : 0;
}

int newcomers_delay_ms(const struct follow *f)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        if (!f->config.subprocesses)
                return -1;
        if (find_follows(f->config.find))
                return find_timeout_ms(f->config.find);
        return f->scan_ns > now ? (int)((f->scan_ns - now) / 1000000u) + 1 : 0;
}
