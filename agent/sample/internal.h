/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_INTERNAL_H
#define SAMPLE_INTERNAL_H

/* What the files of sample/ share: the sampler, its targets, its ticks. */

#include "account.h"
#include "decode.h"
#include "frees.h"
#include "memory.h"
#include "names.h"
#include "pending.h"
#include "sample.h"
#include "stacks.h"
#include "switches.h"
#include "table_lock.h"
#include "task_looks.h"
#include "tick.h"
#include "waits.h"
#include "watchdog.h"

#include "agent/base/base.h"
#include "nsutil/nsutil.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

/* What the timer tick knows of when a thread has run. */
struct member_clock {
        int fd;                          /* nsutil_times_open()'s; -1: none */
        int stat_fd;                     /* nsutil_stat_open()'s; -1: none. Only threads that run have one */
        int last_ran_fd;                 /* nsutil_last_ran_open()'s; -1: none. Only threads that run have one */
        struct nsutil_wait_thread files; /* mode wall: tell why it does not run. Only threads that run now and then */
        bool was_ready;                  /* mode wall: the last tick found it ready to run */
        struct nsutil_times times;       /* at the last look */
        uint64_t moved_ns;               /* mode cpu: when @times were last seen to have changed, CLOCK_MONOTONIC */
        uint64_t still_since_ns;         /* when @times were first seen as they are, CLOCK_MONOTONIC */
        profile_id stack;                /* the stack that was read since then, in the present profile; 0: none */
        uint32_t mark;                   /* with @stack: why the thread does not run; 0: not known */
        /* Mode wall, of a thread that is ready to run: see timer_wall.c. */
        struct pending held;       /* its samples since @times have changed; count 0: none */
        uint64_t throttled_ns;     /* its target's throttle.total_ns when @times had last changed */
        int64_t owed_cpu_ns;       /* waits for a CPU that have ended, and that no sample has counted yet */
        int64_t owed_throttled_ns; /* the same of waits for a quota */
        /* Mode blame: why the thread has not run since @times, and at which word it sleeps. */
        enum reason_kind why; /* UNKNOWN: it may have run */
        uint64_t futex;       /* 0: at none */
};

/*
 * A thread of a target. While @thread is NULL, podflame looks again and again whether the thread runs Python by now:
 * @since_ns to @unsure_ns are about these looks.
 */
struct member {
        pid_t tid;                     /* in our PID namespace */
        struct pystack_thread *thread; /* NULL: the thread runs no Python, or that is not known yet */
        profile_id id;                 /* the thread in the target's present profile; 0: it is not there yet */
        char name[16];                 /* the kernel's */
        char *python;                  /* its name as Python knows it, escaped; NULL: not known. The member owns it */
        uint64_t met_ns;               /* when the member was made (CLOCK_MONOTONIC) */
        uint64_t look_at_ns;           /* when the namer is to read its name again (CLOCK_MONOTONIC) */
        unsigned looks;                /* how often the namer has */
        uint64_t since_ns;             /* since when the thread is known to be without Python (CLOCK_MONOTONIC) */
        uint64_t retry_ns;             /* when to look again (CLOCK_MONOTONIC) */
        bool looked_now;               /* this tick has looked */
        bool native_now;               /* with @looked_now: the thread runs no Python */
        uint64_t unsure,
                unsure_ns;         /* ticks since the last look, and the time that they stand for; the next look decides
                                     * what they were */
        profile_id native;         /* the thread's stack without Python, in the present profile; 0: not there yet */
        uint64_t listed_ns;        /* when the thread was last in the process's list (CLOCK_MONOTONIC) */
        struct member_clock clock; /* the timer tick's */
        struct member_switch switches; /* mode wall by switches */
        UT_hash_handle hh;
};

/* What is known of the CPU quotas that a process is under. */
struct throttle {
        struct nsutil_quota quota;
        uint64_t open_at_ns; /* when to look again which cgroups have a quota (CLOCK_MONOTONIC) */
        uint64_t seen_ns;    /* what nsutil_quota_throttled_ns() last returned */
        uint64_t total_ns; /* for how long quotas have kept the process's cgroups from running, since it is looked at */
};

