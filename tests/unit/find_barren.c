/* SPDX-License-Identifier: Apache-2.0 */
/* Files that make no process a Python, on real processes; and programs by their names. */
#include "agent/find/barren.h"
#include "agent/find/internal.h"
#include "agent/find/usual.h"
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

SUITE(find_barren);

static const char *python = "no file";
static size_t n_asked;

static bool has_python(const char *path, int fd)
{
        struct stat st;

        n_asked++;
        cr_expect_eq(fstat(fd, &st), 0);
        return strstr(path, python) != NULL;
}

static struct find_barren *open_barren(void)
{
        struct find_barren *barren;

        cr_assert_eq(find_barren_new(has_python, &barren), 0);
        return barren;
}

/* Whether all that @pid has mapped is barren, once all of it is known. */
static bool is_barren_at_last(struct find_barren *barren, pid_t pid)
{
        for (int i = 0; i < 200; i++) {
                if (find_barren_has(barren, pid))
                        return true;
                find_barren_learn(barren, pid);
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

Test(find_barren, what_is_not_known_is_not_barren)
{
        struct find_barren *barren = open_barren();
        pid_t pid = child_start(child_idle, NULL);

        cr_expect_not(find_barren_has(barren, pid));
        cr_expect_not(find_barren_has(NULL, pid));
        find_barren_learn(NULL, pid);
        find_barren_learn(barren, pid + 1);
        cr_expect_eq(n_asked, 0);
        cr_expect(is_barren_at_last(barren, pid));
        size_t asked = n_asked;
        for (int i = 0; i < 5; i++)
                cr_expect(find_barren_has(barren, pid));
        cr_expect_eq(n_asked, asked, "what is known is not looked into again");
        cr_expect_not(find_barren_has(barren, gone_pid()));
        cr_expect_not(find_barren_has(barren, 2), "a kernel thread has no program");
        child_end(pid);
        find_barren_free(barren);
}

Test(find_barren, a_single_file_may_make_it_a_python)
{
        struct find_barren *barren = open_barren();
        pid_t pid = child_start(child_idle, NULL);

        python = "libc.so";
        cr_expect_not(is_barren_at_last(barren, pid));
        cr_expect_gt(n_asked, 0);
        child_end(pid);
        find_barren_free(barren);
}

/* The inode is the same one, and so is the path. */
Test(find_barren, a_program_that_is_built_anew_is_not_known)
{
        struct find_barren *barren = open_barren();

        make_program();
        pid_t pid = execute();
        cr_assert(is_barren_at_last(barren, pid));
        child_end(pid);
        pid = execute();
        cr_expect(find_barren_has(barren, pid), "it is the same one");
        child_end(pid);
        copy_program("/bin/sleep");
        pid = execute();
        cr_expect_not(find_barren_has(barren, pid));
        cr_expect(is_barren_at_last(barren, pid));
        child_end(pid);
        temp_remove(dir);
        find_barren_free(barren);
}

Test(find_barren, a_program_is_believed_after_several_looks)
{
        struct find_barren *barren = open_barren();

        make_program();
        pid_t pid = execute(), other = child_start(child_idle, NULL);
        cr_assert(is_barren_at_last(barren, pid));
        cr_expect_not(find_barren_has_program(barren, pid));
        for (int i = 0; i < 3; i++)
                cr_expect(find_barren_has(barren, pid));
        cr_expect(find_barren_has_program(barren, pid));
        cr_expect_not(find_barren_has_program(barren, other));
        cr_expect_not(find_barren_has_program(NULL, pid));
        find_barren_forget_program(barren, pid);
        for (int i = 0; i < 10; i++)
                cr_expect(find_barren_has(barren, pid));
        cr_expect_not(find_barren_has_program(barren, pid), "it was Python once");
        child_end(pid);
        child_end(other);
        temp_remove(dir);
        find_barren_free(barren);
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

Test(find_barren, a_long_list_of_mappings_is_not_read)
{
        struct find_barren *barren = open_barren();
        pid_t pid = child_start(map_a_lot, NULL);

        cr_expect_not(is_barren_at_last(barren, pid));
        cr_expect_eq(n_asked, 0);
        child_end(pid);
        find_barren_free(barren);
}

/* ---- programs by name ---------------------------------------------------------------------- */

Test(find_barren, a_name_is_usual_after_several_looks)
{
        struct find_usual *usual;

        cr_assert_eq(find_usual_new(&usual), 0);
        for (int i = 0; i < 4; i++) {
                cr_expect_not(find_usual_is_other(usual, "cc1"));
                find_usual_note(usual, "cc1", false);
                find_usual_note(usual, "python3.13", false);
                find_usual_note(usual, "gunicorn", false);
        }
        cr_expect(find_usual_is_other(usual, "cc1"));
        cr_expect_not(find_usual_is_other(usual, "python3.13"));
        cr_expect_not(find_usual_is_other(usual, ""));
        find_usual_note(usual, "gunicorn", true);
        for (int i = 0; i < 9; i++)
                find_usual_note(usual, "gunicorn", false);
        cr_expect_not(find_usual_is_other(usual, "gunicorn"));
        find_usual_free(usual);
        find_usual_free(NULL);
}

Test(find_barren, names_are_bounded_and_pythons_are_kept)
{
        struct find_usual *usual;
        char name[NSUTIL_COMM_SIZE];

        cr_assert_eq(find_usual_new(&usual), 0);
        find_usual_note(usual, "gunicorn", true);
        for (int i = 0; i < 4 * FIND_USUAL_NAMES_MAX; i++) {
                snprintf(name, sizeof(name), "n%d", i / 4);
                find_usual_note(usual, name, false);
        }
        cr_expect_not(find_usual_is_other(usual, "n0"), "forgotten");
        cr_expect(find_usual_is_other(usual, "n511"));
        for (int i = 0; i < 9; i++)
                find_usual_note(usual, "gunicorn", false);
        cr_expect_not(find_usual_is_other(usual, "gunicorn"));
        find_usual_free(usual);
}
