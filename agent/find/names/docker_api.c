/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from Docker's API, if its files cannot be read: GET /containers/json gives [{"Id": …, "Names": ["/web"],
 * "Image": "shop:2", "Labels": {…}}]. Whoever may use its socket is root on this machine, so it is asked only if the
 * user wants that.
 */
#include "agent/find/internal.h"

#include <string.h>

static void parse_container(struct json_object *container, find_add_fn add, void *ctx)
{
        struct find_names names = { 0 };
        size_t id_len, name_len;
        const char *id = find_json_text(find_json_get(container, "Id"), &id_len);
        const char *name = find_json_text(find_json_at(find_json_get(container, "Names"), 0), &name_len);

        if (!id)
                return;
        if (name)
                find_names_set(names.name, sizeof(names.name), name + (name[0] == '/'), name_len - (name[0] == '/'));
        find_names_set_json(names.image, sizeof(names.image), find_json_get(container, "Image"));
        find_names_set_labels(&names, find_json_get(container, "Labels"));
        add(ctx, id, &names);
}

void find_docker_api_parse(struct json_object *root, find_add_fn add, void *ctx)
{
        struct json_object *container;

        for (size_t i = 0; (container = find_json_at(root, i)); i++)
                parse_container(container, add, ctx);
}

const struct find_api_poll_kind find_docker_api = {
        .name = "Docker's API",
        .path = "/containers/json",
        .parse = find_docker_api_parse,
};

void find_docker_api_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        struct find_api_poll *api = find->apis[FIND_DOCKER_API];
        const struct find_names *known = api ? find_api_poll_get(find, api, place->id) : NULL;

        if (!known)
                return;
        find_names_merge(names, known);
        if (!place->pod_uid[0]) /* see docker.c */
                find_names_merge_labels(names, known);
}