/* How often a process is read whose stacks take too long: see restraint.c. */
struct restraint {
        unsigned costly;   /* the number of samples in a row that took too long */
        uint64_t rest_ns;  /* the length of the last rest; 0: there was none */
        uint64_t until_ns; /* when the rest ends: the process is not read before (CLOCK_MONOTONIC); 0: no rest */
};

/* What is looked for in a target's memory: its tasks, and its greenlets. See tasks.c. */
enum { TASK_PLACES = 2 };

/* A process being sampled. */
struct target {
        pid_t pid;
        uint64_t start_time;  /* nsutil_stat's; 0: not known */
        uint64_t start_stack; /* nsutil_stat's: copies have the same one, another program has a new one; 0: not known */
        _Atomic unsigned users;  /* the table and the threads that use the target; the last user frees it */
        bool python_only;        /* no mixed stacks are made, even if the sampler makes them of others */
        _Atomic bool silent;     /* the process's memory does not answer: the thread that has the lock keeps the lock */
        _Atomic bool restrained; /* the process has been restrained at some time: see restraint.c */
        _Atomic bool calls_refused; /* mode wall: the system call of a sleeping thread could not be read */
        _Atomic bool times_missing; /* mode wall: the kernel does not say how long threads wait for a CPU */
        _Atomic pid_t held_by;      /* the thread that has the lock; 0: none */
        _Atomic uint64_t held_ns;   /* since when that thread has the lock (CLOCK_MONOTONIC) */
        struct nsutil_pulse pulse;  /* the watchdog's, about the thread that has had the lock since @pulse_of */
        uint64_t pulse_of;          /* a @held_ns; 0: @pulse is unused */
        /* For a silent target: the CPU time and CLOCK_MONOTONIC until which its time was told as lost. 0: none was. */
        uint64_t lost_cpu_ns, lost_mono_ns;
        pthread_mutex_t lock; /* guards all members below */
        struct pystack *py;
        struct member *members;
        struct profile *profile;
        struct stacks stacks; /* the cache from raw stacks to the profile's */
        struct waits waits;   /* mode wall: why threads do not run, by the marks of the profile's samples */
        struct decoder *decoder;
        bool asked;              /* the target is in the decoder's queue */
        uint64_t since_ns;       /* when the profile began (CLOCK_REALTIME) */
        uint64_t since_mono_ns;  /* the same moment (CLOCK_MONOTONIC) */
        uint64_t list_at_ns;     /* timer tick: when to list the members again (CLOCK_MONOTONIC) */
        struct pending *pending; /* stacks that wait to be proved; NULL: none has waited yet */
        size_t n_pending;
        uint64_t pending_ns; /* the time that the pending stacks stand for */
        uint64_t counted_ns; /* the time that all counted samples stand for, since the target was added */
        struct restraint restraint;
        struct memory memory;
        struct naming naming;
        struct account account;
        uint64_t opened_cpu_ns; /* the process's CPU time when the target was opened; 0 for a copy born meanwhile */
        uint64_t ticked_ns;     /* the time that all ticks stand for that met the process, late ones included */
        int64_t correction;     /* ticks to be counted more, or if negative less: see balance_steer() */
        int64_t owed_ns;        /* timer tick, modes wall and gil: the elapsed time that no sample stands for yet */
        uint64_t samples;       /* timer tick, modes wall and gil: the number of samples that this tick counts as */
        uint64_t seen_cpu_ns;   /* timer tick: the process's CPU time at the last look */
        /* timer tick: when that time had last changed (CLOCK_MONOTONIC); read without the lock */
        _Atomic uint64_t moved_ns;
        struct throttle throttle;        /* mode wall */
        struct target_switches switches; /* mode wall by switches */
        pid_t newest;             /* timer tick: what nsutil_newest_read() returned when the members were last listed */
        unsigned uncorrected;     /* the number of ticks since the last corrected one */
        struct own_event *events; /* perf tick, SAMPLE_SCOPE_TARGETS: the events of the target's threads */
        size_t n_events;
        struct target *next_asked; /* the next one in the decoder's queue; guarded by decoder->list */
        struct decoding decoding;  /* guarded by decoder->turn, as the next one */
        struct {
                /* when to look for tasks, and for greenlets, again if need be (CLOCK_MONOTONIC) */
                uint64_t due_ns[TASK_PLACES], pause_ns[TASK_PLACES];
                uint64_t unread; /* pystack_tasks_unread(), as far as it is counted */
        } tasks;
        struct frees frees;      /* the code objects that it frees */
        struct task_looks looks; /* mode wall: tasks that wait */
        uint64_t native_due_ns;  /* when to read again which code is mapped, if need be (CLOCK_MONOTONIC) */
        UT_hash_handle hh;
};

