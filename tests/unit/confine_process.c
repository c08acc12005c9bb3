/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process can still do after it has confined itself: tried in children,
 * who tell by their exit status.
 */
#include "agent/confine/confine.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(confine_process);

/* The wait status of a child that runs @body, whose result is its exit status. */
static int in_child(int (*body)(void *ctx), void *ctx)
{
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(body(ctx));
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return status;
}

/* ---- system calls ------------------------------------------------------------ */

static int try_fork(void)
{
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        return pid < 0 ? errno : 0;
}

static int try_exec(void)
{
        execl("/bin/true", "true", NULL);
        return errno;
}

static int try_writing(void)
{
        char from[8] = "", to[8] = "";
        struct iovec local = { from, 8 }, remote = { to, 8 };

        return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) < 0 ? errno : 0;
}

static int try_ptrace(void)
{
        return ptrace(PTRACE_SEIZE, getppid(), 0, 0) < 0 ? errno : 0;
}

static int try_packets(void)
{
        return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0;
}

static int try_namespace(void)
{
        return unshare(CLONE_NEWNS) < 0 ? errno : 0;
}

static int try_kill(void)
{
        return kill(getpid(), 0) < 0 ? errno : 0;
}

static int try_mount(void)
{
        return mount("none", "/mnt", "tmpfs", MS_RDONLY, NULL) < 0 ? errno : 0;
}

static int try_reading(void)
{
        char from[8] = "", to[8] = "";
        struct iovec local = { to, 8 }, remote = { from, 8 };

        return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0 ? errno : 0;
}

static void *set_flag(void *flag)
{
        *(bool *)flag = true;
        return NULL;
}

static int try_thread(void)
{
        pthread_t thread;
        bool flag = false;
        int r = pthread_create(&thread, NULL, set_flag, &flag);

        if (r == 0)
                r = pthread_join(thread, NULL);
        return r == 0 && !flag ? EIO : r;
}

static int try_file(void)
{
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? errno : close(fd);
}

static int try_socket(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd < 0 ? errno : close(fd);
}

static int try_writing_a_file(void)
{
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        return fd < 0 ? errno : close(fd);
}

static int try_removing(void)
{
        return unlink("/no/such/file") < 0 && errno != ENOENT ? errno : 0;
}

static int try_killing_another(void)
{
        return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_waiting(void)
{
        return waitpid(-1, NULL, WNOHANG) < 0 && errno != ECHILD ? errno : 0;
}

static int try_drawing(void)
{
        struct winsize size;

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 && errno != ENOTTY ? errno : 0;
}

/* A byte that a shell would read as if it had been typed. */
static int try_typing(void)
{
        return ioctl(STDERR_FILENO, TIOCSTI, "x") < 0 && errno != ENOTTY ? errno : 0;
}

static int try_stream(void)
{
        struct stat st;

        return isatty(STDERR_FILENO) || errno == EPERM || fstat(STDERR_FILENO, &st) < 0 ? errno : 0;
}

#define AGENT (1u << CONFINE_AGENT)
#define COLLECTOR (1u << CONFINE_COLLECTOR)
#define RECORDER (1u << CONFINE_RECORDER)
#define VIEWER (1u << CONFINE_VIEWER)
#define CONVERTER (1u << CONFINE_CONVERTER)
#define SOURCE_READER (1u << CONFINE_SOURCE_READER)
#define ALL (AGENT | COLLECTOR | RECORDER | VIEWER | CONVERTER | SOURCE_READER)

/* What LeakSanitizer needs, everybody may: see calls.c. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED ALL
#else
#define SANITIZED 0
#endif

static const enum confine_role roles[] = { CONFINE_AGENT,  CONFINE_COLLECTOR, CONFINE_RECORDER,
                                           CONFINE_VIEWER, CONFINE_CONVERTER, CONFINE_SOURCE_READER };

static const struct attempt {
        const char *name;
        int (*body)(void); /* 0 or errno */
        unsigned may;      /* who */
} attempts[] = {
        { "fork", try_fork, 0 },
        { "exec", try_exec, 0 },
        { "write to memory", try_writing, 0 },
        { "ptrace", try_ptrace, 0 },
        { "packet socket", try_packets, 0 },
        { "namespace", try_namespace, 0 },
        { "kill another", try_killing_another, 0 },
        { "kill", try_kill, RECORDER },
        { "mount", try_mount, 0 },
        { "type", try_typing, 0 },
        { "read memory", try_reading, AGENT | RECORDER | VIEWER },
        { "thread", try_thread, ALL },
        { "stream", try_stream, ALL },
        { "file", try_file, (ALL & ~CONVERTER) | SANITIZED },
        { "write a file", try_writing_a_file, AGENT | COLLECTOR },
        { "remove a file", try_removing, AGENT | COLLECTOR },
        { "socket", try_socket, AGENT | COLLECTOR | VIEWER },
        { "wait", try_waiting, RECORDER | CONVERTER | SOURCE_READER | SANITIZED },
        { "draw", try_drawing, RECORDER },
};

