/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/recording/launch.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(command_launch);

/* As a program does that has just begun. */
static struct launch open_launch(void)
{
        struct launch launch = LAUNCH_NONE;
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        cr_assert_eq(launch_open(&launch), 0);
        return launch;
}

/* Runs a shell's @script; returns what launch_start() does. */
static int start(struct launch *launch, const char *script, bool adopt)
{
        char shell[] = "sh", option[] = "-c", text[512];
        char *argv[] = { shell, option, text, NULL };

        snprintf(text, sizeof text, "%s", script);
        return launch_start(launch, argv, adopt);
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
                struct launch launch = open_launch();
                cr_assert_eq(start(&launch, ends[i].script, false), 0);
                cr_expect_eq(launch_wait(&launch), ends[i].status, "%s", ends[i].script);
                cr_expect_eq(launch_wait(&launch), ends[i].status, "%s: asked again", ends[i].script);
                launch_close(&launch);
        }
}

Test(command_launch, what_cannot_be_run)
{
        struct launch launch = open_launch();
        char missing[] = "/no/such/command", folder[] = "/";
        char *argv[] = { missing, NULL };

        cr_expect_eq(launch_start(&launch, argv, false), ENOENT);
        cr_expect_eq(launch_wait(&launch), 127);
        argv[0] = folder;
        cr_expect_eq(launch_start(&launch, argv, false), EACCES);
        cr_expect_eq(launch_wait(&launch), 126);
        launch_close(&launch);
}

Test(command_launch, one_after_the_other)
{
        struct launch launch = open_launch();
        char missing[] = "/no/such/command";
        char *argv[] = { missing, NULL };

        for (int status = 0; status < 3; status++) {
                char script[32];
                snprintf(script, sizeof script, "sleep 0.05; exit %d", status);
                cr_assert_eq(start(&launch, script, false), 0);
                cr_expect_not(launch_reap(&launch));
                cr_expect_eq(launch_wait(&launch), status);
        }
        cr_expect_eq(launch_start(&launch, argv, false), ENOENT);
        cr_expect_eq(launch_wait(&launch), 127, "that of the one before is no longer told");
        launch_close(&launch);
}

Test(command_launch, being_told_to_stop_is_noted)
{
        struct launch launch = open_launch();

        cr_assert_eq(start(&launch, "trap '' INT USR1; sleep 0.3", false), 0);
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
        struct launch launch = open_launch();

        cr_assert_eq(start(&launch, "trap 'exit 7' USR1; while :; do sleep 0.01; done", false), 0);
        usleep(200000); /* until the trap is set: before, it would be killed and the status 128 + 10 */
        kill(getpid(), SIGUSR1);
        cr_expect_eq(launch_wait(&launch), 7);
        launch_close(&launch);
}

Test(command_launch, the_end_is_told)
{
        struct launch launch = open_launch();

        cr_assert_eq(start(&launch, "sleep 0.1", false), 0);
        cr_expect_not(launch_reap(&launch));
        struct pollfd fd = { .fd = launch.ended_fd, .events = POLLIN };
        cr_expect_eq(poll(&fd, 1, 10000), 1);
        cr_expect(launch_reap(&launch));
        launch_close(&launch);
}

/* The orphan is ours until it ends, and does not pass for the command. */
Test(command_launch, orphans_are_adopted)
{
        struct launch launch = open_launch();

        cr_assert_eq(start(&launch, "(sleep 0.3; exit 9) & exit 4", true), 0);
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