/*
 * A process that was removed while it lived. It may come back as another program; then the CPU time that it has used
 * since is known. The newest one takes the place of the oldest one.
 */
#define DEPARTED_MAX 64
struct departed {
        pid_t pid;
        uint64_t start_time; /* nsutil_stat's */
        uint64_t cpu_ns;     /* the CPU time that its profiles have accounted for */
};

/*
 * Slots for PIDs that are known for some ticks to be no copies of targets. Most processes of a machine are no copies.
 */
#define OTHER_PROGRAMS 256

/* The targets that ticks have added, until sampler_adopted() has told the caller of them. */
struct adoptions {
        pthread_mutex_t lock; /* guards @items */
        struct sample_target *items;
        size_t n, cap;
        /* The lower half is a PID; the upper half is the CLOCK_MONOTONIC in ms until which it is another program. */
        _Atomic uint64_t other_programs[OTHER_PROGRAMS];
};

struct sampler {
        struct sample_config config;
        struct adoptions adoptions;
        struct memory_pool memory;
        struct decoder decoder;
        struct namer namer;
        struct looker looker;    /* mode wall, if tasks are wanted */
        struct symbols *symbols; /* guarded by decoder->turn, as the next one; NULL: mixed stacks are not wanted */
        struct symbols_kernel *kernel; /* NULL: there are none to be had */
        _Atomic uint64_t period_ns;
        _Atomic uint64_t period_before_ns; /* the period of ticks before @period_since_ns */
        _Atomic uint64_t period_since_ns;  /* when the period was last changed (CLOCK_MONOTONIC) */
        struct table_lock lock;            /* guards @targets and @leaving, not what these point to */
        struct target *targets;            /* the table, by PID */
        struct target *leaving;            /* the target that is being removed, and in the table no more; NULL: none */
        uint64_t opened_ticks;             /* when the sampler was opened, in clock ticks since boot */
        struct departed departed[DEPARTED_MAX];
        size_t next_departed;
        const struct tick *tick;
        void *tick_state;
        pthread_mutex_t engine; /* held while the engine's threads are changed; guards @closing */
        _Atomic uint64_t unmerged[PYSTACK_UNMERGED_REASONS]; /* see sampler_unmerged() */
        _Atomic size_t timeline_used;                        /* bytes of the timelines of all targets so far */
        _Atomic uint64_t without_task; /* stacks of which it was not certain which task runs them */
        bool closing;                  /* the engine's threads are not to be changed any more */
        struct watchdog watchdog;
        /* Threads that use the sampler and that nobody waits for: readers that were relieved, and errands. */
        _Atomic unsigned strays;
        bool realtime;    /* perf tick: all readers have SCHED_FIFO */
        bool holds;       /* perf tick: all readers can prove that they were not switched out */
        bool meets_all;   /* the engine's ticks meet every thread of the machine: see struct tick_event */
        bool by_switches; /* mode wall: ticks meet threads that run, and the kernel's switches tell the rest */
        struct nsutil_freezers freezers;
        char description[160];
        char refused[160];
};

/* The time that a tick at @at_ns (CLOCK_MONOTONIC) stands for, in ns. */
uint64_t sampler_period_ns(const struct sampler *sampler, uint64_t at_ns);

/* Reads the thread if its process is a target, and returns whether it is. Ticks call this. */
bool sampler_tick(struct sampler *sampler, const struct tick_event *event);

/* The same for a target whose lock is held. */
void target_tick(struct target *target, const struct sampler *sampler, const struct tick_event *event);

/*
 * Takes target->lock. A thread that has the lock lets it go soon. While the caller waits for that without giving up its
 * CPU, the thread that the caller has interrupted stays where it was. If the target is silent, the lock is not taken,
 * and the target must not be touched.
 */
