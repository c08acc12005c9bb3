/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/nsutil_helper.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child_main(int (*body)(void *ctx), void *ctx, int ready_fd)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (body(ctx) || write(ready_fd, "", 1) != 1)
                _exit(1);
        for (;;)
                pause();
}

pid_t child_start(int (*body)(void *ctx), void *ctx)
{
        int fds[2];
        char byte;

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0)
                child_main(body, ctx, fds[1]);
        close(fds[1]);
        ssize_t n = read(fds[0], &byte, 1);
        close(fds[0]);
        if (n == 1)
                return pid;
        waitpid(pid, NULL, 0);
        return -1;
}

void child_end(pid_t pid)
{
        cr_assert_gt(pid, 0, "the child began"); /* kill(-1) would reach everybody */
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

int child_idle(void *ctx)
{
        (void)ctx;
        return 0;
}

pid_t gone_pid(void)
{
        pid_t pid = child_start(child_idle, NULL);

        child_end(pid);
        return pid;
}

void temp_make(char *ret, size_t size)
{
        snprintf(ret, size, "/tmp/podflame-unit-XXXXXX");
        cr_assert_not_null(mkdtemp(ret));
}

void temp_remove(const char *dir)
{
        DIR *entries = opendir(dir);
        struct dirent *entry;

        while (entries && (entry = readdir(entries)))
                unlinkat(dirfd(entries), entry->d_name, 0);
        if (entries)
                closedir(entries);
        rmdir(dir);
}

void temp_write(const char *dir, const char *name, const void *data, size_t len)
{
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, data, len), (ssize_t)len);
        close(fd);
}

void forgo_map_files(void)
{
        static const cap_value_t needed[] = { CAP_SYS_ADMIN, CAP_CHECKPOINT_RESTORE };
        cap_t caps = cap_get_proc();

        cr_assert_not_null(caps);
        cr_assert_eq(cap_set_flag(caps, CAP_EFFECTIVE, 2, needed, CAP_CLEAR), 0);
        cr_assert_eq(cap_set_proc(caps), 0);
        cap_free(caps);
}

void require(int condition, const char *what)
{
        if (condition)
                return;
        if (getenv("MUST_WORK"))
                cr_assert(0, "%s", what);
        cr_skip_test("%s", what);
}

void require_root(void)
{
        require(geteuid() == 0, "needs root");
}
