/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parca's own push: WriteRaw of its ProfileStoreService (proto/parca/profilestore/v1alpha1/profilestore.proto), by the
 * gateway that offers its gRPC as JSON. Each profile is a series with labels, and has one pprof in base64.
 *
 * The gateway does not unpack bodies, so the pprofs are packed instead. Parca checks all series before it stores any,
 * and takes labels by the rules of Prometheus, each name once, with a __name__.
 */
#include "agent/base/base.h"
#include "agent/http/http.h"
#include "agent/send/protocol.h"
#include "agent/send/pushed.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PROFILES_MAX 1000
#define MAX_AGE_S (24 * 3600)

/* {"series":[{"labels":{"labels":[{"name":…}]},"samples":[{"rawProfile":…}]}]}, and some more. */
#define BODY_MAX_DEPTH 12

/* ---- a series ------------------------------------------------------------ */

static void put_labels(struct json_writer *m, struct json_object *series, const struct send_labels *labels)
{
        struct json_object *list = json_writer_put_array(m, json_writer_put_object(m, series, "labels"), "labels");

        for (size_t i = 0; i < labels->n; i++) {
                struct json_object *pair = json_writer_append_object(m, list);

                json_writer_put_text(m, pair, "name", labels->items[i].name);
                json_writer_put_text(m, pair, "value", labels->items[i].value);
        }
}

/* Puts the pprof, packed and in base64. 0 or a negative errno. */
static int put_pprof(struct json_writer *m, struct json_object *series, const struct pushed *from)
{
        struct json_object *sample = json_writer_append_object(m, json_writer_put_array(m, series, "samples"));
        char *text = NULL;
        void *packed;
        size_t len;
        int r = gzip_pack(from->pprof, from->pprof_len, &packed, &len);

        if (r < 0)
                return r;
        text = http_client_base64(packed, len);
        free(packed);
        if (!text)
                return -ENOMEM;
        json_writer_put(m, sample, "rawProfile", json_object_new_string(text));
        free(text);
        return 0;
}

/* ---- bodies -------------------------------------------------------------- */

/* Writes @root as a body, and frees it. */
static int write_body(struct json_object *root, struct send_body *ret)
{
        size_t len;
        const char *text = json_object_to_json_string_length(
                root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
        char *copy = text ? malloc(len + 1) : NULL;

        if (copy)
                *ret = (struct send_body){ .text = memcpy(copy, text, len + 1), .len = len };
        json_object_put(root);
        return copy ? 0 : -ENOMEM;
}

static int write_series(const struct pushed_list *all, struct send_body *ret)
{
        struct json_writer m = { 0 };
        struct json_object *root = json_object_new_object();
        struct json_object *list = json_writer_put_array(&m, root, "series");
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < all->n; i++) {
                struct json_object *series = json_writer_append_object(&m, list);

                put_labels(&m, series, &all->items[i].labels);
                r = put_pprof(&m, series, &all->items[i]);
        }
        if (r == 0 && m.failed)
                r = -ENOMEM;
        if (r == 0)
                return write_body(root, ret);
        json_object_put(root);
        return r;
}

static int encode_parca(const struct profile_set *set, bool all_labels, struct send_body *ret)
{
        return pushed_encode(set, all_labels, write_series, ret);
}

/* The series of a body, NULL if it has none. They belong to @root. */
static struct json_object *get_series(struct json_object *root)
{
        struct json_object *list;

        return json_object_object_get_ex(root, "series", &list) && json_object_is_type(list, json_type_array) ? list
                                                                                                              : NULL;
}

static int read_parca(const struct send_body *body, void **ret, size_t *ret_n)
{
        struct json_tokener *tokener = body->len <= INT_MAX ? json_tokener_new_ex(BODY_MAX_DEPTH) : NULL;
        struct json_object *root;

        if (!tokener)
                return -ENOMEM;
        root = json_tokener_parse_ex(tokener, body->text, (int)body->len);
        json_tokener_free(tokener);
        if (!get_series(root)) {
                json_object_put(root);
                return -EINVAL;
        }
        *ret = root;
        *ret_n = json_object_array_length(get_series(root));
        return 0;
}

static int write_parca(void *parts, bool all_labels, const size_t *items, size_t n, struct send_body *ret)
{
        struct json_writer m = { 0 };
        struct json_object *root = json_object_new_object();
        struct json_object *part = json_writer_put_array(&m, root, "series");

        (void)all_labels; /* the labels are in the body */
        for (size_t i = 0; part && i < n; i++)
                json_writer_append(&m, part, json_object_get(json_object_array_get_idx(get_series(parts), items[i])));
        if (part && !m.failed)
                return write_body(root, ret);
        json_object_put(root);
        return -ENOMEM;
}

static void free_parca(void *parts)
{
        json_object_put(parts);
}

const struct send_protocol send_parca = {
        .name = "parca",
        .summary = "Parca's push, pprof inside",
        .path = "/api/profiles/writeraw",
        .content_type = "application/json",
        .packs_inside = true,
        .max_age_s = MAX_AGE_S,
        .max_profiles = PROFILES_MAX,
        .encode = encode_parca,
        .read_parts = read_parca,
        .write_parts = write_parca,
        .free_parts = free_parca,
};
