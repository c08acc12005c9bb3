/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/processes/launch.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(command_launch);

/* As a program does that has just begun. The child outside lives as long as the test. */
static void open_launch(struct launch *ret, char **argv, bool adopt)
{
        static struct outside outside = OUTSIDE_NONE;
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };
        sigset_t none;

        *ret = (struct launch)LAUNCH_NONE;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        outside_close(&outside);
        cr_assert_eq(launch_open(ret, argv, adopt), 0);
        launch_duties(ret, &outside, duties);
        cr_assert_eq(outside_open(duties, &outside), 0);
}

/* A launch of a shell's @script, started. */
static void start(struct launch *ret, const char *script, bool adopt)
{
        static char shell[] = "sh", option[] = "-c", text[512];
        static char *argv[] = { shell, option, text, NULL };

        snprintf(text, sizeof text, "%s", script);
        open_launch(ret, argv, adopt);
        cr_assert_eq(launch_start(ret), 0);
}

static const struct {
        const char *script;
        int status;
} ends[] = {
        { "exit 0", 0 },
        { "exit 3", 3 },
        { "exit 255", 255 },
        { "kill -KILL $$", 128 + SIGKILL },
        { "kill -TERM $$", 128 + SIGTERM },
        { "kill -PIPE $$", 128 + SIGPIPE },
        { "kill -INT $$", 128 + SIGINT },
};

Test(command_launch, status)
{
        signal(SIGINT, SIG_DFL); /* a shell that runs the tests in the background ignores it, and so would they */
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                struct launch launch;
                start(&launch, ends[i].script, false);
                cr_expect_eq(launch_wait(&launch), ends[i].status, "%s", ends[i].script);
                cr_expect_eq(launch_wait(&launch), ends[i].status, "%s: asked again", ends[i].script);
                launch_close(&launch);
        }
}

Test(command_launch, what_cannot_be_run)
{
        static const struct {
                char name[32];
                int error, status;
        } commands[] = { { "/no/such/command", ENOENT, 127 }, { "/", EACCES, 126 } };

        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
                char name[sizeof commands->name], *argv[] = { name, NULL };
                struct launch launch;
                strcpy(name, commands[i].name);
                open_launch(&launch, argv, false);
                cr_expect_eq(launch_start(&launch), commands[i].error);
                cr_expect_eq(launch_wait(&launch), commands[i].status);
                launch_close(&launch);
        }
}

/* The same command, which ends otherwise each time, and in the end is not to be found. Shells run a script without "#!". */
Test(command_launch, one_after_the_other)
{
        char folder[] = "/tmp/podflame-launch-XXXXXX", script[64];
        char *argv[] = { script, NULL };
        struct launch launch;

        cr_assert_not_null(mkdtemp(folder));
        snprintf(script, sizeof script, "%s/run", folder);
        open_launch(&launch, argv, false);
        for (int status = 0; status < 3; status++) {
                FILE *file = fopen(script, "we");
                cr_assert_not_null(file);
                fprintf(file, "%ssleep 0.05; exit %d\n", status > 0 ? "#!/bin/sh\n" : "", status);
                fclose(file);
                cr_assert_eq(chmod(script, 0700), 0);
                cr_assert_eq(launch_start(&launch), 0);
                cr_expect_not(launch_reap(&launch));
                cr_expect_eq(launch_wait(&launch), status);
        }
        unlink(script);
        rmdir(folder);
        cr_expect_eq(launch_start(&launch), ENOENT);
        cr_expect_eq(launch_wait(&launch), 127, "that of the one before is no longer told");
        launch_close(&launch);
}

Test(command_launch, being_told_to_stop_is_noted)
{
        struct launch launch;

        start(&launch, "trap '' INT USR1; sleep 0.3", false);
        kill(getpid(), SIGUSR1);
        launch_forward(&launch);
        cr_expect_not(launch.told_to_stop);
        kill(getpid(), SIGINT);
        launch_forward(&launch);
        cr_expect(launch.told_to_stop);
        kill(launch.pid, SIGKILL);
        launch_wait(&launch);
        launch_close(&launch);
}

Test(command_launch, a_signal_sent_to_us_is_passed_on)
{
        struct launch launch;

        start(&launch, "trap 'exit 7' USR1; while :; do sleep 0.01; done", false);
        usleep(200000); /* until the trap is set: before, it would be killed and the status 128 + 10 */
        kill(getpid(), SIGUSR1);
        cr_expect_eq(launch_wait(&launch), 7);
        launch_close(&launch);
}

Test(command_launch, the_end_is_told)
{
        struct launch launch;

        start(&launch, "sleep 0.1", false);
        cr_expect_not(launch_reap(&launch));
        struct pollfd fd = { .fd = launch.ended_fd, .events = POLLIN };
        cr_expect_eq(poll(&fd, 1, 10000), 1);
        cr_expect(launch_reap(&launch));
        launch_close(&launch);
}

/* The orphan is ours until it ends, and does not pass for the command. */
Test(command_launch, orphans_are_adopted)
{
        struct launch launch;

        start(&launch, "(sleep 0.3; exit 9) & exit 4", true);
        cr_expect_eq(launch_wait(&launch), 4);
        cr_expect_eq(waitpid(-1, NULL, WNOHANG), 0, "a child that runs");
        cr_expect_gt(waitpid(-1, NULL, 0), 0);
        prctl(PR_SET_CHILD_SUBREAPER, 0);
        launch_close(&launch);
}

Test(command_launch, closing_nothing)
{
        struct launch launch = LAUNCH_NONE;

        launch_close(&launch);
        cr_expect_eq(launch.signals, -1);
}
