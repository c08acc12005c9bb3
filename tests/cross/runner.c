/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a room's unit tests under qemu-user, where Criterion cannot: it starts the
 * program anew for each test, with its memory arranged, which the emulator's does
 * not survive. Here each test is a fork. What is defined here takes the place of
 * Criterion's; the texts of assertions still come from there.
 */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* No test takes longer by itself; emulated, on a busy machine. */
#define TIMEOUT_S 120

/* In a test's process. */
enum { PASSED, FAILED, SKIPPED };
static int outcome;

extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[], *__stop_cr_sts[];

void criterion_send_assert(struct criterion_assert_stats *stats)
{
        if (!stats->passed)
                printf("%s:%u: %s\n", stats->file, stats->line, stats->message);
}

void criterion_continue_test(void)
{
        outcome = FAILED;
}

void criterion_abort_test(void)
{
        fflush(stdout);
        _exit(FAILED);
}

void criterion_skip_test(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        puts("");
        fflush(stdout);
        _exit(SKIPPED);
}

static const struct criterion_test *current;

static const struct criterion_suite *suite_of(const struct criterion_test *test)
{
        for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++)
                if (strcmp((*s)->name, test->category) == 0)
                        return *s;
        return NULL;
}

void criterion_internal_test_setup(void)
{
        const struct criterion_suite *suite = suite_of(current);

        if (suite && suite->data->init)
                suite->data->init();
        if (current->data->init)
                current->data->init();
}

void criterion_internal_test_main(void (*fn)(void))
{
        fn();
}

void criterion_internal_test_teardown(void)
{
        const struct criterion_suite *suite = suite_of(current);

        if (current->data->fini)
                current->data->fini();
        if (suite && suite->data->fini)
                suite->data->fini();
}

static int run(const struct criterion_test *test)
{
        int status;

        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
                alarm(TIMEOUT_S);
                current = test;
                test->test();
                fflush(stdout);
                _exit(outcome);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                abort();
        if (WIFEXITED(status) && WEXITSTATUS(status) <= SKIPPED)
                return WEXITSTATUS(status);
        printf("it ended with status %#x\n", (unsigned)status);
        return FAILED;
}

/* An argument is a part of the names of the tests to run, or of their suites'. */
int main(int argc, char **argv)
{
        unsigned count[3] = { 0 };

        for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
                if (argc > 1 && !strstr((*t)->name, argv[1]) && !strstr((*t)->category, argv[1]))
                        continue;
                int result = run(*t);
                if (result == FAILED)
                        printf("[FAIL] %s::%s\n", (*t)->category, (*t)->name);
                count[result]++;
        }
        printf("%u passed, %u failed, %u skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
        return count[PASSED] == 0 || count[FAILED] > 0;
}
