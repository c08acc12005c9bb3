/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's processes. The profile of each process is taken, and merged into that of its group: a service and the
 * container that it is in, if any. Most containers have one service, but processes may claim to be of another service. Each mode has
 * its own profiles and groups: what is time of a CPU in one is time of a thread in the other.
 */
#include "fleet.h"

#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"
#include "agent/command/processes/describe.h"
#include "agent/command/processes/watched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The index of the first kinds is an error of pystack; 0: no error. */
static const struct fleet_kind kinds[] = {
        [0] = { "sampled", "", 0 },
        [PYSTACK_E_GONE] = { "unreadable", "gone", 0 },
        [PYSTACK_E_DENIED] = { "unreadable", "denied", 0 },
        [PYSTACK_E_NOT_PYTHON] = { "unreadable", "not_python", 0 },
        [PYSTACK_E_UNSUPPORTED] = { "unreadable", "unsupported", 0 },
        [PYSTACK_E_NOT_READY] = { "unreadable", "not_ready", 0 },
        [PYSTACK_E_TORN] = { "unreadable", "torn", 0 },
        [PYSTACK_E_CORRUPT] = { "unreadable", "corrupt", 0 },
        [PYSTACK_E_COSTLY] = { "unreadable", "costly", 0 },
        [PYSTACK_E_HANGS] = { "unreadable", "hangs", 0 },
        { "unreadable", "other", 0 },
        { "unselected", "rules", 0 },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

struct fleet_process {
        struct watched watched;  /* the first member: see fleet_process_of() */
        struct fleet_kind *kind; /* the kind that it is counted as */
        /* in each mode: the books of windows without a tick, which wait for a profile that is sent */
        struct profile_counters unsent[MODES_MAX];
};

/* NULL gives NULL. */
static struct fleet_process *fleet_process_of(struct watched *watched)
{
        return (struct fleet_process *)watched;
}

/* What was sampled in one mode. */
struct mode_part {
        enum profile_mode mode;
        struct profile_counters counters; /* see fleet_counters() */
        struct profile_set window;        /* the profiles of the present window, one for each group that has one */
};

struct fleet {
        struct watch_list list; /* of struct fleet_process */
        bool keep_threads;
        struct fleet_kind kinds[N_KINDS];
        struct mode_part parts[MODES_MAX];
        uint64_t disbelieved; /* see fleet_disbelieved() */
        /* number of unselected processes that the present scan has found, and the last of them */
        size_t unselected;
        struct find_process unselected_last;
};

struct fleet *fleet_new(const struct modes *modes)
{
        struct fleet *f = calloc(1, sizeof *f);

        if (f) {
                f->list.n_samplers = modes->n;
                memcpy(f->list.samplers, modes->samplers, sizeof modes->samplers);
                f->keep_threads = modes->configs[0].threads;
                for (size_t i = 0; i < modes->n; i++)
                        f->parts[i].mode = modes->configs[i].mode;
                memcpy(f->kinds, kinds, sizeof kinds);
        }
        return f;
}

void fleet_free(struct fleet *f)
{
        struct watched *w, *next;

        if (!f)
                return;
        HASH_ITER(hh, f->list.items, w, next) {
                watched_remove(&f->list, w);
                free(fleet_process_of(w));
        }
        for (size_t i = 0; i < MODES_MAX; i++)
                profile_set_deinit(&f->parts[i].window);
        free(f);
}

const struct fleet_kind *fleet_kinds(const struct fleet *f, size_t *ret_n)
{
        *ret_n = N_KINDS;
        return f->kinds;
}

uint64_t fleet_refused(const struct fleet *f)
{
        return f->kinds[0].n == 0 ? f->kinds[PYSTACK_E_DENIED].n : 0;
}

uint64_t fleet_disbelieved(const struct fleet *f)
{
        return f->disbelieved;
}

const struct profile_counters *fleet_counters(const struct fleet *f, size_t i)
{
        return &f->parts[i].counters;
}

/* ---- windows ------------------------------------------------------------------------ */

static bool has_attribute(const struct profile *profile, const char *key, const char *value)
{
        const char *has = profile_attribute(profile, key);

        return strcmp(has ? has : "", value) == 0;
}

static bool is_of_group(const struct profile *group, const struct find_process *p)
{
        return has_attribute(group, "container.id", p->container_id) &&
               has_attribute(group, "k8s.pod.uid", p->pod_uid) &&
               has_attribute(group, "k8s.container.name", p->k8s_container) &&
               has_attribute(group, "service.name", p->service);
}

static int get_or_add_group(struct profile_set *window, const struct find_process *p, struct profile **ret)
{
        for (size_t i = 0; i < window->n; i++)
                if (is_of_group(window->items[i], p)) {
                        *ret = window->items[i];
                        return 0;
                }
        struct profile *group = profile_new();
        int r = group ? describe_group(group, p) : -ENOMEM;
        if (r == 0)
                r = profile_set_add(window, group);
        if (r == 0)
                *ret = group;
        else
                profile_free(group);
        return r;
}

/*
 * Whether a profile is sent now. Hardly any process sleeps for a whole window. Profiles of processes that ran for a
 * moment between two ticks would be most of what is sent. The books of such a profile wait for a window with a tick.
 */
static bool is_worth_sending(const struct profile *profile, bool last)
{
        const struct profile_counters *c = profile_counters_of(profile);

        return c->ticks > 0 || (last && c->accounted_ns > 0) ||
               profile_coverage_is_low(c, profile_settings(profile)->period_ns);
}

static int merge_into_group(struct fleet *f, struct fleet_process *m, size_t i, const struct profile *profile)
{
        struct profile *group;
        int r = get_or_add_group(&f->parts[i].window, &m->watched.process, &group);

        return r == 0 ? profile_merge(group, profile, f->keep_threads) : r;
}

/* Adds who kept others waiting, if there is anybody. */
static int add_blame_to_window(struct fleet *f, struct fleet_process *m, size_t i, const struct profile *profile)
{
        struct profile *blame;
        int r = profile_blame(profile, f->keep_threads, &blame);

        if (r < 0)
                return r;
        if (profile_samples(blame) > 0)
                r = merge_into_group(f, m, i, blame);
        profile_free(blame);
        return r;
}

/* Adds a process's profile of mode @i to that of its group. @last: the process is no longer sampled. */
static int add_to_window(struct fleet *f, struct fleet_process *m, size_t i, struct profile *profile, bool last)
{
        struct profile_counters *counters = profile_counters(profile), *unsent = &m->unsent[i];

        profile_counters_add(&f->parts[i].counters, counters);
        if (f->parts[i].mode == PROFILE_MODE_BLAME)
                return add_blame_to_window(f, m, i, profile);
        profile_counters_add(counters, unsent);
        *unsent = (struct profile_counters){ 0 };
        if (!is_worth_sending(profile, last)) {
                *unsent = *counters;
                return 0;
        }
        return merge_into_group(f, m, i, profile);
}

/* The same for a profile of each mode; NULL: there is none. The profiles are consumed. */
static int add_all_to_window(struct fleet *f, struct fleet_process *m, struct profile *const profiles[], bool last)
{
        int r = 0;

        for (size_t i = 0; i < f->list.n_samplers; i++) {
                int e = profiles[i] ? add_to_window(f, m, i, profiles[i], last) : 0;
                if (r == 0)
                        r = e;
                profile_free(profiles[i]);
        }
        return r;
}

static struct fleet_kind *kind_of_process(struct fleet *f, const struct fleet_process *m)
{
        size_t status = (size_t)m->watched.process.status;

        if (!m->watched.process.selected)
                return &f->kinds[N_KINDS - 1];
        if (!watched_is_sampled(&m->watched) && (status == 0 || status > PYSTACK_E_HANGS))
                return &f->kinds[N_KINDS - 2];
        return &f->kinds[status];
}

/* Stops sampling a process whose memory does not answer. From now on it counts as one that could not be opened. */
static int stop_silent_process(struct fleet *f, struct fleet_process *m)
{
        struct profile *profiles[MODES_MAX];
        int r = watched_stop(&f->list, &m->watched, profiles), e = add_all_to_window(f, m, profiles, true);

        m->watched.process.status = PYSTACK_E_HANGS;
        m->kind->n--;
        m->kind = kind_of_process(f, m);
        m->kind->n++;
        return r < 0 ? r : e;
}

static int take_process(struct fleet *f, struct fleet_process *m)
{
        struct profile *profiles[MODES_MAX];

        if (!watched_is_sampled(&m->watched))
                return 0;
        watched_take(&f->list, &m->watched, profiles);
        int r = add_all_to_window(f, m, profiles, false);
        watched_say_exceptions(&f->list, &m->watched);
        return r >= 0 && m->watched.said.silence ? stop_silent_process(f, m) : r;
}

/* 0 or -ENOMEM. What @from still has then is the caller's to free. */
static int move_profiles(struct profile_set *from, struct profile_set *to)
{
        int r = 0;

        for (size_t i = 0; i < from->n && r >= 0; i++) {
                r = profile_set_add(to, from->items[i]);
                if (r >= 0)
                        from->items[i] = NULL;
        }
        return r;
}

int fleet_take(struct fleet *f, struct profile_set *ret)
{
        int r = 0;

        for (struct watched *w = f->list.items; w && r >= 0; w = w->hh.next)
                r = take_process(f, fleet_process_of(w));
        for (size_t i = 0; i < f->list.n_samplers; i++) {
                if (r >= 0)
                        r = move_profiles(&f->parts[i].window, ret);
                profile_set_deinit(&f->parts[i].window);
                f->parts[i].window = (struct profile_set){ 0 };
        }
        return r;
}

/* ---- events ------------------------------------------------------------------------- */

static void forget_process(struct fleet *f, struct fleet_process *m)
{
        struct profile *profiles[MODES_MAX] = { NULL };

        if (watched_is_sampled(&m->watched))
                watched_stop(&f->list, &m->watched, profiles);
        if (add_all_to_window(f, m, profiles, true) != 0)
                say("process %d: its last samples are lost: out of memory", m->watched.pid);
        m->kind->n--;
        f->disbelieved -= *m->watched.process.claimed_id != '\0';
        watched_remove(&f->list, &m->watched);
        free(m);
}

static void on_process_ended(void *ctx, pid_t pid, uint64_t start_time)
{
        struct fleet *f = ctx;
        struct fleet_process *m = fleet_process_of(watched_get(&f->list, pid));

        if (m && m->watched.process.start_time == start_time)
                forget_process(f, m);
}

/* Counts a process that is not selected. There may be many, so they are not printed one by one. */
static void note_unselected(struct fleet *f, const struct find_process *p)
{
        f->unselected++;
        f->unselected_last = *p;
}

void fleet_end_scan(struct fleet *f)
{
        const struct find_process *last = &f->unselected_last;

        if (f->unselected == 1)
                say("process %d: not selected: %s", last->pid, *last->rule ? last->rule : "no rule matches");
        else if (f->unselected > 1)
                say("%zu processes are not selected; `podflame ps` with the same rules tells which, and why",
                    f->unselected);
        f->unselected = 0;
}

static void announce_process(struct fleet *f, const struct find_process *p)
{
        char version[32], why[EXPLANATION_SIZE];
        const char *of = *p->container_id ? ", container " : "";
        const char *container = *p->container_name ? p->container_name : p->container_id;

        if (!p->selected) {
                note_unselected(f, p);
                return;
        }
        format_version(p->info.version, version, sizeof version);
        if (p->status == 0) {
                say("process %d: Python %s, %s%s%s", p->pid, version, p->service, of, container);
        } else {
                explain_not_profilable(p->pid, p->status, &p->info, why, sizeof why);
                say("process %d: not profilable: Python %s, %s%s%s: %s", p->pid, version, p->service, of, container,
                    why);
        }
}

/* Adds a process that find has reported. NULL: out of memory. */
static struct fleet_process *add_found_process(struct fleet *f, const struct find_process *p)
{
        struct fleet_process *m = calloc(1, sizeof *m);

        if (!m)
                return NULL;
        m->watched.process = *p;
        if (watched_insert(&f->list, &m->watched) == 0)
                return m;
        free(m);
        return NULL;
}

static void announce_impostor(const struct find_process *p)
{
        if (*p->claimed_id)
                say("process %d: is not in container %.12s, whose name its cgroup has: that container is in another "
                    "cgroup",
                    p->pid, p->claimed_id);
}

static void on_process_found(void *ctx, const struct find_process *p, struct pystack *py)
{
        struct fleet *f = ctx;
        struct fleet_process *m = fleet_process_of(watched_get(&f->list, p->pid));

        if (m)
                forget_process(f, m);
        m = add_found_process(f, p);
        if (!m) {
                say("process %d is not sampled: out of memory", p->pid);
                pystack_close(py);
                return;
        }
        if (py)
                watched_sample(&f->list, &m->watched, py); /* if this fails, the process counts as unreadable */
        m->kind = kind_of_process(f, m);
        m->kind->n++;
        f->disbelieved += *p->claimed_id != '\0';
        announce_process(f, p);
        announce_impostor(p);
        watched_say_exceptions(&f->list, &m->watched);
}

struct find_events fleet_events(struct fleet *f)
{
        return (struct find_events){ .ctx = f, .born = on_process_found, .ended = on_process_ended };
}
