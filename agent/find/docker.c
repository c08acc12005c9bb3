/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from Docker without its socket, which would be root's power over the
 * machine: it keeps each container's settings in containers/ID/config.v2.json.
 * If podflame runs in a container of its own, that file is looked for below the
 * root of PID 1 as well, which is the host's with --pid=host.
 */
#include "agent/find/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#define DEFAULT_ROOT "/var/lib/docker"

/* Some kilobytes; a container's environment, up to 128 KiB for each variable, is in there. */
#define CONFIG_MAX ((size_t)1 << 20)

/* Docker nests three levels. json-c recurses, so this also bounds the stack. */
#define MAX_DEPTH 16

#define ID_LENGTH 64

static void copy_string(struct json_object *parent, const char *key, char *ret)
{
        struct json_object *value;

        if (!json_object_object_get_ex(parent, key, &value) || !json_object_is_type(value, json_type_string))
                return;
        const char *text = json_object_get_string(value);
        size_t len = (size_t)json_object_get_string_len(value);
        /* Docker's names begin with a slash, from the days of links between containers. */
        size_t skip = len > 0 && text[0] == '/';
        find_clean(text + skip, len - skip, ret, FIND_NAME_SIZE);
}

bool find_docker_parse(const char *text, size_t len, struct find_names *ret)
{
        struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
        struct json_object *root = NULL, *config;

        if (tokener && len <= CONFIG_MAX)
                root = json_tokener_parse_ex(tokener, text, (int)len);
        json_tokener_free(tokener);
        if (!root)
                return false;
        copy_string(root, "Name", ret->name);
        if (json_object_object_get_ex(root, "Config", &config))
                copy_string(config, "Image", ret->image);
        json_object_put(root);
        return ret->name[0] || ret->image[0];
}

static int read_below_init(const char *path, char **ret_text, size_t *ret_len)
{
        int fd, r = nsutil_open_in_root(1, path, &fd);

        if (r)
                return r;
        r = nsutil_read_fd(fd, CONFIG_MAX, ret_text, ret_len);
        close(fd);
        return r;
}

/* LXC's ids are names, and ".." is a name: only an id of Docker's own kind becomes part of a path. */
static bool is_docker_id(const char *id)
{
        return strlen(id) == ID_LENGTH && strspn(id, "0123456789abcdef") == ID_LENGTH;
}

bool find_docker_names(const struct find *find, const char *id, struct find_names *ret)
{
        const char *root = find->docker_root ? find->docker_root : DEFAULT_ROOT;
        char path[PATH_MAX], *text;
        size_t len;

        if (!is_docker_id(id))
                return false;
        if (snprintf(path, sizeof(path), "%s/containers/%s/config.v2.json", root, id) >= (int)sizeof(path))
                return false;
        if (nsutil_read_file_at(AT_FDCWD, path, CONFIG_MAX, &text, &len) && read_below_init(path, &text, &len))
                return false;
        bool found = find_docker_parse(text, len, ret);
        free(text);
        return found;
}
