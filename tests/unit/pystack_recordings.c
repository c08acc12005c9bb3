/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of real interpreters, read again from recordings and compared with what
 * the interpreters themselves said of them: names, files and lines of each frame.
 * Every file in the folder is read, so a recording that is dropped in is tested.
 */
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include "pystack/pystack.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_recordings);

#define RECORDINGS "tests/fixtures/recordings/*.txt"

/* A comment "# KEY" with up to three words behind it, all between tabs. */
struct claim {
        char line[512];
        char *words[4];
        size_t n;
};

static bool next_claim(FILE *file, struct claim *ret)
{
        while (fgets(ret->line, sizeof ret->line, file)) {
                if (strncmp(ret->line, "# ", 2) != 0)
                        continue;
                char *rest = ret->line + 2, *word;
                ret->line[strcspn(ret->line, "\n")] = '\0';
                for (ret->n = 0; ret->n < 4 && (word = strsep(&rest, "\t")); ret->n++)
                        ret->words[ret->n] = word;
                return true;
        }
        return false;
}

/* The thread whose pthread_t is @ident, sampled. */
static struct pystack_thread *sample(struct pystack *py, uint64_t ident, struct pystack_stack *ret)
{
        const struct pystack_thread_ref *refs;
        struct pystack_thread *thread = NULL;
        size_t n;

        cr_assert_eq(pystack_threads(py, &refs, &n), 0);
        for (size_t i = 0; i < n; i++) {
                if (refs[i].pthread != ident)
                        continue;
                cr_expect_gt(refs[i].inner_tid, 0);
                cr_assert_eq(pystack_thread_open(py, &refs[i], &thread), 0);
                cr_assert_eq(pystack_sample(py, thread, 3, ret), 0);
        }
        return thread;
}

static void compare(struct pystack *py, const struct pystack_frame *frame, const struct claim *claim, const char *path)
{
        const char *name = frame_name(frame), *file = frame_file(frame);
        uint32_t line = pystack_line(py, frame);

        cr_expect_str_eq(name, claim->words[1], "%s: %s, not %s", path, name, claim->words[1]);
        cr_expect_str_eq(file, claim->words[2], "%s: %s, not %s", path, file, claim->words[2]);
        cr_expect_eq(line, strtoul(claim->words[3], NULL, 10), "%s: %s at line %u, not %s", path, name, line,
                     claim->words[3]);
}

/* Returns the frames compared. */
static size_t check(struct pystack *py, const struct pystack_info *info, FILE *file, const char *path)
{
        struct pystack_thread *thread = NULL;
        struct pystack_stack stack = { 0 };
        struct claim claim;
        size_t at = 0, compared = 0;

        while (next_claim(file, &claim)) {
                if (strcmp(claim.words[0], "version") == 0)
                        cr_expect_eq(info->version, strtoul(claim.words[1], NULL, 16), "%s", path);
                if (strcmp(claim.words[0], "frame") == 0) {
                        cr_assert_lt(at, stack.n, "%s: %s is missing", path, claim.words[1]);
                        compare(py, &stack.frames[at++], &claim, path);
                        compared++;
                }
                if (strcmp(claim.words[0], "thread") == 0 || strcmp(claim.words[0], "end") == 0) {
                        cr_expect_eq(at, stack.n, "%s: %zu frames, not %zu", path, stack.n, at);
                        pystack_thread_close(thread);
                        thread = NULL;
                        at = 0;
                        stack.n = 0;
                }
                if (strcmp(claim.words[0], "thread") == 0) {
                        thread = sample(py, strtoull(claim.words[1], NULL, 16), &stack);
                        cr_assert(thread, "%s: no thread %s", path, claim.words[1]);
                }
        }
        pystack_thread_close(thread);
        return compared;
}

Test(pystack_recordings, agree_with_what_their_interpreters_said)
{
        glob_t found;

        cr_assert_eq(glob(RECORDINGS, 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                struct pystack *py = NULL;
                struct pystack_info info;
                FILE *file = fopen(found.gl_pathv[i], "r");
                cr_assert(file);
                int e = pystack_open_recording(file, NULL, &py, &info);
                cr_assert_eq(e, 0, "%s: %s %s", found.gl_pathv[i], pystack_strerror(e), info.detail);
                rewind(file);
                size_t compared = check(py, &info, file, found.gl_pathv[i]);
                cr_expect_gt(compared, 15, "%s: only %zu frames", found.gl_pathv[i], compared);
                pystack_close(py);
                fclose(file);
        }
        cr_expect_geq(found.gl_pathc, 15);
        globfree(&found);
}