struct trial {
        const struct attempt *attempt;
        enum confine_role role;
        enum confine_answer answer;
};

static int run(void *ctx)
{
        const struct trial *trial = ctx;

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        return confine_calls(trial->role, trial->answer) < 0 ? 254 : trial->attempt->body();
}

static void expect(const struct attempt *attempt, enum confine_role role, bool allowed)
{
        struct trial trial = { attempt, role, CONFINE_DENY };
        int status = in_child(run, &trial);

        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == (allowed ? 0 : EPERM), "%s, role %d: %x", attempt->name,
                  role, status);
        if (allowed)
                return;
        trial.answer = CONFINE_KILL;
        status = in_child(run, &trial);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s, role %d: %x", attempt->name, role, status);
}

Test(confine_process, calls)
{
        for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
                for (size_t k = 0; k < sizeof(roles) / sizeof(*roles); k++)
                        expect(&attempts[i], roles[k], attempts[i].may & 1u << roles[k]);
}

/* ---- capabilities --------------------------------------------------------------- */

static void note(void *ctx, const char *name, const char *loss)
{
        char *list = ctx;

        if (*loss)
                strcat(strcat(list, name), " ");
}

/* Gives up the one capability *@ctx, confines itself as an agent, and checks what is said and left. */
static int lack_one(void *ctx)
{
        cap_value_t lacking = *(const cap_value_t *)ctx;
        cap_t caps = cap_get_proc();
        char said[512] = "", *name = cap_to_name(lacking), *c;

        cap_set_flag(caps, CAP_PERMITTED, 1, &lacking, CAP_CLEAR);
        cap_set_flag(caps, CAP_EFFECTIVE, 1, &lacking, CAP_CLEAR);
        /* Of two that serve, both. */
        cap_set_flag(caps, CAP_PERMITTED, 1, &(cap_value_t){ CAP_SYS_ADMIN }, CAP_CLEAR);
        cap_set_flag(caps, CAP_EFFECTIVE, 1, &(cap_value_t){ CAP_SYS_ADMIN }, CAP_CLEAR);
        if (cap_set_proc(caps) < 0 || confine_capabilities(CONFINE_AGENT, note, said) < 0)
                return 1;
        cap_free(caps);
        caps = cap_get_proc();
        for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
                bool needed = cap == CAP_SYS_PTRACE || cap == CAP_DAC_READ_SEARCH || cap == CAP_PERFMON ||
                              cap == CAP_SYS_NICE;
                cap_flag_value_t has;
                cap_get_flag(caps, cap, CAP_PERMITTED, &has);
                if ((has == CAP_SET) != (needed && cap != lacking) || cap_get_bound(cap) != (needed && cap != lacking))
                        return 2;
        }
        for (c = name; *c; c++)
                *c = *c == '_' ? '_' : (char)(*c - 'a' + 'A');
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || strncmp(said, name, strlen(name)) != 0 ? 3 : 0;
}

static int collect(void *ctx)
{
        cap_t none = cap_init(), caps;

        if (confine_capabilities(CONFINE_COLLECTOR, NULL, ctx) < 0)
                return 1;
        caps = cap_get_proc();
        return cap_compare(caps, none) != 0;
}

static void require_capabilities(void)
{
        cap_t caps = cap_get_proc();
        cap_flag_value_t has;

        cap_get_flag(caps, CAP_PERFMON, CAP_PERMITTED, &has);
        cap_free(caps);
        if (geteuid() != 0 || has != CAP_SET)
                cr_skip_test("takes root and all capabilities");
}

Test(confine_process, what_is_missing_is_said_and_the_rest_given_up)
{
        static const cap_value_t needed[] = { CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_PERFMON, CAP_SYS_NICE };

        require_capabilities();
        for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
                cap_value_t lacking = needed[i];
                int status = in_child(lack_one, &lacking);
                cr_expect_eq(status, 0, "%s: %x", cap_to_name(lacking), status);
        }
}

Test(confine_process, a_collector_keeps_none)
{
        require_capabilities();
        cr_expect_eq(in_child(collect, NULL), 0);
}
