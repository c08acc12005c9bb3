/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from the storage that podman and CRI-O share. Two files list all containers of a storage driver; "metadata" in
 * them is JSON in a string.
 *
 * The storage of users who run podman without root is another one: see users.c.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list has about a kilobyte for each container that exists, running or not. */
#define LIST_MAX ((size_t)16 << 20)

static void set_image(struct json_object *metadata, struct find_names *names)
{
        size_t len;
        const char *text = find_json_text(metadata, &len);
        struct json_object *json = text ? find_json_parse(text, len) : NULL;

        find_names_set_json(names->image, sizeof(names->image), find_json_get(json, "image-name"));
        find_json_free(json);
}

void find_podman_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names)
{
        struct json_object *list, *item;
        size_t id_len;

        if (!memmem(text, len, place->id, strlen(place->id)))
                return;
        list = find_json_parse(text, len);
        for (size_t i = 0; (item = find_json_at(list, i)); i++) {
                const char *id = find_json_text(find_json_get(item, "id"), &id_len);

                if (!id || strcmp(id, place->id))
                        continue;
                find_names_set_json(names->name, sizeof(names->name), find_json_at(find_json_get(item, "names"), 0));
                set_image(find_json_get(item, "metadata"), names);
                break;
        }
        find_json_free(list);
}

/* Each storage driver has its own list. vfs works inside of containers. */
static const char *const drivers[] = { "overlay", "vfs", "btrfs", "zfs" };

/* From podman 4.6 on, those of `podman run --rm` have a list of their own. */
const char *const find_podman_lists[] = { "containers.json", "volatile-containers.json", NULL };

static void read_container_list(struct find *find, const char *driver, const char *list, const struct find_place *place,
                                struct find_names *names)
{
        char path[PATH_MAX], *text;
        size_t len;

        if (snprintf(path, sizeof(path), "%s/%s-containers/%s", find->roots.podman, driver, list) >=
                    (int)sizeof(path) ||
            find_read_file(&find->roots, path, LIST_MAX, &text, &len))
                return;
        find_podman_parse(text, len, place, names);
        free(text);
}

void find_podman_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers) && find_is_long_id(place->id); i++)
                for (const char *const *list = find_podman_lists; *list && !names->name[0]; list++)
                        read_container_list(find, drivers[i], *list, place, names);
}
