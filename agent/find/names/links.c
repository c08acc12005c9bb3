/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from the links that the kubelet makes for collectors of logs, with any runtime:
 *   /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
 * Only their names are read; they are never followed. All are remembered, and read again when an unknown id turns up.
 * On a machine without Kubernetes every id is unknown, so they are read at most once a second.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_LENGTH 64
#define REREAD_NS UINT64_C(1000000000)

/* A node runs some hundred pods. Links of ended ones stay for a while. */
#define MAX_LINKS 16384

struct link {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        struct {
                char pod[FIND_NAME_SIZE], pod_namespace[FIND_LABEL_SIZE], container[FIND_LABEL_SIZE];
        } names;
        UT_hash_handle hh;
};

struct find_links {
        struct link *all;
        uint64_t reread_at; /* ns since boot */
};

/* Takes the text before @delimiter (NUL: all that is left) if Kubernetes allows it as a name. */
static bool take_name(const char **at, const char *end, char delimiter, char *ret, size_t size)
{
        const char *name = *at, *stop = delimiter ? memchr(name, delimiter, (size_t)(end - name)) : end;
        size_t len = stop ? (size_t)(stop - name) : 0;

        if (len == 0 || len >= size)
                return false;
        for (size_t i = 0; i < len; i++)
                if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789-.", name[i], 38))
                        return false;
        memcpy(ret, name, len);
        ret[len] = '\0';
        *at = stop + (delimiter != '\0');
        return true;
}

bool find_link_parse(const char *link, char ret_id[static NSUTIL_CONTAINER_ID_SIZE], struct find_names *ret)
{
        static const char suffix[] = ".log";
        size_t len = strlen(link), tail = 1 + ID_LENGTH + sizeof(suffix) - 1;
        struct find_names names = { 0 };
        char id[ID_LENGTH + 1];

        if (len <= tail || link[len - tail] != '-' || strcmp(link + len - sizeof(suffix) + 1, suffix))
                return false;
        memcpy(id, link + len - tail + 1, ID_LENGTH);
        id[ID_LENGTH] = '\0';
        const char *end = link + len - tail;
        if (!find_is_long_id(id) || !take_name(&link, end, '_', names.pod, sizeof(names.pod)) ||
            !take_name(&link, end, '_', names.pod_namespace, sizeof(names.pod_namespace)) ||
            !take_name(&link, end, '\0', names.k8s_container, sizeof(names.k8s_container)))
                return false;
        memcpy(ret_id, id, sizeof(id));
        *ret = names;
        return true;
}

static void forget_links(struct find_links *links)
{
        struct link *link, *next;

        HASH_ITER(hh, links->all, link, next) {
                HASH_DEL(links->all, link);
                free(link);
        }
}

/* Adds a link. False if there are too many links, or memory ran out. */
static bool add_link(struct find_links *links, const char *name)
{
        struct find_names names;
        struct link *link = calloc(1, sizeof(*link)), *same;

        if (!link || HASH_COUNT(links->all) >= MAX_LINKS || !find_link_parse(name, link->id, &names)) {
                bool more = link && HASH_COUNT(links->all) < MAX_LINKS;

                free(link);
                return more;
        }
        memcpy(link->names.pod, names.pod, sizeof(names.pod));
        memcpy(link->names.pod_namespace, names.pod_namespace, sizeof(names.pod_namespace));
        memcpy(link->names.container, names.k8s_container, sizeof(names.k8s_container));
        HASH_FIND_STR(links->all, link->id, same);
        if (!same)
                HASH_ADD_STR(links->all, id, link);
        if (same || !link->hh.tbl) {
                free(link);
                return same != NULL;
        }
        return true;
}

static void read_links(const struct find_roots *roots, struct find_links *links)
{
        char path[PATH_MAX];
        struct dirent *entry;

        if (snprintf(path, sizeof(path), "%s/containers", roots->log) >= (int)sizeof(path))
                return;
        DIR *dir = find_open_dir(roots, path);
        forget_links(links);
        if (!dir)
                return;
        while ((entry = readdir(dir)) && add_link(links, entry->d_name))
                ;
        closedir(dir);
}

static const struct link *get_link(struct find *find, const char *id)
{
        uint64_t now = find_now();
        struct link *link;

        if (!find->links)
                find->links = calloc(1, sizeof(*find->links));
        if (!find->links)
                return NULL;
        HASH_FIND_STR(find->links->all, id, link);
        if (link || now < find->links->reread_at)
                return link;
        read_links(&find->roots, find->links);
        find->links->reread_at = now + REREAD_NS;
        HASH_FIND_STR(find->links->all, id, link);
        return link;
}

void find_link_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        const struct link *link = find_is_long_id(place->id) ? get_link(find, place->id) : NULL;

        if (!link)
                return;
        find_names_set(names->pod, sizeof(names->pod), link->names.pod, strlen(link->names.pod));
        find_names_set(names->pod_namespace, sizeof(names->pod_namespace), link->names.pod_namespace,
                       strlen(link->names.pod_namespace));
        find_names_set(names->k8s_container, sizeof(names->k8s_container), link->names.container,
                       strlen(link->names.container));
}

void find_links_free(struct find_links *links)
{
        if (links)
                forget_links(links);
        free(links);
}
