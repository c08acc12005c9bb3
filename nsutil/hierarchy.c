/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a cgroup's path to its directory. Paths in /proc/PID/cgroup and roots in /proc/self/mountinfo are both relative
 * to the reader's cgroup namespace. A path that lies outside of it begins with "/..", and is not looked for.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool copy_path(struct nsutil_text text, char ret[static NSUTIL_CGROUP_PATH_SIZE])
{
        size_t len = (size_t)(text.end - text.at);

        /* mountinfo escapes spaces and the like. Nobody mounts cgroups at such a path. */
        if (len >= NSUTIL_CGROUP_PATH_SIZE || (len > 0 && memchr(text.at, '\\', len)))
                return false;
        memcpy(ret, text.at, len);
        ret[len] = '\0';
        return true;
}

/* Whether @word is one of @words, which are separated by commas. */
static bool is_listed_word(struct nsutil_text words, const char *word)
{
        struct nsutil_text one;

        while (nsutil_text_until(&words, ',', &one))
                if (nsutil_text_is(one, word))
                        return true;
        return nsutil_text_is(words, word);
}

/*
 * Whether a line mounts @controller's hierarchy. " - " precedes the file system's type, its source and its own options.
 */
static bool is_hierarchy(struct nsutil_text line, const char *controller)
{
        const char *dash = memmem(line.at, (size_t)(line.end - line.at), " - ", 3);
        struct nsutil_text type, source;

        if (!dash)
                return false;
        line.at = dash + 3;
        if (!nsutil_text_until(&line, ' ', &type) || !nsutil_text_until(&line, ' ', &source))
                return false;
        return *controller ? nsutil_text_is(type, "cgroup") && is_listed_word(line, controller)
                           : nsutil_text_is(type, "cgroup2");
}

int nsutil_hierarchy_parse(const char *text, size_t len, const char *controller, struct nsutil_hierarchy *ret)
{
        struct nsutil_text rest = { text, text + len }, line, root, point;

        while (nsutil_text_line(&rest, &line)) {
                if (!is_hierarchy(line, controller) || !nsutil_mountinfo_line(line, &root, &point))
                        continue;
                if (nsutil_text_prefix(&(struct nsutil_text){ root.at, root.end }, "/..") ||
                    !copy_path(root, ret->root) || !copy_path(point, ret->point))
                        continue;
                snprintf(ret->controller, sizeof(ret->controller), "%s", controller);
                return 0;
        }
        return NSUTIL_E_NOT_FOUND;
}

int nsutil_hierarchy_find(const char *controller, struct nsutil_hierarchy *ret)
{
        char *text;
        size_t len;
        int r = nsutil_read_file_at(AT_FDCWD, "/proc/self/mountinfo", NSUTIL_MOUNTINFO_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_hierarchy_parse(text, len, controller, ret);
        free(text);
        return r;
}

/* Takes the path of a line "NUMBER:CONTROLLERS:PATH" if the line is of @controller's hierarchy. */
static bool take_path(struct nsutil_text line, const char *controller, struct nsutil_text *ret)
{
        struct nsutil_text number, controllers;

        if (!nsutil_text_until(&line, ':', &number) || !nsutil_text_until(&line, ':', &controllers))
                return false;
        *ret = line;
        return *controller ? is_listed_word(controllers, controller)
                           : nsutil_text_is(number, "0") && nsutil_text_is(controllers, "");
}

/* Removes @root from the front of @path. False if the path does not lie below it. */
static bool remove_root(struct nsutil_text *path, const char *root)
{
        if (nsutil_text_prefix(&(struct nsutil_text){ path->at, path->end }, "/.."))
                return false;
        if (strcmp(root, "/") == 0)
                return true;
        return nsutil_text_prefix(path, root) && (path->at == path->end || *path->at == '/');
}

int nsutil_hierarchy_path(const struct nsutil_hierarchy *hierarchy, const char *text, size_t len,
                          char ret[static NSUTIL_CGROUP_PATH_SIZE])
{
        struct nsutil_text rest = { text, text + len }, line, path;

        while (nsutil_text_line(&rest, &line)) {
                if (!take_path(line, hierarchy->controller, &path))
                        continue;
                if (!remove_root(&path, hierarchy->root) || nsutil_text_suffix(&path, " (deleted)"))
                        return NSUTIL_E_NOT_FOUND;
                if (nsutil_text_is(path, "/"))
                        path.at = path.end;
                int n = snprintf(ret, NSUTIL_CGROUP_PATH_SIZE, "%s%.*s", hierarchy->point, (int)(path.end - path.at),
                                 path.at);
                return n < NSUTIL_CGROUP_PATH_SIZE ? 0 : NSUTIL_E_NOT_FOUND;
        }
        return NSUTIL_E_NOT_FOUND;
}