enum target_held {
        TARGET_SILENT,
        TARGET_HELD,
        TARGET_HELD_LATE, /* the caller had to give up its CPU */
};
enum target_held target_lock(struct target *target);
void target_unlock(struct target *target);

/*
 * Locks the decoder's turn, in which nobody reads a target. On a crowded machine that takes a while. The thread wakes up
 * now and then, so that it is not held to hang on a target's memory.
 */
void target_lock_turn(pthread_mutex_t *turn);

/* Whether the target is silent; makes it silent. Neither needs a lock. */
bool target_is_silent(const struct target *target);
void target_silence(struct target *target);

/* The target of @pid, with one user more, for target_put(). NULL: there is none. */
struct target *sampler_get(struct sampler *sampler, pid_t pid);
/* The target @named, with one user more, for target_put(). NULL: there is none, or that PID is another process's. */
struct target *sampler_find(struct sampler *sampler, const struct sample_target *named);
/* Adds a user; removes one. The last user frees the target. */
void target_use(struct target *target);
void target_put(struct target *target);
/* Waits until only the caller uses the target, or the target is silent. The target is in no table any more. */
void target_wait_for_readers(struct target *target);
/*
 * Makes a profile for a silent target. It has nothing but the time that is lost: the time since the last profile of the
 * target. 0 or -errno; the caller owns @ret.
 */
int target_lose(struct target *target, const struct sampler *sampler, struct profile **ret);

/* Makes a target with one user, the caller. @py is consumed on success. 0 or -errno. */
int target_new(pid_t pid, struct pystack *py, struct sampler *sampler, struct target **ret);

/* Whether the target's stacks are to be mixed. */
static inline bool target_is_mixed(const struct target *target, const struct sampler *sampler)
{
        return sampler->config.native && !target->python_only;
}
void target_free(struct target *target); /* accepts NULL */

/* Takes the profile: see sampler_take(). decoder->turn is held, and the target's lock is not. */
int target_take(struct target *target, const struct sampler *sampler, struct profile **ret);

/* target->lock must be held for all functions from here to members_settle(). */
/* Reads a thread, counts its stack, and returns the stack's id. 0: there is no stack, and the member may be gone. */
profile_id target_read(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                       enum profile_state state);
/* Counts a stack that is known without reading: one that is in the profile, or one frame called @name. */
void target_add_known(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                      struct member *member, profile_id stack, uint32_t mark, enum profile_state state);
void target_add_pseudo(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                       const char *name, enum profile_state state);
/* Adds ticks that came too late, or were missed, to the profile's counters. */
void target_add_late(struct target *target, uint64_t ticks, uint64_t period_ns);
/* Replaces the reserved ids of the target's profile by the ids of their stacks. No stack may wait to be decoded. */
void target_renumber(struct target *target, const struct sampler *sampler);
/* Empties the target's caches. */
void target_trim(struct target *target);

/* The thread @tid. Looks whether it runs Python, if it is time to. NULL: it has ended, or there is no memory. */
struct member *member_get(struct target *target, const struct sampler *sampler, pid_t tid);
void member_free(struct target *target, struct member *member);
/* Adds a thread that is no member yet, without looking at it. NULL: there is no memory. */
struct member *member_add(struct target *target, pid_t tid);
/* The member's Python thread has ended. The next member_get() looks whether there is another one. */
void member_leave_python(struct member *member);
/* The thread's id in the profile. 0 if threads are not told apart, or the profile has no room for it. */
profile_id member_id(struct target *target, const struct sampler *sampler, struct member *member);
/* Counts a tick of a thread that runs no Python; or keeps it as unsure, if that is not certain now. */
void member_read_native(struct target *target, const struct sampler *sampler, struct member *member,
                        const struct tick_event *event);
/*
 * Counts a tick of a thread that has ended since, and frees its member. Returns false, and counts nothing, unless the
 * kernel was about to end the thread when the tick met it: only then it is certain that the thread ran no Python.
 */
