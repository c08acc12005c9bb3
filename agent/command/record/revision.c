/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the files of a repository, as gitrepository-layout(5) describes them, and does not run git(1). git may be
 * missing. It refuses repositories of other users, as those of CI jobs in containers often are. And it does what the
 * configuration of the repository says.
 *
 * Limit: references in the newer "reftable" format are not read.
 */
#include "revision.h"

#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bound for HEAD, for .git of a further working tree, and for one reference: each is one line. */
#define LINE_MAX_SIZE ((size_t)PATH_MAX)

/* Enough for 600 000 references of some 100 bytes each. */
#define PACKED_MAX_SIZE ((size_t)64 << 20)

/*
 * Joins @folder and @name. An absolute @name stays as it is. "", which no file has as its path, if the result is too
 * long.
 */
static void join_path(const char *folder, const char *name, char ret[static PATH_MAX])
{
        bool absolute = *name == '/';

        if (snprintf(ret, PATH_MAX, "%s%s%s", absolute ? "" : folder, absolute ? "" : "/", name) >= PATH_MAX)
                *ret = '\0';
}

static int read_text(const char *folder, const char *name, size_t max, char **ret)
{
        char path[PATH_MAX];
        size_t len;

        join_path(folder, name, path);
        return nsutil_read_file_at(AT_FDCWD, path, max, ret, &len);
}

/*
 * Reads what follows @prefix in the first line of @folder/@name. Allocated; NULL if there is no such file, or its line
 * does not begin with @prefix.
 */
static char *read_prefixed_line(const char *folder, const char *name, const char *prefix)
{
        char *text, *rest = NULL;

        if (read_text(folder, name, LINE_MAX_SIZE, &text) != 0)
                return NULL;
        text[strcspn(text, "\r\n")] = '\0';
        if (strncmp(text, prefix, strlen(prefix)) == 0)
                rest = strdup(text + strlen(prefix));
        free(text);
        return rest;
}

static bool take_commit(const char *text, char ret[static REVISION_SIZE])
{
        size_t len = strspn(text, "0123456789abcdef");

        if ((len != 40 && len != 64) || (text[len] != '\0' && text[len] != ' '))
                return false;
        memcpy(ret, text, len);
        ret[len] = '\0';
        return true;
}

/* Looks for a reference in the file packed-refs, which has lines "COMMIT NAME". */
static bool read_packed_reference(const char *git, const char *name, char ret[static REVISION_SIZE])
{
        char *text;
        bool found = false;

        if (read_text(git, "packed-refs", PACKED_MAX_SIZE, &text) != 0)
                return false;
        for (char *rest = text, *line; !found && (line = strsep(&rest, "\n"));) {
                char *space = strchr(line, ' ');
                found = space && strcmp(space + 1, name) == 0 && take_commit(line, ret);
        }
        free(text);
        return found;
}

/* The references of all working trees of a repository lie in one folder. */
static bool read_reference(const char *git, const char *name, char ret[static REVISION_SIZE])
{
        char *common = read_prefixed_line(git, "commondir", ""), shared[PATH_MAX];

        join_path(git, common ? common : ".", shared);
        free(common);
        if (strncmp(name, "refs/", 5) != 0 || strstr(name, ".."))
                return false;
        char *commit = read_prefixed_line(shared, name, "");
        bool found = (commit && take_commit(commit, ret)) || read_packed_reference(shared, name, ret);
        free(commit);
        return found;
}

/* HEAD names a reference or, if no branch is checked out, a commit. */
static bool read_head(const char *git, char ret[static REVISION_SIZE])
{
        char *name = read_prefixed_line(git, "HEAD", "ref: "), *commit = read_prefixed_line(git, "HEAD", "");
        bool found = name ? read_reference(git, name, ret) : commit && take_commit(commit, ret);

        free(name);
        free(commit);
        return found;
}

/* In a further working tree, and in a submodule, .git is a file that says where the repository is. */
static bool read_working_tree(const char *folder, char ret[static REVISION_SIZE])
{
        char *elsewhere = read_prefixed_line(folder, ".git", "gitdir: "), git[PATH_MAX];

        join_path(folder, elsewhere ? elsewhere : ".git", git);
        free(elsewhere);
        return read_head(git, ret);
}

/* Takes the last name off an absolute path; false if that is the root. */
static bool remove_last_name(char *path)
{
        char *slash = strrchr(path, '/');

        if (path[1] == '\0')
                return false;
        slash[slash == path] = '\0';
        return true;
}

bool revision_read(const char *folder, char ret[static REVISION_SIZE])
{
        char path[PATH_MAX], git[PATH_MAX];

        if (!realpath(folder, path))
                return false;
        do {
                join_path(path, ".git", git);
                if (access(git, F_OK) == 0)
                        return read_working_tree(path, ret);
        } while (remove_last_name(path));
        return false;
}
