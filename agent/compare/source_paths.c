/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two checkouts of a program lie in different folders, so files are compared by the part of their name that follows the
 * folder. For installed packages and the standard library that part follows site-packages or lib/pythonX.Y.
 *
 * For other files a vote finds the folders. Each file of one side looks for the file of the other side with the longest
 * common end of its name. The remaining beginnings of the two names are a pair of roots. The pair with the most votes
 * wins. Files outside of it keep their names. A package may be installed on one side and be in a checkout on the other.
 * A file that is installed on both sides does not vote.
 */
#include "source_paths.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The most functions that vote with their files, of all runs together. This bounds the cost of the vote. */
#define VOTERS_MAX (1u << 16)
/* The most files of one name that a voter looks at. Many are called __init__.py. */
#define NAMESAKES_MAX 256

/* ---- libraries ------------------------------------------------------------- */

static const char *after_last_folder(const char *file, const char *folder)
{
        const char *found = NULL;

        for (const char *at = strstr(file, folder); at; at = strstr(at + 1, folder))
                found = at + strlen(folder);
        return found;
}

/* The part of a name that follows "lib/python3.11/". */
static const char *after_standard_library(const char *file)
{
        static const char folder[] = "/lib/python";
        const char *version = after_last_folder(file, folder);

        if (!version || !isdigit((unsigned char)*version))
                return NULL;
        version += strspn(version, "0123456789.t");
        return *version == '/' ? version + 1 : NULL;
}

static const char *path_in_library(const char *file)
{
        const char *found = after_last_folder(file, "/site-packages/");

        if (!found)
                found = after_last_folder(file, "/dist-packages/");
        return found ? found : after_standard_library(file);
}

bool source_paths_library(const char *file)
{
        return path_in_library(file) != NULL;
}

static bool is_file(const char *file)
{
        return *file && *file != '<'; /* <frozen …>, <string> */
}

/* ---- the vote ---------------------------------------------------------------- */

struct voter {
        const char *file;
        const char *base; /* its last part */
        bool library;
};

struct voters {
        struct voter *items;
        size_t n;
};

struct vote {
        struct source_root roots[COMPARE_SIDES];
};

static int by_base(const void *a, const void *b)
{
        const struct voter *x = a, *y = b;
        int r = strcmp(x->base, y->base);

        return r ? r : strcmp(x->file, y->file);
}

static void add_voters(struct voters *voters, const struct profile *p)
{
        for (uint32_t id = 1; id <= profile_functions(p) && voters->n < VOTERS_MAX; id++) {
                const char *file = profile_function(p, id)->file;
                const char *inside = path_in_library(file);

                file = inside ? inside : file;
                if (!is_file(file) || (voters->n > 0 && strcmp(voters->items[voters->n - 1].file, file) == 0))
                        continue;

                voters->items[voters->n++] = (struct voter){
                        .file = file,
                        .base = profile_base_name(file),
                        .library = inside != NULL,
                };
        }
}

static int gather_voters(const struct profile_set *side, struct voters *ret)
{
        size_t kept = 0;

        ret->items = calloc(VOTERS_MAX, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; i < side->n; i++)
                add_voters(ret, side->items[i]);
        qsort(ret->items, ret->n, sizeof(*ret->items), by_base);
        for (size_t i = 0; i < ret->n; i++)
                if (kept == 0 || strcmp(ret->items[kept - 1].file, ret->items[i].file) != 0)
                        ret->items[kept++] = ret->items[i];
        ret->n = kept;
        return 0;
}

/* The length of the common end of two names, in whole parts. */
static size_t length_of_common_end(const char *a, const char *b)
{
        size_t x = strlen(a), y = strlen(b), n = 0, whole = 0;

        if (strcmp(a, b) == 0)
                return x;
        while (n < x && n < y && a[x - n - 1] == b[y - n - 1]) {
                n++;
                if ((n == x || a[x - n - 1] == '/') && (n == y || b[y - n - 1] == '/') && a[x - n] != '/')
                        whole = n;
        }
        return whole;
}