bool member_end(struct target *target, const struct sampler *sampler, const struct tick_event *event);
/* Adds members for new threads, and frees those of ended threads. Does not look whether new threads run Python. */
void members_list(struct target *target);
/* Looks which threads run Python, if it is time to. One call is cheaper than a member_get() for each thread. */
void members_introduce(struct target *target, const struct sampler *sampler);
/* The member that was added last; the one that was added before @member. NULL: none. So young threads come first. */
struct member *member_newest(const struct target *target);
struct member *member_before(const struct member *member);
/* Counts ticks of a thread that runs no Python. @member: NULL if it has ended. */
void member_count_native(struct target *target, const struct sampler *sampler, struct member *member, uint64_t count,
                         uint64_t ns);
/* Decides on all unsure ticks: looks whether their threads run Python. */
void members_settle(struct target *target, const struct sampler *sampler);

/* Bounds the CPU time of each sample of a new target. */
void restraint_open(struct target *target);
/* Whether the target rests: then it is not to be read now. */
bool restraint_rests(const struct target *target);
/* Notes how a reading has ended. @error is 0 or pystack's error. */
void restraint_note(struct target *target, int error);

/* To be called before any reader runs, and after the last reader has ended. */
void adoptions_init(struct adoptions *adoptions);
void adoptions_deinit(struct adoptions *adoptions);
/* Whether a process is a copy of a target, if the sampler adopts copies. Takes the table's lock. */
bool adoptions_is_copy(struct sampler *sampler, const struct nsutil_stat *stat);
/* Adds the process that a tick has met, if it is a copy of a target. Returns whether it is a target now. */
bool adoptions_take(struct sampler *sampler, const struct tick_event *event);
/*
 * Puts a target into the table. -EEXIST: the process is in the table already. -EBUSY: an earlier process of that PID is
 * in the table; or @now is set, and another thread uses the table.
 */
int sampler_insert(struct sampler *sampler, struct target *target, bool now);

/* Begins the books of a new target. */
void balance_open(struct target *target, struct sampler *sampler);
/* How often a tick is to be counted, so that all ticks agree with the kernel's account. To be called before reading. */
uint64_t balance_steer(struct target *target, const struct tick_event *event);
/* In mode cpu, books the CPU time used since the last call. The other modes account for time with each tick. */
void balance_book(struct target *target, const struct sampler *sampler);

/* Mode wall: counts the samples that the member holds, since it ends, or its profile does. */
void timer_wall_release(struct target *target, struct member *member);

/* Brings @throttle->total_ns up to date. @now is CLOCK_MONOTONIC. */
void throttle_read(struct throttle *throttle, pid_t pid, uint64_t now);
void throttle_close(struct throttle *throttle); /* accepts {0} */

/*
 * thread_stop() stops thread @tid by ptrace, and thread_release() lets the thread go on. A signal that stopped the
 * thread is delivered then. If the caller dies in between, the kernel lets the thread go on. False: the thread cannot
 * be stopped.
 */
struct stopped {
        pid_t tid;
        int signal; /* the signal to be delivered when the thread goes on; 0: none */
};
bool thread_stop(pid_t tid, struct stopped *ret);
void thread_release(const struct stopped *stopped);

/* Pins the calling thread to @cpu; gives the calling thread SCHED_FIFO. Each returns whether it was granted. */
bool reader_pin(int cpu);
bool reader_realtime(void);
/* Sleeps until @at_ns (CLOCK_MONOTONIC). */
void reader_sleep_until(uint64_t at_ns);
/* Says whether SCHED_FIFO was granted, and if not, what is missing. */
const char *reader_realtime_text(bool realtime);

/* Prepares the calling thread, pinned to @cpu, to prove that it runs while it reads. False if it cannot. */
bool uninterrupted_open(int cpu, struct pystack_uninterrupted *ret);

/*
 * Reads a thread that may be running on another CPU. Pins the caller to the thread's CPU, so that the thread is
 * preempted, and follows the thread if it is moved. The caller stays pinned to that CPU. Returns true if that is
 * another CPU than @cpu. @ret_error gets the result of pystack_sample().
 */
bool reader_pursue(struct pystack *py, struct pystack_thread *thread, pid_t tid, int cpu, struct pystack_stack *ret,
                   int *ret_error);

/* Makes a lock whose holder inherits the priority of the most urgent waiting thread. That thread gets the lock next. */
void inheriting_lock_init(pthread_mutex_t *lock);

#endif
