/* SPDX-License-Identifier: Apache-2.0 */
/* The process whose files are read is the test itself. */
#include "agent/command/record/sources.h"
#include "nsutil/nsutil.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(command_sources);

static char folder[64];

static void enter_folder(void)
{
        snprintf(folder, sizeof folder, "/tmp/podflame-sources-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
}

static void leave_folder(void)
{
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", folder);
        cr_assert_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
        static char path[128];

        snprintf(path, sizeof path, "%s/%s", folder, name);
        return path;
}

static void write_file(const char *name, const char *text)
{
        FILE *file = fopen(path_of(name), "w");

        fputs(text, file);
        fclose(file);
}

static struct find_process process_of(pid_t pid)
{
        struct find_process process = { .pid = pid };
        struct nsutil_stat stat;

        cr_assert_eq(nsutil_stat_read(pid, &stat), 0);
        process.start_time = stat.start_time;
        return process;
}

static struct profile *profile_of(const char *const *files, size_t n)
{
        struct profile *p = profile_new();

        for (size_t i = 0; i < n; i++) {
                profile_id frame = interned_frame(p, interned_function(p, "f", files[i], 1), 1);

                cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, n - i, 1), 0);
        }
        return p;
}

static void gather(struct sources *s, const struct find_process *process, const char *file)
{
        struct profile *p = profile_of(&file, 1);

        sources_gather(s, process->pid, process->start_time, p);
        profile_free(p);
}

static struct profile_set given(struct sources *s)
{
        struct profile_set set = { .items = NULL };

        sources_give(s, &set, true);
        sources_free(s);
        return set;
}

Test(command_sources, are_read, .init = enter_folder, .fini = leave_folder, .timeout = 60)
{
        struct sources *s = sources_new();
        struct find_process self = process_of(getpid());

        write_file("a.py", "one\ntwo\n");
        gather(s, &self, path_of("a.py"));
        gather(s, &self, "<string>");
        gather(s, &self, "a.py");

        struct profile_set set = given(s);

        cr_assert_eq(set.texts->n, 2);
        cr_expect_str_eq(profile_text_line(&set.texts->items[0], 2), "two");
        cr_expect_not_null(strstr(set.texts->items[1].why, "which folder"));
        profile_set_deinit(&set);
}

Test(command_sources, that_differ_between_processes_are_not_shown, .init = enter_folder, .fini = leave_folder,
     .timeout = 60)
{
        struct sources *s = sources_new();
        struct find_process self = process_of(getpid());

        write_file("same.py", "one\n");
        write_file("other.py", "one\n");
        gather(s, &self, path_of("same.py"));
        gather(s, &self, path_of("same.py"));
        gather(s, &self, path_of("other.py"));
        write_file("new", "two\n");

        char new[128];
        snprintf(new, sizeof new, "%s", path_of("new"));
        cr_assert_eq(rename(new, path_of("other.py")), 0);
        gather(s, &self, path_of("other.py"));

        struct profile_set set = given(s);

        cr_expect_str_eq(profile_text_line(profile_texts_find(set.texts, path_of("same.py")), 1), "one");
        cr_expect_not_null(strstr(profile_texts_find(set.texts, path_of("other.py"))->why, "different files"));
        profile_set_deinit(&set);
}

Test(command_sources, are_only_those_that_its_user_may_read, .init = enter_folder, .fini = leave_folder, .timeout = 60)
{
        static const struct {
                mode_t mode;
                uid_t owner;
                bool read;
        } cases[] = { { 0644, 0, true }, { 0640, 0, false }, { 0600, 65534, true }, { 0200, 65534, false } };
        struct sources *s = sources_new();
        int fds[2];

        if (geteuid() != 0)
                cr_skip_test("only root has files of others");
        cr_assert_eq(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
                char c;
                _exit(setuid(65534) != 0 || write(fds[1], "x", 1) != 1 || read(fds[0], &c, 0) != 0 || pause());
        }
        char c;
        cr_assert_eq(read(fds[0], &c, 1), 1);
        struct find_process process = process_of(child);

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char name[] = { (char)('a' + i), '\0' };

                write_file(name, "text\n");
                cr_assert_eq(chmod(path_of(name), cases[i].mode), 0);
                cr_assert_eq(chown(path_of(name), cases[i].owner, 0), 0);
                gather(s, &process, path_of(name));
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);

        struct profile_set set = given(s);

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                cr_expect_eq(set.texts->items[i].text != NULL, cases[i].read, "case %zu", i);
                if (!cases[i].read)
                        cr_expect_not_null(strstr(set.texts->items[i].why, "user may not read"));
        }
        profile_set_deinit(&set);
}

/* It has ended: of podflame's own root, and met before, files for everybody can still be read. */
Test(command_sources, of_one_that_has_ended, .init = enter_folder, .fini = leave_folder, .timeout = 60)
{
        struct sources *met = sources_new(), *unmet = sources_new();
        pid_t child = fork();

        if (child == 0) {
                pause();
                _exit(0);
        }
        struct find_process process = process_of(child), other = process;

        write_file("open.py", "one\n");
        write_file("closed.py", "two\n");
        cr_assert_eq(chmod(path_of("closed.py"), 0600), 0);
        sources_meet(met, &process);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        gather(met, &process, path_of("open.py"));
        gather(met, &process, path_of("closed.py"));
        other.start_time++; /* the PID is another process's by now */
        gather(unmet, &other, path_of("open.py"));

        struct profile_set set = given(met), none = given(unmet);

        cr_expect_str_eq(profile_text_line(profile_texts_find(set.texts, path_of("open.py")), 1), "one");
        cr_expect_not_null(strstr(profile_texts_find(set.texts, path_of("closed.py"))->why, "may not read"));
        cr_expect_not_null(strstr(none.texts->items[0].why, "had ended"));
        profile_set_deinit(&set);
        profile_set_deinit(&none);
}

Test(command_sources, are_bounded, .init = enter_folder, .fini = leave_folder, .timeout = 60)
{
        struct sources *s = sources_new();
        struct find_process self = process_of(getpid());

        write_file("a.py", "one\n");
        write_file("huge.py", "");
        cr_assert_eq(truncate(path_of("huge.py"), (off_t)1 << 40), 0);
        gather(s, &self, path_of("huge.py"));
        for (unsigned i = 1; i < 4096; i++)
                gather(s, &self, path_of("a.py"));
        write_file("b.py", "one\n");
        gather(s, &self, path_of("b.py"));
        for (unsigned i = 0; i < PROFILE_TEXTS_MAX; i++) {
                char name[16];
                snprintf(name, sizeof name, "%u.py", i);
                gather(s, &self, path_of(name));
        }

        struct profile_set set = given(s);

        cr_expect_not_null(strstr(profile_texts_find(set.texts, path_of("huge.py"))->why, "longer than 4 MiB"));
        cr_expect_not_null(strstr(profile_texts_find(set.texts, path_of("b.py"))->why, "4096 files were opened"));
        cr_expect_eq(set.texts->n, PROFILE_TEXTS_MAX);
        cr_expect_eq(set.texts->left_out, 3);
        profile_set_deinit(&set);
}
