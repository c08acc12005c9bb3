/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/record/revision.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder, its files made by put() and removed at the end. */
static char folder[] = "/tmp/podflame-revision-XXXXXX";

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "76543210fedcba9876543210fedcba9876543210"
#define SHA256 COMMIT "0123456789abcdef01234567"

static void run(const char *command)
{
        cr_assert_eq(system(command), 0, "%s", command);
}

static void make_folder(void)
{
        cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
        char command[64];

        snprintf(command, sizeof command, "rm -r %s", folder);
        run(command);
        abort_on_leaks();
}

TestSuite(command_revision, .init = make_folder, .fini = remove_folder, .timeout = 60);

/* A file of that content, with the folders above it. */
static void put(const char *name, const char *content)
{
        char path[256];

        for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
                snprintf(path, sizeof path, "%s/%.*s", folder, (int)(slash - name), name);
                mkdir(path, 0777);
        }
        snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(content, file);
        fclose(file);
}

/* What is checked out in @name; "": nothing. */
static const char *in(const char *name)
{
        static char revision[REVISION_SIZE];
        char path[256];

        snprintf(path, sizeof path, "%s/%s", folder, name);
        strcpy(revision, "unchanged");
        return revision_read(path, revision) ? revision : "";
}

Test(command_revision, of_a_branch)
{
        put(".git/HEAD", "ref: refs/heads/topic/one\n");
        cr_expect_str_eq(in("."), "", "a branch without a commit");
        put(".git/packed-refs", "# pack-refs with: peeled fully-peeled sorted\n" OTHER " refs/heads/topic/on\n" COMMIT
                                " refs/heads/topic/one\n^" OTHER "\n");
        cr_expect_str_eq(in("."), COMMIT);
        put(".git/refs/heads/topic/one", OTHER "\n");
        cr_expect_str_eq(in("."), OTHER, "what is packed is older");
}

Test(command_revision, of_no_branch)
{
        put(".git/HEAD", SHA256 "\n");
        put("src/deep/file", "");
        cr_expect_str_eq(in("src/deep"), SHA256);
        put("src/.git/HEAD", COMMIT "\n");
        cr_expect_str_eq(in("src/deep"), COMMIT, "the closest one");
}

Test(command_revision, of_a_further_working_tree)
{
        put("main/.git/HEAD", "ref: refs/heads/main\n");
        put("main/.git/refs/heads/main", OTHER "\n");
        put("main/.git/refs/heads/side", COMMIT "\n");
        put("main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n");
        put("main/.git/worktrees/side/commondir", "../..\n");
        put("side/.git", "gitdir: ../main/.git/worktrees/side\n");
        cr_expect_str_eq(in("side"), COMMIT);
        cr_expect_str_eq(in("main"), OTHER);
}

Test(command_revision, of_nothing)
{
        static const char *const heads[] = {
                "",
                "\n",
                "ref: ",
                "ref: refs/heads/main",
                "ref: ../secret",
                "ref: refs/../../secret",
                COMMIT "0",
                "ref: refs/heads",
                "0123",
                "ZZZ3456789abcdef0123456789abcdef01234567",
        };

        put("secret", COMMIT "\n");
        put(".git/refs/heads/other", COMMIT "\n");
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
                put(".git/HEAD", heads[i]);
                cr_expect_str_eq(in("."), "", "%s", heads[i]);
        }
        put("tree/.git", "gitdir: /nowhere\n");
        cr_expect_str_eq(in("tree"), "");
        cr_expect_str_eq(in("missing"), "");
}

/* Longer than any line of git's, than any path, and not a file at all. */
Test(command_revision, is_bounded)
{
        static char text[20000];

        memset(text, 'a', sizeof text - 1);
        memcpy(text, "ref: refs/", 10);
        put(".git/HEAD", text);
        cr_expect_str_eq(in("."), "");
        text[4000] = '\0';
        put(".git/HEAD", text);
        cr_expect_str_eq(in("."), "");
        put("tree/.git/HEAD/file", "");
        cr_expect_str_eq(in("tree"), "");
}
