/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame, called as pyflame: it has Pyflame's options, output, exit statuses and messages, for scripts that call
 * pyflame. It takes samples one by one, in the order of time, of the thread that holds the GIL or of all threads. It
 * attaches to nothing: the process is never stopped, its signals stay its own, and a slow reader of the output holds up
 * no process. Whatever ends it, what was sampled until then is printed.
 */
#include "agent/base/base.h"
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/output.h"
#include "agent/command/cli/signals.h"
#include "agent/command/command.h"
#include "agent/command/processes/target.h"

#include "agent/command/processes/appear.h"
#include "agent/command/processes/launch.h"
#include "pyflame.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u

/* Time for which an interpreter that is still starting is waited for. */
#define START_WAIT_NS NS_PER_S

struct session {
        struct pyflame_options options;
        struct output output;
        struct outside outside; /* starts the command, removes an output that stays empty */
        FILE *out;              /* NULL: the output has not begun */
        struct launch launch;
        int signals;
        int ended_fd; /* pidfd of the process */
        struct appear appear;
        struct pystack *py; /* NULL: there is no interpreter, or not yet */
        struct pyflame_reader *reader;
        struct pyflame_tally tally;
        uint64_t time_us; /* time of the present sample, since the epoch */
        uint64_t lost_us; /* time of a sample that failed, perhaps since the process has ended; 0: there is none */
        uint64_t next_ns; /* when the next sample is due (CLOCK_MONOTONIC) */
        uint64_t end_ns;  /* when to end (CLOCK_MONOTONIC) */
        int error;        /* negative errno of counting a sample */
        bool seen;        /* there was an interpreter */
        bool printed;     /* a thread's part of the dump was printed */
        bool over;        /* sampling has to end */
        int (*what)(struct session *s); /* what read_in_time() does in another thread */
        int result;                     /* what it has returned */
        _Atomic bool silent; /* @what took too long: the thread that hangs has the interpreter and the tally */
};

/* ---- samples ------------------------------------------------------------------------------ */

static void count_reading(void *ctx, struct pystack *py, const struct pyflame_reading *reading)
{
        struct session *s = ctx;
        int e = 0;

        if (s->silent) /* the tally is being printed */
                return;
        if (reading->error == PYSTACK_E_GONE)
                /* with --threads, only one of many threads has ended */
                s->lost_us = s->options.threads ? 0 : s->time_us;
        else if (reading->error != 0)
                e = pyflame_tally_failed(&s->tally, s->time_us);
        else if (reading->stack.n > 0)
                e = pyflame_tally_stack(&s->tally, s->time_us, py, &reading->stack);
        else if (!s->options.threads)
                e = pyflame_tally_idle(&s->tally, s->time_us);
        s->error = s->error ? s->error : e;
}

static int take_sample(struct session *s)
{
        bool idle = false;
        int e;

        if (s->lost_us && (e = pyflame_tally_failed(&s->tally, s->lost_us)) != 0)
                return e;
        if (!s->options.threads && !pystack_has_gil(s->py)) {
                fputs("This Python has no GIL: every thread is sampled, as with --threads.\n", stderr);
                s->options.threads = true;
        }
        s->lost_us = 0;
        s->time_us = clock_ns(CLOCK_REALTIME) / 1000;
        if (s->options.threads)
                e = pyflame_read_threads(s->reader, count_reading, s);
        else
                e = pyflame_read_holder(s->reader, count_reading, s, &idle);
        if (s->silent)
                return 0;
        if (e == 0 && idle)
                e = pyflame_tally_idle(&s->tally, s->time_us);
        if (e > 0 && e != PYSTACK_E_GONE) /* the pidfd tells that the process has ended */
                e = pyflame_tally_failed(&s->tally, s->time_us);
        return e < 0 ? e : s->error;
}

/* ---- in time ------------------------------------------------------------------------------ */

static void run_session(void *job)
{
        struct session *s = job;

        s->result = s->what(s);
}

/* The thread that reads owns nothing. All belongs to the session, which lives as long as the program. */
static void discard_nothing(void *job)
{
        (void)job;
}

/* Reads the process by @what, in bounded time. Returns what @what returned, or PYSTACK_E_HANGS: see @silent. */
static int read_in_time(struct session *s, int (*what)(struct session *s))
{
        static const struct nsutil_work work = { .run = run_session, .discard = discard_nothing };

        s->what = what;
        s->silent = nsutil_attempt(s->appear.pid, &work, s) != 0;
        return s->silent ? PYSTACK_E_HANGS : s->result;
}

