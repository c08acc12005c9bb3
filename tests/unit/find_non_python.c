/* SPDX-License-Identifier: Apache-2.0 */
/* Files that make no process a Python, on real processes; and programs by their names. */
#include "agent/find/internal.h"
#include "agent/find/non_python.h"
#include "agent/find/programs.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

SUITE(find_non_python);

static const char *python = "no file";
static size_t n_asked;

static bool has_python(const char *path, int fd)
{
        struct stat st;

        n_asked++;
        cr_expect_eq(fstat(fd, &st), 0);
        return strstr(path, python) != NULL;
}

static struct find_non_python *open_non_python(void)
{
        struct find_non_python *non_python;

        cr_assert_eq(find_non_python_new(has_python, &non_python), 0);
        return non_python;
}

/* Whether all that @pid has mapped is non_python, once all of it is known. */
static bool is_non_python_at_last(struct find_non_python *non_python, pid_t pid)
{
        for (int i = 0; i < 200; i++) {
                if (find_non_python_has(non_python, pid))
                        return true;
                find_non_python_learn(non_python, pid);
                usleep(10000);
        }
        return false;
}

static char dir[64], program[128];

static pid_t execute(void)
{
        char *const args[] = { program, (char[]){ "60" }, NULL };
        char exe[PATH_MAX] = "";
        pid_t pid = fork();

        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execv(program, args);
                _exit(1);
        }
        for (int i = 0; i < 2000 && strcmp(exe, program) != 0; i++) {
                usleep(5000);
                nsutil_exe(pid, exe, sizeof(exe));
        }
        usleep(100000); /* its loader has done its work */
        return pid;
}

static void copy_program(const char *from)
{
        char *text;
        size_t len;

        cr_assert_eq(nsutil_read_file_at(AT_FDCWD, from, (size_t)64 << 20, &text, &len), 0);
        int fd = open(program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, len), (ssize_t)len);
        close(fd);
        free(text);
}

static void make_program(void)
{
        temp_make(dir, sizeof(dir));
        snprintf(program, sizeof(program), "%s/sleeper", dir);
        copy_program("/bin/sleep");
}

Test(find_non_python, what_is_not_known_is_not_non_python)
{
        struct find_non_python *non_python = open_non_python();
        pid_t pid = child_start(child_idle, NULL);

        cr_expect_not(find_non_python_has(non_python, pid));
        cr_expect_not(find_non_python_has(NULL, pid));
        find_non_python_learn(NULL, pid);
        find_non_python_learn(non_python, pid + 1);
        cr_expect_eq(n_asked, 0);
        cr_expect(is_non_python_at_last(non_python, pid));
        size_t asked = n_asked;
        for (int i = 0; i < 5; i++)
                cr_expect(find_non_python_has(non_python, pid));
        cr_expect_eq(n_asked, asked, "what is known is not looked into again");
        cr_expect_not(find_non_python_has(non_python, gone_pid()));
        cr_expect_not(find_non_python_has(non_python, 2), "a kernel thread has no program");
        child_end(pid);
        find_non_python_free(non_python);
}

Test(find_non_python, a_single_file_may_make_it_a_python)
{
        struct find_non_python *non_python = open_non_python();
        pid_t pid = child_start(child_idle, NULL);

        python = "libc.so";
        cr_expect_not(is_non_python_at_last(non_python, pid));
        cr_expect_gt(n_asked, 0);
        child_end(pid);
        find_non_python_free(non_python);
}

/* The inode is the same one, and so is the path. */
Test(find_non_python, a_program_that_is_built_anew_is_not_known)
{
        struct find_non_python *non_python = open_non_python();

        make_program();
        pid_t pid = execute();
        cr_assert(is_non_python_at_last(non_python, pid));
        child_end(pid);
        pid = execute();
        cr_expect(find_non_python_has(non_python, pid), "it is the same one");
        child_end(pid);
        copy_program("/bin/sleep");
        pid = execute();
        cr_expect_not(find_non_python_has(non_python, pid));
        cr_expect(is_non_python_at_last(non_python, pid));
        child_end(pid);
        temp_remove(dir);
        find_non_python_free(non_python);
}

