/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runs are made in the order base, new, new, base, so that a machine that gets slower meanwhile does so for both. The
 * first run of each side is not judged: it compiles, and fills caches. Of long runs that is a small part, and there is
 * no time to make one for nothing: they are judged, too.
 *
 * Who looks several times has several chances of a false alarm. Look number k may use up alpha / (k (k + 1)). The sum over
 * all looks, however many, is less than alpha. So the probability of a false alarm in any of them is, too. Who passes
 * something at one look of many overlooks growth more often, too.
 */
#include "running.h"

#include "agent/base/base.h"
#include "agent/command/cli/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs of a side before the first look: fewer say too little of the noise between runs. */
#define FIRST_LOOK 4
/* Fewer say nothing of it: as many are made even if the budget is used up. */
#define RUNS_LEAST 2
/* If a pair of runs takes less than this part of the budget, the first pair is left out. */
#define SHORT_PART 0.1
/* The part of the probability to overlook growth that each look may use up. By simulation all looks keep the whole. */
#define MISS_PART 0.4
#define PATH_SIZE 256
#define ARGUMENTS_MAX 4096
/* How much of the end of what a command printed is read to tell why it failed. */
#define LOG_TAIL 2048
#define LOG_SHOWN 200

static const char *const words[] = { "base", "new" };

struct running {
        const struct running_options *options;
        char folder[PATH_SIZE], log[PATH_SIZE];
        char files[2][RUNNING_RUNS_MAX][PATH_SIZE];
        size_t runs;  /* of each side */
        size_t pairs; /* that were made, with those that are not judged */
        unsigned looks;
        double start, longest; /* seconds: when it began, and the longest pair of runs */
        char *reason;
};

/* ---- signals and children ----------------------------------------------------------------- */

static volatile sig_atomic_t signal_seen;
static volatile pid_t child_now;

static void pass_signal_on(int number)
{
        signal_seen = number;
        if (child_now > 0)
                kill(child_now, number);
}

static void catch_signals(void)
{
        static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
        struct sigaction action = { .sa_handler = pass_signal_on };

        for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
                sigaction(caught[i], &action, NULL);
}