/* Sets when the next sample is due. Deadlines that were missed are left out. */
static void set_next_deadline(struct session *s, uint64_t now)
{
        uint64_t interval = (uint64_t)(s->options.interval * NS_PER_S);

        s->next_ns += interval;
        if (s->next_ns < now)
                s->next_ns = interval > 0 ? now + interval - (now - s->next_ns) % interval : now;
        s->over = s->over || s->next_ns >= s->end_ns;
}

static void close_interpreter(struct session *s)
{
        pyflame_reader_free(s->reader);
        pystack_close(s->py);
        s->reader = NULL;
        s->py = NULL;
}

/* @py is consumed. */
static int take_interpreter(struct session *s, struct pystack *py)
{
        close_interpreter(s);
        s->py = py;
        s->reader = pyflame_reader_new(s->appear.pid, py);
        s->next_ns = clock_ns(CLOCK_MONOTONIC);
        s->seen = true;
        return s->reader ? 0 : -ENOMEM;
}

/* Looks whether an interpreter has appeared, or was replaced by another program. */
static int look_for_interpreter(struct session *s)
{
        struct pystack *py;

        switch (appear_look(&s->appear, &py)) {
        case APPEAR_FOUND:
                return take_interpreter(s, py);
        case APPEAR_REPLACED:
                close_interpreter(s);
                return 0;
        case APPEAR_NOTHING:
                break;
        }
        return 0;
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* Waits until the next sample is due, or something happens. */
static int pause_until_due(struct session *s)
{
        struct pollfd fds[] = { { .fd = s->signals, .events = POLLIN }, { .fd = s->ended_fd, .events = POLLIN } };
        uint64_t now = clock_ns(CLOCK_MONOTONIC), pause = (uint64_t)appear_delay_ms(&s->appear) * NS_PER_MS;

        if (s->reader)
                pause = s->next_ns > now && s->next_ns - now < pause ? s->next_ns - now : s->next_ns > now ? pause : 0;
        struct timespec timeout = { .tv_sec = (time_t)(pause / NS_PER_S), .tv_nsec = (long)(pause % NS_PER_S) };
        if (ppoll(fds, 2, &timeout, NULL) < 0 && errno != EINTR)
                return -errno;
        if (s->options.command)
                launch_forward(&s->launch);
        if ((fds[0].revents && !s->options.command) || fds[1].revents)
                s->over = true;
        return 0;
}

static int take_samples_until_over(struct session *s)
{
        int e = 0;

        while (e == 0 && !s->over) {
                uint64_t now = clock_ns(CLOCK_MONOTONIC);
                e = look_for_interpreter(s);
                if (e == 0 && s->reader && now >= s->next_ns) {
                        e = read_in_time(s, take_sample);
                        set_next_deadline(s, now);
                }
                if (e == 0 && !s->over)
                        e = pause_until_due(s);
        }
        return e;
}

/* ---- the two ways ------------------------------------------------------------------------- */

static void dump_thread(void *ctx, struct pystack *py, const struct pyflame_reading *reading)
{
        struct session *s = ctx;

        if (reading->error != 0)
                fprintf(stderr, "Thread %lu has no stack: %s\n", (unsigned long)reading->thread->pthread,
                        pystack_strerror(reading->error));
        else if (pyflame_print_thread(py, reading, !s->printed, s->out))
                s->printed = true;
}

static int dump_all_threads(struct session *s)
{
        return pyflame_read_threads(s->reader, dump_thread, s);
}

static int refuse_output(const struct session *s, int error)
{
        fprintf(stderr, "cannot open file \"%s\" as output: %s\n", s->options.output, strerror(-error));
        return EXIT_FAILED;
}

/* GO_ON, or an exit status, after a message. */
static int begin_output(struct session *s)
{
        int e = 0;

        if (s->options.output)
                e = output_stream(&s->output, &s->out);
        else
                s->out = stdout;
        return e < 0 ? refuse_output(s, e) : GO_ON;
}

static int finish_output(struct session *s)
{
        if (fflush(s->out) == 0 && !ferror(s->out))
                return EXIT_OK;
        fprintf(stderr, "cannot write to %s: %s\n", s->options.output ? s->options.output : "standard output",
                strerror(errno));
        return EXIT_FAILED;
}

/* Prints that the process was Python, and then executed another program, if it did. */
static void say_became_foreign(const struct session *s)
{
        if (s->seen && !s->py && s->appear.tried && s->appear.error == PYSTACK_E_NOT_PYTHON)
                fprintf(stderr, "PID %d has become another program, which is not Python; %s.\n", s->appear.pid,
                        s->appear.info.detail);
}

/* Opens the process, which may still be starting. GO_ON, or an exit status, after a message. */
static int attach_to_process(struct session *s)
{
        uint64_t give_up = clock_ns(CLOCK_MONOTONIC) + START_WAIT_NS;
        struct pystack *py;

        s->options.pid = target_process(s->options.pid);
        if (nsutil_pidfd_open(s->options.pid, &s->ended_fd) != 0)
                return pyflame_refuse(s->options.pid, PYSTACK_E_GONE, NULL);
        appear_begin(&s->appear, s->options.pid, s->options.abi);
        while (appear_look(&s->appear, &py) != APPEAR_FOUND) {
                if (!appear_may_come(s->options.pid, s->appear.error) || clock_ns(CLOCK_MONOTONIC) > give_up)
                        return pyflame_refuse(s->options.pid, s->appear.error, &s->appear.info);
                signals_wait(s->signals, appear_delay_ms(&s->appear));
        }
        int e = take_interpreter(s, py);
        return e == 0 ? GO_ON : pyflame_fail(e);
}

static int run_for_process(struct session *s)
{
        s->signals = signals_open();
        int status = attach_to_process(s);

        if (status == GO_ON)
                status = begin_output(s);
        if (status != GO_ON)
                return status;
        s->end_ns = s->next_ns + (uint64_t)(s->options.seconds * NS_PER_S);
        int e = s->options.dump ? read_in_time(s, dump_all_threads) : take_samples_until_over(s);
        if (e == PYSTACK_E_HANGS)
                pyflame_print(&s->tally, s->out); /* what was sampled until then */
        if (e != 0)
                return s->options.dump && e > 0 ? pyflame_refuse(s->options.pid, e, &s->appear.info) : pyflame_fail(e);
        say_became_foreign(s);
        pyflame_print(&s->tally, s->out);
        return finish_output(s);
}

static int start_command(struct session *s)
{
        int e = launch_start(&s->launch);

        s->signals = s->launch.signals;
        if (e == 0)
                return GO_ON;
        fprintf(stderr, "execvp() failed for: %s, err = %s\nChild process exited with status %d\n", *s->options.command,
                strerror(e), s->launch.status);
        return EXIT_FAILED;
}

static int run_for_command(struct session *s)
{
        int status = start_command(s);

        if (status == GO_ON)
                status = begin_output(s);
        if (status != GO_ON)
                return status;
        s->ended_fd = s->launch.ended_fd;
        s->end_ns = UINT64_MAX;
        appear_begin(&s->appear, s->launch.pid, s->options.abi);
        int e = take_samples_until_over(s);
        if (e != 0)
                status = pyflame_fail(e);
        else if (!s->seen)
                status = pyflame_refuse(s->launch.pid,
                                        s->appear.error == PYSTACK_E_GONE ? PYSTACK_E_NOT_PYTHON : s->appear.error,
                                        &s->appear.info);
        else
                pyflame_print(&s->tally, s->out);
        if (status == GO_ON)
                status = finish_output(s);
        int ended = launch_wait(&s->launch);
        return ended != 0 ? ended : status;
}

static const struct usage usage = { .command = "pyflame" };

/* Opens the output and gives up privileges, as record does. GO_ON, or an exit status, after a message. */
static int open_output_and_confine(struct session *s)
{
        /* Pyflame has no option for that. */
        const struct confinement_options confinement = { .calls = getenv("PODFLAME_CONFINE") };
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };
        int e = 0;

        s->output.path = s->options.output;
        if (s->output.path && (e = output_make(&s->output)) < 0)
                return refuse_output(s, e);
        output_duties(&s->output, &s->outside, duties);
        if (s->options.command) {
                e = launch_open(&s->launch, s->options.command, false);
                launch_duties(&s->launch, &s->outside, duties);
        }
        if (e < 0)
                return pyflame_fail(e);
        return confine_with(&confinement, &usage, CONFINE_RECORDER, duties, &s->outside);
}

int pyflame_run(int argc, char **argv)
{
        static struct session s = {
                .output = OUTPUT_NONE, .outside = OUTSIDE_NONE, .launch = LAUNCH_NONE, .signals = -1, .ended_fd = -1
        };
        int status = pyflame_parse(argc, argv, &s.options);

        if (status != GO_ON)
                return status;
        int e = pyflame_tally_init(&s.tally, &s.options);
        status = e != 0 ? pyflame_fail(e) : open_output_and_confine(&s);
        if (status == GO_ON)
                status = s.options.command ? run_for_command(&s) : run_for_process(&s);
        if (!s.silent) {
                close_interpreter(&s);
                pyflame_tally_deinit(&s.tally);
        }
        if (s.out && s.out != stdout)
                fclose(s.out);
        output_close(&s.output);
        if (!s.options.command) {
                if (s.ended_fd >= 0)
                        close(s.ended_fd);
                if (s.signals >= 0)
                        close(s.signals);
        }
        launch_close(&s.launch);
        outside_close(&s.outside);
        return status;
}
