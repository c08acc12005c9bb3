/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_INTERNAL_H
#define SAMPLE_INTERNAL_H

/* What the files of sample/ share: the sampler, its targets, its ticks. */

#include "account.h"
#include "decode.h"
#include "memory.h"
#include "sample.h"
#include "stacks.h"
#include "watchdog.h"

#include "agent/base/base.h"
#include "nsutil/nsutil.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

/* What the timer tick knows of a thread's doings. */
struct member_clock {
        int fd;          /* of nsutil_times_open(), -1: none */
        int stat_fd;     /* of nsutil_stat_open(), -1: none; only of threads that run */
        int last_ran_fd; /* of nsutil_last_ran_open(), -1: none; only of threads that run */
        struct nsutil_times times;
        uint64_t moved_ns;       /* mode cpu: when @times were last seen to have changed, CLOCK_MONOTONIC */
        bool active;             /* mode wall: the last tick found it ready to run */
        uint64_t still_since_ns; /* when @times were first seen as they are, CLOCK_MONOTONIC */
        profile_id stack;        /* the stack found since then, 0: none */
};

/* A thread of a target, by its TID in our namespace. */
struct member {
        pid_t tid;
        struct pystack_thread *thread; /* NULL: no Python thread, or not yet */
        profile_id id;                 /* in the target's present profile; 0: not yet there */
        char name[16];
        uint64_t since_ns;          /* thread NULL: since when, as far as is known (CLOCK_MONOTONIC) */
        uint64_t retry_ns;          /* thread NULL: when to look again (CLOCK_MONOTONIC) */
        bool looked_now;            /* thread NULL: it was looked at for this very tick */
        bool native_now;            /* and it surely runs no Python */
        uint64_t unsure, unsure_ns; /* ticks since that look, and what they stand for: the next look decides on them */
        profile_id native;          /* its stack while it runs no Python, in the present profile; 0: not yet there */
        uint64_t listed_ns;         /* when it was last found in the process's list */
        struct member_clock clock;  /* timer tick */
        UT_hash_handle hh;
};

/* What is known of the CPU quotas that a process is under. */
struct throttle {
        struct nsutil_quota quota;
        uint64_t open_at_ns; /* when to look anew which cgroups have one */
        uint64_t count;      /* of nsutil_quota_throttles() */
        uint64_t until_ns;   /* so long the process is taken for kept from running where it does not run */
};

/* A stack of a profile that is not counted yet. */
struct pending {
        profile_id stack, thread;
        enum profile_state state;
        uint64_t count; /* samples */
        uint64_t ns;    /* that they stand for */
        bool retried;
};

/* How much of itself a process lets be read: see restraint.c. */
struct restraint {
        unsigned costly;   /* samples in a row that took too long */
        uint64_t rest_ns;  /* that the last one was followed by */
        uint64_t until_ns; /* CLOCK_MONOTONIC: it is not read before; 0: it may be */
};

/* A process being sampled. */
struct target {
        pid_t pid;
        uint64_t start_time;       /* of nsutil_stat; 0: not known */
        uint64_t start_stack;      /* of nsutil_stat: the same in copies, new in another program; 0: not known */
        _Atomic unsigned users;    /* the table, and those that read it: the last one frees it */
        _Atomic bool silent;       /* its memory does not answer: whoever has the lock keeps it */
        _Atomic bool restrained;   /* it has been, at some time: see restraint.c */
        _Atomic pid_t held_by;     /* the thread that has the lock; 0: none */
        _Atomic uint64_t held_ns;  /* since when (CLOCK_MONOTONIC) */
        struct nsutil_pulse pulse; /* the watchdog's: of the thread that has had the lock since @pulse_of */
        uint64_t pulse_of;
        uint64_t lost_cpu_ns, lost_mono_ns; /* of a silent one: until when its time was told as lost; 0: not yet */
        pthread_mutex_t lock;               /* guards all below */
        struct pystack *py;
        struct member *members;
        struct profile *profile;
        struct stacks stacks; /* which stack of the profile a raw one is */
        struct decoder *decoder;
        bool asked;        /* it is among those that have asked the decoder */
        uint64_t since_ns; /* CLOCK_REALTIME at which the profile began */
        uint64_t since_mono_ns;
        uint64_t list_at_ns;     /* timer tick: when the members are to be listed again */
        struct pending *pending; /* stacks that wait to be proved */
        size_t n_pending;
        uint64_t pending_ns; /* what they stand for */
        uint64_t counted_ns; /* what all counted samples stand for, since the target was added */
        struct restraint restraint;
        struct memory memory;
        struct account account;
        uint64_t opened_cpu_ns;    /* of account_read() when it was opened */
        uint64_t ticked_ns;        /* what all ticks that met it stand for, late ones included */
        int64_t correction;        /* ticks that it has met too rarely (or, negative, too often): balance_steer() */
        int64_t owed_ns;           /* timer tick, in modes that count elapsed time: what no sample stands for yet */
        uint64_t samples;          /* likewise: as which this tick counts */
        uint64_t seen_cpu_ns;      /* timer tick: its account at the last look */
        _Atomic uint64_t moved_ns; /* and when that had changed (CLOCK_MONOTONIC); read without the lock */
        struct throttle throttle;  /* timer tick, mode wall */
        pid_t newest;              /* timer tick: of nsutil_newest_read(), when the members were listed */
        unsigned uncorrected;      /* ticks since one was corrected */
        struct own_event *events;  /* perf tick: events of its own */
        size_t n_events;
        struct target *next_asked; /* guarded by decoder->list */
        struct decoding decoding;  /* guarded by decoder->turn */
        UT_hash_handle hh;
};