Test(find_non_python, a_program_is_believed_after_several_looks)
{
        struct find_non_python *non_python = open_non_python();

        make_program();
        pid_t pid = execute(), other = child_start(child_idle, NULL);
        cr_assert(is_non_python_at_last(non_python, pid));
        cr_expect_not(find_non_python_has_program(non_python, pid));
        for (int i = 0; i < 3; i++)
                cr_expect(find_non_python_has(non_python, pid));
        cr_expect(find_non_python_has_program(non_python, pid));
        cr_expect_not(find_non_python_has_program(non_python, other));
        cr_expect_not(find_non_python_has_program(NULL, pid));
        find_non_python_forget_program(non_python, pid);
        for (int i = 0; i < 10; i++)
                cr_expect(find_non_python_has(non_python, pid));
        cr_expect_not(find_non_python_has_program(non_python, pid), "it was Python once");
        child_end(pid);
        child_end(other);
        temp_remove(dir);
        find_non_python_free(non_python);
}

/* 2000 mappings of code of one file, apart so that they stay 2000. */
static int map_a_lot(void *ctx)
{
        int fd = open("/bin/sleep", O_RDONLY | O_CLOEXEC);

        (void)ctx;
        for (int i = 0; i < 2000; i++)
                if (mmap(NULL, 4096, PROT_READ | (i % 2 ? PROT_EXEC : 0), MAP_PRIVATE, fd, 0) == MAP_FAILED)
                        return 1;
        close(fd);
        return 0;
}

Test(find_non_python, a_long_list_of_mappings_is_not_read)
{
        struct find_non_python *non_python = open_non_python();
        pid_t pid = child_start(map_a_lot, NULL);

        cr_expect_not(is_non_python_at_last(non_python, pid));
        cr_expect_eq(n_asked, 0);
        child_end(pid);
        find_non_python_free(non_python);
}

/* ---- programs by name ---------------------------------------------------------------------- */

Test(find_non_python, a_name_is_of_another_program_after_several_looks)
{
        struct find_programs *programs;

        cr_assert_eq(find_programs_new(&programs), 0);
        for (int i = 0; i < 4; i++) {
                cr_expect_not(find_programs_is_other(programs, "cc1"));
                find_programs_note(programs, "cc1", false);
                find_programs_note(programs, "python3.13", false);
                find_programs_note(programs, "gunicorn", false);
        }
        cr_expect(find_programs_is_other(programs, "cc1"));
        cr_expect_not(find_programs_is_other(programs, "python3.13"));
        cr_expect_not(find_programs_is_other(programs, ""));
        find_programs_note(programs, "gunicorn", true);
        for (int i = 0; i < 9; i++)
                find_programs_note(programs, "gunicorn", false);
        cr_expect_not(find_programs_is_other(programs, "gunicorn"));
        find_programs_free(programs);
        find_programs_free(NULL);
}

Test(find_non_python, names_are_bounded_and_pythons_are_kept)
{
        struct find_programs *programs;
        char name[NSUTIL_COMM_SIZE];

        cr_assert_eq(find_programs_new(&programs), 0);
        find_programs_note(programs, "gunicorn", true);
        for (int i = 0; i < 4 * FIND_PROGRAMS_MAX; i++) {
                snprintf(name, sizeof(name), "n%d", i / 4);
                find_programs_note(programs, name, false);
        }
        cr_expect_not(find_programs_is_other(programs, "n0"), "forgotten");
        cr_expect(find_programs_is_other(programs, "n511"));
        for (int i = 0; i < 9; i++)
                find_programs_note(programs, "gunicorn", false);
        cr_expect_not(find_programs_is_other(programs, "gunicorn"));
        find_programs_free(programs);
}
