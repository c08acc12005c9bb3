/* SPDX-License-Identifier: Apache-2.0 */
/* What engines can be had: a process without capabilities gets less, and says what. */
#include "tests/unit/support/suite.h"

#include "agent/sample/sample.h"

#include <errno.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(sample_probe);

Test(sample_probe, counts_cpus_and_leaves_the_caller_alone)
{
        struct sample_probe probe;
        cpu_set_t before, after;

        cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
        cr_assert_eq(sample_probe(&probe), 0);
        cr_expect_eq(probe.cpus, (unsigned)get_nprocs());
        cr_expect(probe.pinned > 0 && probe.pinned <= probe.cpus);
        cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
        cr_expect(CPU_EQUAL(&before, &after));
        cr_expect_eq(sched_getscheduler(0), SCHED_OTHER);
}

/* An ordinary user's: no SCHED_FIFO. Events depend on kernel.perf_event_paranoid. */
static int probe_as_nobody(void)
{
        struct sample_probe probe;

        if (setresuid(65534, 65534, 65534) != 0 || sample_probe(&probe) != 0)
                return 99;
        return probe.realtime || (probe.perf_own_user != 0 && probe.perf_machine == 0);
}

Test(sample_probe, without_capabilities)
{
        int status;

        if (geteuid() != 0)
                cr_skip("needs root");
        pid_t pid = fork();
        if (pid == 0)
                _exit(probe_as_nobody());
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
}