struct jitter;
struct tick_event;

/* An engine: says when and whom. */
struct tick {
        const char *name;
        enum sample_engine engine;
        /* Starts its threads: 0, -errno, or SAMPLE_E_ENGINE with the reason. */
        int (*start)(struct sampler *sampler, void **ret, char *reason, size_t reason_size);
        void (*stop)(void *state);
        /* The thread @tid hangs at a target: if it is one of the engine's, another one takes its place. */
        void (*relieve)(void *state, pid_t tid);
        /* Looks after the readers, see sampler_check(). */
        void (*check)(void *state, struct sampler_health *ret);
        /* The sampler's period has changed. NULL: it is looked up for every tick. */
        void (*set_period)(void *state);
        /* Prepares for @target, which is in nobody's hands yet. NULL: nothing to prepare. */
        int (*add)(void *state, struct target *target);
};

extern const struct tick tick_perf;
extern const struct tick tick_timer;
extern const struct tick tick_blocking;

/*
 * A process that was removed while it lived: it may come back as another program. What
 * it has used meanwhile is then known. The oldest is forgotten for the newest.
 */
#define DEPARTED_MAX 64
struct departed {
        pid_t pid;
        uint64_t start_time, cpu_ns;
};

/* PIDs that are no copies of targets, for some ticks: most of a machine's processes are none. */
#define STRANGERS 256

/* Those that were added without the caller's doing. */
struct adoptions {
        pthread_mutex_t lock;
        struct sample_target *items;
        size_t n, cap;
        _Atomic uint64_t strangers[STRANGERS]; /* a PID, and above it the time until which it is one, in ms */
};

struct sampler {
        struct sample_config config;
        struct adoptions adoptions;
        struct memory_pool memory;
        struct decoder decoder;
        _Atomic uint64_t period_ns;
        _Atomic uint64_t period_before_ns,
                period_since_ns; /* ticks before that moment (CLOCK_MONOTONIC) had that one */
        pthread_rwlock_t lock;   /* guards the next two, not the targets in them */
        struct target *targets;
        struct target *leaving; /* is being removed, and in the table no more; NULL: none */
        uint64_t opened_ticks;  /* when it was opened, in clock ticks since boot */
        struct departed departed[DEPARTED_MAX];
        size_t next_departed;
        const struct tick *tick;
        void *tick_state;
        pthread_mutex_t engine; /* held while the engine's threads are changed; guards the next one */
        bool closing;           /* they are not to be changed any more */
        struct watchdog watchdog;
        _Atomic unsigned
                strays; /* threads that use it and are not waited for: readers that were relieved, and errands */
        bool meets_all; /* its ticks do: see struct tick_event */
        char description[160];
        char refused[160];
};

