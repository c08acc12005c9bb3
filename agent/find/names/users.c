/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the containers of users who run podman without root. Their ids are "ID@UID", and so are their names here:
 * "web@1000" is never mistaken for root's container "web".
 *
 * podman starts a conmon for each container, outside of it, which stays the parent of the container's first process:
 *   conmon … -c ID … -b /home/USER/.local/share/containers/storage/overlay-containers/ID/userdata … -n NAME …
 * So the storage need not be looked for in home folders. It is opened as conmon sees it, and only if it is on a file
 * system that always answers.
 *
 * A process in the container can be called conmon as well. Hence the topmost counts, whose owner must be the user.
 *
 * Limit: Docker without root leaves no such trace, and its containers have ids only.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A container's first process has conmon as its parent, and its own children are rarely deeper than this. */
#define ANCESTORS_MAX 64

/* conmon's arguments have some kilobytes, most of them paths. */
#define CONMON_MAX_BYTES ((size_t)64 << 10)

/* The list has about a kilobyte for each container of the user. It is the user's to write, and so it is less. */
#define USERS_LIST_MAX_BYTES ((size_t)1 << 20)

struct users_container {
        char id[NSUTIL_CONTAINER_ID_SIZE]; /* without the user */
        const char *uid;                   /* "": not known */
};

static bool split_id(const struct find_place *place, struct users_container *ret)
{
        const char *at = strchr(place->id, '@');
        size_t len = at ? (size_t)(at - place->id) : 0;

        if (!at)
                return false;
        memcpy(ret->id, place->id, len);
        ret->id[len] = '\0';
        ret->uid = at + 1;
        return find_is_long_id(ret->id);
}

/* The argument behind @option. NULL if there is none. */
static const char *find_argument(const char *args, size_t len, const char *option)
{
        const char *end = args + len;

        for (const char *arg = args; arg < end; arg += strlen(arg) + 1)
                if (!strcmp(arg, option) && arg + strlen(arg) + 1 < end)
                        return arg + strlen(arg) + 1;
        return NULL;
}

/* The arguments of @pid, which the caller frees, if it is the conmon of @container. */
static char *read_conmon(pid_t pid, const struct nsutil_stat *stat, const struct users_container *container,
                         size_t *ret_len)
{
        struct nsutil_status status;
        char *args, uid[16];

        if (strcmp(stat->comm, "conmon") || nsutil_status_read(pid, &status))
                return NULL;
        snprintf(uid, sizeof(uid), "%u", status.uid);
        if ((container->uid[0] && strcmp(uid, container->uid)) ||
            nsutil_read_arguments(pid, "cmdline", CONMON_MAX_BYTES, &args, ret_len))
                return NULL;
        const char *id = find_argument(args, *ret_len, "-c");
        if (id && !strcmp(id, container->id))
                return args;
        free(args);
        return NULL;
}

/* Finds the topmost conmon of @container among the ancestors of @pid. NULL if there is none, or if there are too many. */
static char *find_conmon(pid_t pid, const struct users_container *container, pid_t *ret_pid, size_t *ret_len)
{
        char *args = NULL;
        struct nsutil_stat stat;

        for (int n = 0; pid > 1; n++) {
                size_t len;

                if (n > ANCESTORS_MAX || nsutil_stat_read(pid, &stat)) {
                        free(args);
                        return NULL;
                }
                char *found = n > 0 ? read_conmon(pid, &stat, container, &len) : NULL;
                if (found) {
                        free(args);
                        args = found;
                        *ret_pid = pid;
                        *ret_len = len;
                }
                pid = stat.ppid;
        }
        return args;
}

/* Reads the image from a list in @folder, whose name ends with a slash. */
static void read_users_list(pid_t conmon, const char *folder, size_t folder_len, const char *list,
                            const struct users_container *container, struct find_names *names)
{
        const struct find_place place = { .id = container->id };
        struct find_names listed = { 0 };
        char path[PATH_MAX], *text;
        size_t text_len;
        int fd;

        if (snprintf(path, sizeof(path), "%.*s%s", (int)folder_len, folder, list) >= (int)sizeof(path) ||
            nsutil_open_in_root_at_once(conmon, path, &fd))
                return;
        if (nsutil_read_fd(fd, USERS_LIST_MAX_BYTES, &text, &text_len) == 0) {
                find_podman_parse(text, text_len, &place, &listed);
                find_names_set(names->image, sizeof(names->image), listed.image, strlen(listed.image));
                free(text);
        }
        close(fd);
}

/* @bundle is …/DRIVER-containers/ID/userdata, and the lists are in …/DRIVER-containers. */
static void read_users_lists(pid_t conmon, const char *bundle, const struct users_container *container,
                             struct find_names *names)
{
        char end[NSUTIL_CONTAINER_ID_SIZE + sizeof("/userdata")];
        size_t len = strlen(bundle), end_len = (size_t)snprintf(end, sizeof(end), "%s/userdata", container->id);

        if (len <= end_len || len >= PATH_MAX || strcmp(bundle + len - end_len, end))
                return;
        for (const char *const *list = find_podman_lists; *list && !names->image[0]; list++)
                read_users_list(conmon, bundle, len - end_len, *list, container, names);
}

void find_user_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        struct users_container container;
        char name[FIND_NAME_SIZE];
        pid_t conmon = 0;
        size_t len = 0;

        (void)find;
        if (place->pid == 0 || !split_id(place, &container))
                return;
        char *args = find_conmon(place->pid, &container, &conmon, &len);
        if (!args)
                return;
        const char *given = find_argument(args, len, "-n"), *bundle = find_argument(args, len, "-b");
        if (given && snprintf(name, sizeof(name), "%s@%s", given, container.uid) < (int)sizeof(name))
                find_names_set(names->name, sizeof(names->name), name, strlen(name));
        if (bundle)
                read_users_lists(conmon, bundle, &container, names);
        free(args);
}