/* The index of the first voter with @base as its last part, or of the voter that comes after such voters. */
static size_t index_of_first_namesake(const struct voters *voters, const char *base)
{
        size_t low = 0, high = voters->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(voters->items[middle].base, base) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool vote_for_roots(const struct voter *voter, const struct voters *others, struct vote *ret)
{
        size_t first = index_of_first_namesake(others, voter->base), best = 0;
        const struct voter *found = NULL;

        for (size_t i = first; i < others->n && i < first + NAMESAKES_MAX; i++) {
                if (strcmp(others->items[i].base, voter->base) != 0)
                        break;

                size_t end = length_of_common_end(voter->file, others->items[i].file);

                if (end > best) {
                        best = end;
                        found = &others->items[i];
                }
        }
        if (!found || (voter->library && found->library))
                return false;
        ret->roots[COMPARE_BASE] = (struct source_root){ .text = voter->file, .len = strlen(voter->file) - best };
        ret->roots[COMPARE_NEW] = (struct source_root){ .text = found->file, .len = strlen(found->file) - best };
        return true;
}

static int compare_roots(const struct source_root *a, const struct source_root *b)
{
        size_t n = a->len < b->len ? a->len : b->len;
        int r = strncmp(a->text, b->text, n);

        return r ? r : (a->len > b->len) - (a->len < b->len);
}

static int by_roots(const void *a, const void *b)
{
        const struct vote *x = a, *y = b;
        int r = compare_roots(&x->roots[COMPARE_BASE], &y->roots[COMPARE_BASE]);

        return r ? r : compare_roots(&x->roots[COMPARE_NEW], &y->roots[COMPARE_NEW]);
}

static void elect_roots(struct vote *votes, size_t n, struct source_paths *ret)
{
        size_t most = 0, run = 0;

        qsort(votes, n, sizeof(*votes), by_roots);
        for (size_t i = 0; i < n; i++) {
                run = i > 0 && by_roots(&votes[i - 1], &votes[i]) == 0 ? run + 1 : 1;
                if (run <= most)
                        continue;
                most = run;
                memcpy(ret->roots, votes[i].roots, sizeof(ret->roots));
        }
}

static int hold_vote(const struct voters voters[static COMPARE_SIDES], struct source_paths *ret)
{
        struct vote *votes = calloc(voters[COMPARE_BASE].n + 1, sizeof(*votes));
        size_t n = 0;

        if (!votes)
                return -ENOMEM;
        for (size_t i = 0; i < voters[COMPARE_BASE].n; i++)
                n += vote_for_roots(&voters[COMPARE_BASE].items[i], &voters[COMPARE_NEW], &votes[n]);
        elect_roots(votes, n, ret);
        free(votes);
        return 0;
}

/* ---- the remaining names -------------------------------------------------------- */

static const char *without_root(const struct source_root *root, const char *file)
{
        return root->len > 0 && strncmp(file, root->text, root->len) == 0 ? file + root->len : file;
}

/* Shortens the folder that all files share, except those of libraries: it is long and says nothing. */
static void shorten_common_folder(const struct voters *voters, enum compare_side side, bool *begun,
                                  struct source_paths *paths)
{
        struct source_root *common = &paths->common;

        for (size_t i = 0; i < voters->n; i++) {
                const char *file = without_root(&paths->roots[side], voters->items[i].file);
                const char *slash = strrchr(file, '/');
                size_t n = 0;

                if (*file != '/')
                        continue; /* relative already */
                if (!*begun)
                        *common = (struct source_root){ .text = file, .len = (size_t)(slash - file) + 1 };
                *begun = true;
                while (n < common->len && file[n] == common->text[n])
                        n++;
                while (n > 0 && common->text[n - 1] != '/')
                        n--;
                common->len = n;
        }
}

int source_paths_learn(const struct profile_set sides[static COMPARE_SIDES], struct source_paths *ret)
{
        struct voters voters[COMPARE_SIDES] = { { 0 } };
        struct source_paths paths = { 0 };
        bool begun = false;
        int r = 0;

        for (int side = 0; r == 0 && side < COMPARE_SIDES; side++)
                r = gather_voters(&sides[side], &voters[side]);
        if (r == 0)
                r = hold_vote(voters, &paths);
        for (int side = 0; r == 0 && side < COMPARE_SIDES; side++)
                shorten_common_folder(&voters[side], (enum compare_side)side, &begun, &paths);
        for (int side = 0; side < COMPARE_SIDES; side++)
                free(voters[side].items);
        if (r == 0)
                *ret = paths;
        return r;
}

const char *source_paths_relative(const struct source_paths *paths, enum compare_side side, const char *file)
{
        const char *inside = path_in_library(file);

        file = without_root(&paths->roots[side], inside ? inside : file);
        return inside ? file : without_root(&paths->common, file);
}