/* That a thread is to be read. */
struct tick_event {
        pid_t pid, tid;
        uint64_t count;           /* samples that this reading counts as */
        uint64_t ns;              /* the time that they stand for */
        uint64_t late;            /* ticks that came too late or were missed, and so are not counted */
        int cpu;                  /* on which the caller is pinned, and on which the thread was running */
        uint64_t event_id, at_ns; /* perf tick: which event ticked, and when (CLOCK_MONOTONIC) */
        bool in_kernel;           /* perf tick: it met the thread in the kernel */
        uint64_t woken_ns;        /* and the reader that it has woken began at this moment (CLOCK_MONOTONIC) */
        bool left;                /* and has left its CPU since, so that the thread may have run on */
        bool meets_all; /* such ticks meet every thread alike, so that the kernel's account can correct their number */
        const struct pystack_uninterrupted *uninterrupted; /* NULL: the caller cannot tell whether it is switched out */
        struct jitter
                *jitter; /* the caller's, which draws the next period of a thread's own event; NULL: of no such event */
};

/* The time that a tick at @at_ns stands for. */
uint64_t sampler_period_ns(const struct sampler *sampler, uint64_t at_ns);

/* Reads the thread if its process is a target, and says whether it is. Called from ticks. */
bool sampler_tick(struct sampler *sampler, const struct tick_event *event);

/* The same for a target whose lock is held. */
void target_tick(struct target *target, const struct sampler *sampler, const struct tick_event *event);

/*
 * Takes target->lock. Whoever has it lets it go soon: while the caller waits for that on its CPU, the thread that it has
 * interrupted stays where it was. Or the target turns out to be silent, and is not to be touched.
 */
enum target_held {
        TARGET_SILENT,
        TARGET_HELD,
        TARGET_HELD_LATE, /* the caller had to give up its CPU */
};
enum target_held target_lock(struct target *target);
void target_unlock(struct target *target);

/* No lock is needed for these. */
bool target_is_silent(const struct target *target);
void target_silence(struct target *target);

/* The target of @pid, with one user more; NULL: there is none. */
struct target *sampler_get(struct sampler *sampler, pid_t pid);
/* The same; NULL also if the target of that PID is another process. */
struct target *sampler_find(struct sampler *sampler, const struct sample_target *named);
void target_use(struct target *target);
void target_put(struct target *target);
/* Of one that is in no table any more: until nobody but the caller has it, or it is silent. */
void target_wait_for_readers(struct target *target);
/* A profile of nothing but the time of a silent target that is lost: since it was last taken or lost. */
int target_lose(struct target *target, const struct sampler *sampler, struct profile **ret);

int target_new(pid_t pid, struct pystack *py, struct sampler *sampler, struct target **ret);
void target_free(struct target *target); /* accepts NULL */

/* As sampler_take(). decoder->turn is held, and the target's lock is not. */
int target_take(struct target *target, const struct sampler *sampler, struct profile **ret);

/* All of these expect target->lock to be held. */
/* Reads a thread and counts its stack, whose id it returns: 0 if there is none, and then the member may be gone. */
profile_id target_read(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                       enum profile_state state);
/* Counts a stack that is known without reading: of the profile, or no Python's. */
void target_add_known(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                      struct member *member, profile_id stack, enum profile_state state);
void target_add_pseudo(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                       const char *name, enum profile_state state);
/* Adds ticks that came too late, or were missed, to the counters. */
void target_add_late(struct target *target, uint64_t ticks, uint64_t period_ns);
/* Ends the reserved ids of its profile, none of which waits to be decoded. */
void target_renumber(struct target *target);
/* Empties what is only a cache. */
void target_trim(struct target *target);

/* The thread, found out about if it is time to. NULL: it has ended. */
struct member *member_get(struct target *target, const struct sampler *sampler, pid_t tid);
void member_free(struct target *target, struct member *member);
/* Its Python thread has ended: the next member_get() looks whether there is another one. */
void member_leave_python(struct member *member);
/* What the profile calls the thread; 0 where threads are not told apart. */
profile_id member_id(struct target *target, const struct sampler *sampler, struct member *member);
/* Counts a tick of a thread that runs no Python, as far as that is known now. */
void member_read_native(struct target *target, const struct sampler *sampler, struct member *member,
                        const struct tick_event *event);
/*
 * Counts a tick of a thread that is gone by now, and forgets the thread, if the kernel was about to end it when the
 * tick met it: then it ran no Python. False if it is not gone, or may have run on since.
 */