static double clock_seconds(void)
{
        return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

/* Waits for @pid. Its exit status, or 128 and the number of the signal that has ended it. */
static int wait_for_child(pid_t pid)
{
        int status = 0;

        child_now = pid;
        if (signal_seen)
                kill(pid, signal_seen);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        child_now = 0;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- one recording ------------------------------------------------------------------------- */

static bool redirect_to_file(int fd, const char *path, int flags)
{
        int to = open(path, flags | O_CLOEXEC, 0600);

        return to >= 0 && dup2(to, fd) >= 0;
}

/* In the child: becomes `podflame record`. It gets SIGTERM when podflame ends, and passes it on to the command. */
static _Noreturn void become_recorder(const struct running *r, int side, const char *file)
{
        char rate[32];
        const char *arguments[ARGUMENTS_MAX] = { "podflame", "record", "--quiet",  "--subprocesses",
                                                 "--rate",   rate,     "--format", "otlp",
                                                 "--output", file,     "--" };
        size_t n = 11;

        snprintf(rate, sizeof rate, "%llu", (unsigned long long)r->options->rate);
        for (char **word = r->options->command; *word && n + 1 < ARGUMENTS_MAX; word++)
                arguments[n++] = *word;
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (chdir(r->options->dirs[side]) == 0 && redirect_to_file(STDIN_FILENO, "/dev/null", O_RDONLY) &&
            redirect_to_file(STDOUT_FILENO, r->log, O_WRONLY | O_CREAT | O_TRUNC) &&
            dup2(STDOUT_FILENO, STDERR_FILENO) >= 0)
                execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
        _exit(127);
}

/* Cuts off the last line of @text, and returns it. */
static const char *take_last_line(char *text)
{
        for (size_t n = strlen(text); n > 0 && strchr("\r\n ", text[n - 1]);)
                text[--n] = '\0';

        char *end = strrchr(text, '\n');

        if (end)
                *end = '\0';
        return end ? end + 1 : text;
}

/*
 * The last line that the command has printed; "" if there is none. A build that fails starts no Python, and the recorder
 * says so after it: that line counts only if it is the only one.
 */
static void read_last_words(const struct running *r, char ret[static LOG_SHOWN])
{
        static const char own[] = "podflame: ";
        char text[LOG_TAIL + 1] = "";
        FILE *file = fopen(r->log, "re");

        *ret = '\0';
        if (!file)
                return;
        if (fseek(file, -LOG_TAIL, SEEK_END) < 0)
                rewind(file);
        text[fread(text, 1, LOG_TAIL, file)] = '\0';
        fclose(file);

        const char *line = take_last_line(text);

        while (line != text && strncmp(line, own, sizeof own - 1) == 0) {
                const char *before = take_last_line(text);

                if (!*before)
                        break;
                line = before;
        }
        snprintf(ret, LOG_SHOWN, "%.*s", LOG_SHOWN - 1, line);
}

/* 0, or CHECK_E_TOLD with the reason. */
static int record_run_of(struct running *r, int side, const char *file)
{
        char last[LOG_SHOWN];
        pid_t pid = signal_seen ? -1 : fork();

        if (pid == 0)
                become_recorder(r, side, file);
        int status = pid < 0 ? EXIT_FAILURE : wait_for_child(pid);
        if (status == 0 && !signal_seen)
                return 0;
        read_last_words(r, last);
        if (signal_seen)
                snprintf(r->reason, RUNNING_REASON_SIZE, "stopped by signal %d", (int)signal_seen);
        else
                snprintf(r->reason, RUNNING_REASON_SIZE, "%.60s ended with status %d in %.100s (%s)%s%s",
                         *r->options->command, status, r->options->dirs[side], words[side], *last ? ": " : "", last);
        return CHECK_E_TOLD;
}

/* A run of each side; first the base's, the next time first the new one's. */
static int record_pair(struct running *r)
{
        double before = clock_seconds();

        for (int i = 0; i < 2; i++) {
                int side = r->pairs % 2 == 0 ? i : 1 - i;
                char *file = r->files[side][r->runs];

                snprintf(file, PATH_SIZE, "%.200s/%s-%zu.json", r->folder, words[side], r->runs);
                if (record_run_of(r, side, file) != 0)
                        return CHECK_E_TOLD;
        }
        r->pairs++;
        r->runs++;
        double took = clock_seconds() - before;
        r->longest = took > r->longest ? took : r->longest;
        return 0;
}

/* ---- looks ---------------------------------------------------------------------------------- */

static int look_at_runs(struct running *r, bool last, int (*judge)(void *, const struct running_look *), void *ctx)
{
        struct running_look look = { .runs = r->runs, .last = last };
        char note[256];
        double k = ++r->looks;

        look.alpha_part = 1 / (k * (k + 1));
        look.miss_part = MISS_PART;
        snprintf(note, sizeof note,
                 "%zu runs a side were made in turn in %.0f s, and judged %u time%s; all looks together keep --alpha",
                 r->runs, clock_seconds() - r->start, r->looks, r->looks == 1 ? "" : "s");
        look.note = note;
        for (int side = 0; side < 2; side++)
                for (size_t i = 0; i < r->runs; i++)
                        look.files[side][i] = r->files[side][i];
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                exit(judge(ctx, &look));
        }
        return pid < 0 ? EXIT_FAILURE : wait_for_child(pid);
}

static int record_and_look(struct running *r, int (*judge)(void *, const struct running_look *), void *ctx)
{
        size_t next = FIRST_LOOK;

        for (;;) {
                if (record_pair(r) != 0)
                        return -1;
                if (r->pairs == 1 && r->longest < r->options->budget * SHORT_PART) {
                        r->runs = 0;
                        continue;
                }
                double left = r->options->budget - (clock_seconds() - r->start);
                bool last = (left < r->longest && r->runs >= RUNS_LEAST) || r->runs == RUNNING_RUNS_MAX;
                if (r->runs < next && !last)
                        continue;
                int status = look_at_runs(r, last, judge, ctx);
                if (signal_seen) {
                        snprintf(r->reason, RUNNING_REASON_SIZE, "stopped by signal %d", (int)signal_seen);
                        return -1;
                }
                if (status != RUNNING_GO_ON || last)
                        return status;
                say("%zu runs a side: not enough to tell; at most %.0f s more", r->runs, left);
                next = r->runs + (r->runs / 6 + 1) * 2;
        }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int check_dirs(const struct running *r)
{
        for (int side = 0; side < 2; side++) {
                struct stat stat_of;

                if (stat(r->options->dirs[side], &stat_of) < 0 || !S_ISDIR(stat_of.st_mode)) {
                        snprintf(r->reason, RUNNING_REASON_SIZE, "--%s-dir: %.300s is no directory", words[side],
                                 r->options->dirs[side]);
                        return CHECK_E_TOLD;
                }
        }
        return 0;
}

static void remove_files(struct running *r)
{
        for (int side = 0; side < 2; side++)
                for (size_t i = 0; i < RUNNING_RUNS_MAX; i++)
                        if (*r->files[side][i])
                                unlink(r->files[side][i]);
        unlink(r->log);
        rmdir(r->folder);
}

int running_run(const struct running_options *options, int (*judge)(void *ctx, const struct running_look *look),
                void *ctx, char reason[static RUNNING_REASON_SIZE])
{
        const char *tmp = getenv("TMPDIR");
        struct running *r = calloc(1, sizeof *r);
        int status = -1;

        if (!r) {
                snprintf(reason, RUNNING_REASON_SIZE, "%s", strerror(ENOMEM));
                return -1;
        }
        r->options = options;
        r->reason = reason;
        r->start = clock_seconds();
        snprintf(r->folder, sizeof r->folder, "%.150s/podflame-check-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
        if (check_dirs(r) != 0) {
                free(r);
                return -1;
        }
        if (!mkdtemp(r->folder)) {
                snprintf(reason, RUNNING_REASON_SIZE, "%s: %s", r->folder, strerror(errno));
        } else {
                snprintf(r->log, sizeof r->log, "%.200s/log", r->folder);
                catch_signals();
                status = record_and_look(r, judge, ctx);
                remove_files(r);
        }
        free(r);
        return status;
}
