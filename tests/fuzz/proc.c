/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a text of /proc, in which names stand that a target has chosen. The first byte says which text. What
 * is said to have been found ends, and lies where it should.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/fuzz/parsers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *text, size_t size)
{
        if (strnlen(text, size) == size)
                abort();
}

/* ---- the texts ---------------------------------------------------------------------- */

static void parse_stat(const char *text, size_t len)
{
        struct nsutil_stat stat;

        if (nsutil_stat_parse(text, len, &stat) == 0)
                check_text(stat.comm, sizeof stat.comm);
}

static void parse_status(const char *text, size_t len)
{
        struct nsutil_status status;

        if (nsutil_status_parse(text, len, &status) == 0 &&
            (status.ns_depth < 1 || status.ns_depth > NSUTIL_MAX_NS_DEPTH))
                abort();
}

static void parse_maps(const char *text, size_t len)
{
        struct nsutil_maps maps = { 0 };
        char *copy = malloc(len + 1);

        if (!copy)
                return;
        memcpy(copy, text, len);
        copy[len] = '\0';
        if (nsutil_maps_parse(copy, len, &maps) != 0) {
                free(copy);
                return;
        }
        for (size_t i = 0; i < maps.n; i++)
                if (maps.maps[i].path + strlen(maps.maps[i].path) > maps.text + len && *maps.maps[i].path)
                        abort();
        nsutil_maps_deinit(&maps);
}

/* The text up to a NUL is the process's, what is behind it the reader's own. */
static void parse_cgroup(const char *text, size_t len)
{
        static const char *const controllers[] = { "", "cpu", "freezer" };
        const char *end = memchr(text, '\0', len), *own = end ? end + 1 : text + len;
        size_t text_len = end ? (size_t)(end - text) : len;
        char path[NSUTIL_CGROUP_PATH_SIZE];
        struct nsutil_place place;

        nsutil_cgroup_place(text, text_len, own, (size_t)(text + len - own), &place);
        check_text(place.container_id, sizeof place.container_id);
        check_text(place.pod_uid, sizeof place.pod_uid);
        (void)nsutil_cgroup_agrees(text, text_len, own, (size_t)(text + len - own), "", 0, place.container_id);
        for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
                struct nsutil_hierarchy hierarchy = { .root = "/", .point = "/sys/fs/cgroup" };

                strcpy(hierarchy.controller, controllers[i]);
                if (nsutil_hierarchy_path(&hierarchy, text, text_len, path) == 0)
                        check_text(path, sizeof path);
        }
}

/* Up to a NUL the mounts, then a text of cgroups that lie in them. */
static void parse_mountinfo(const char *text, size_t len)
{
        static const char *const controllers[] = { "", "cpu", "freezer" };
        const char *end = memchr(text, '\0', len), *cgroup = end ? end + 1 : text + len;
        size_t text_len = end ? (size_t)(end - text) : len;
        char id[NSUTIL_CONTAINER_ID_SIZE], path[NSUTIL_CGROUP_PATH_SIZE];
        struct nsutil_hierarchy hierarchy;
        struct nsutil_hidepid hidepid;

        if (nsutil_mountinfo_container_id(text, text_len, id) == 0)
                check_text(id, sizeof id);
        (void)nsutil_hidepid_parse(text, text_len, &hidepid);
        (void)nsutil_mounts_may_hang(text, text_len, NULL);
        for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
                if (nsutil_hierarchy_parse(text, text_len, controllers[i], &hierarchy) != 0)
                        continue;
                check_text(hierarchy.root, sizeof hierarchy.root);
                check_text(hierarchy.point, sizeof hierarchy.point);
                if (nsutil_hierarchy_path(&hierarchy, cgroup, (size_t)(text + len - cgroup), path) == 0)
                        check_text(path, sizeof path);
        }
}

static void parse_numbers(const char *text, size_t len)
{
        uint64_t number;
        pid_t pid;

        (void)nsutil_last_ran_parse(text, len, &number);
        (void)nsutil_newest_parse(text, len, &pid);
        (void)nsutil_throttles_parse(text, len, &number);
        (void)nsutil_quota_is_set(text, len);
}

static const parser_fn parsers[] = {
        parse_stat, parse_status, parse_maps, parse_cgroup, parse_mountinfo, parse_numbers
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        parse_input(parsers, sizeof parsers / sizeof *parsers, data, len);
        return 0;
}