bool member_end(struct target *target, const struct sampler *sampler, const struct tick_event *event);
/* Brings the list of all members up to date: new threads, ended ones. Who they are is left to member_get(). */
void members_list(struct target *target);
/* Finds out about all that are new, or run no Python as far as is known: cheaper than one by one. */
void members_introduce(struct target *target, const struct sampler *sampler);
/* The thread that was met last; the one met before @member. NULL: none. Those of a moment are found first so. */
struct member *member_newest(const struct target *target);
struct member *member_before(const struct member *member);
/* Decides on all ticks of which it is not known yet whether their thread ran Python. */
void members_settle(struct target *target, const struct sampler *sampler);

/* Bounds what each sample of a new target may take. */
void restraint_open(struct target *target);
/* Whether the target is not to be read now. */
bool restraint_rests(const struct target *target);
/* Notes how a reading has ended: 0 or pystack's error. */
void restraint_note(struct target *target, int error);

/* Before any reader runs; after the last one. */
void adoptions_init(struct adoptions *adoptions);
void adoptions_deinit(struct adoptions *adoptions);
/* Whether a process is a copy of a target, and has been from its birth on. Takes the table's lock. */
bool adoptions_is_copy(struct sampler *sampler, const struct nsutil_stat *stat);
/* Adds the process that a tick has met if it is a copy of a target. Whether it did. */
bool adoptions_take(struct sampler *sampler, const struct tick_event *event);
/*
 * Puts a target into the table, unless it is there (-EEXIST), an earlier process of its PID is, or
 * @now the table is in use (-EBUSY).
 */
int sampler_insert(struct sampler *sampler, struct target *target, bool now);

/* Begins the books of a new target. */
void balance_open(struct target *target, struct sampler *sampler);
/* Before a tick is served: how often it is to be counted, so that all of them agree with the kernel's account. */
uint64_t balance_steer(struct target *target, const struct tick_event *event);
/* Books the CPU time used since the last time, in mode cpu: other modes account for time with each tick. */
void balance_book(struct target *target, const struct sampler *sampler);

/* Before a thread is read: whether its stack, which stands for @ns, may wait to be proved. */
void pending_allow(struct target *target, uint64_t ns, enum profile_state state);
/* Keeps a stack that is provisional until it is proved. */
void pending_add(struct target *target, const struct pending *stack);
/* Counts a stack that is proved, in the target's profile. False on failure. */
bool pending_count(struct target *target, const struct pending *stack);
/* Counts @count ticks, which stand for @ns, that gave no stack, for the reason of pystack's error. */
void pending_lose(struct profile_counters *counters, int error, uint64_t count, uint64_t ns);
/* Counts those that wait, if they were true. */
void pending_settle(struct target *target);

/* Whether the process is under a CPU quota at all. */
bool throttle_is_possible(struct throttle *throttle, pid_t pid, uint64_t now);
/* Whether a process that has not run since the last tick, and wants to, is kept from it by a CPU quota. */
bool throttle_holds(struct throttle *throttle, pid_t pid, uint64_t now);
void throttle_close(struct throttle *throttle); /* accepts {0} */

/*
 * Stops thread @tid by ptrace, and lets it go on. What signals it got meanwhile
 * is delivered. If the caller dies in between, the kernel lets the thread go.
 */
struct stopped {
        pid_t tid;
        int signal; /* to be delivered when it goes on */
};
bool thread_stop(pid_t tid, struct stopped *ret);
void thread_release(const struct stopped *stopped);

/* Pins the calling thread to @cpu and asks for SCHED_FIFO: whether each was granted. */
bool reader_pin(int cpu);
bool reader_realtime(void);
/* What to say of it: whether, and if not what is missing. */
const char *reader_realtime_text(bool realtime);

/* Prepares the calling thread, pinned to @cpu, to prove that it runs while it reads. False if it cannot. */
bool uninterrupted_open(int cpu, struct pystack_uninterrupted *ret);

/*
 * Reads a thread that may be running on another CPU: goes where it runs, so that
 * it is preempted, and follows it if it is moved. Leaves the caller pinned there;
 * true if that is another CPU than @cpu. @ret_error: of pystack_sample().
 */
bool reader_pursue(struct pystack *py, struct pystack_thread *thread, pid_t tid, int cpu, struct pystack_stack *ret,
                   int *ret_error);

/* A lock whose holder runs as urgently as the most urgent of those that wait for it, and which goes to that one next. */
void inheriting_lock_init(pthread_mutex_t *lock);

#endif
