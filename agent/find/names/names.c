/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a container. Its id comes from the kernel. Its names come only from files that its runtime leaves; each
 * kind of file is one source. Answers are remembered for some seconds: containers can be renamed, but often many
 * processes of a container appear together.
 */
#include "agent/find/choose/choose.h"
#include "agent/find/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_REMEMBERED 64
#define REMEMBER_NS UINT64_C(10000000000)

/* Containers whose names are missing. For this time the answer that one process got is true for the others, too. */
#define N_MISSING 256
#define MISSING_NS UINT64_C(200000000)

struct find_names_cache {
        struct {
                char id[NSUTIL_CONTAINER_ID_SIZE];
                uint64_t until; /* ns since boot */
                struct find_names names;
        } slots[N_REMEMBERED];
        size_t next;

        struct {
                char id[NSUTIL_CONTAINER_ID_SIZE];
                uint64_t until; /* ns since boot */
                uint64_t sum;
        } missing[N_MISSING];
        size_t next_missing;
};

/*
 * The sources, asked in this order until nothing is missing. The kubelet's come first. APIs come last, since they may
 * be slow.
 */
static void (*const sources[])(struct find *find, const struct find_place *place, struct find_names *names) = {
        find_link_names, find_mount_names,      find_pod_log_names,    find_docker_names,  find_podman_names,
        find_user_names, find_oci_bundle_names, find_docker_api_names, find_kubelet_names,
};

/* Only the kubelet knows a pod's labels and what made it. It is asked if the user has named it, for pods alone. */
static bool wants_labels(const struct find *find, const struct find_names *names)
{
        return find_rules_want_labels(find->rules) ||
               (find->apis[FIND_KUBELET] && (names->pod[0] || names->pod_uid[0]));
}

static bool is_complete(const struct find *find, const struct find_names *names)
{
        return names->image[0] && (names->name[0] || (names->k8s_container[0] && names->pod[0])) &&
               (names->has_labels || !wants_labels(find, names));
}

static const struct find_names *recall_names(const struct find_names_cache *cache, const char *id)
{
        uint64_t now = find_now();

        for (size_t i = 0; i < N_REMEMBERED; i++)
                if (cache->slots[i].until > now && !strcmp(cache->slots[i].id, id))
                        return &cache->slots[i].names;
        return NULL;
}

static void remember_names(struct find_names_cache *cache, const char *id, const struct find_names *names)
{
        size_t i = cache->next++ % N_REMEMBERED;

        snprintf(cache->slots[i].id, sizeof(cache->slots[i].id), "%s", id);
        cache->slots[i].names = *names;
        cache->slots[i].until = find_now() + REMEMBER_NS;
}

/* ---- missing names ------------------------------------------------------------------------- */

static uint64_t add_to_sum(uint64_t sum, const char *text)
{
        /* FNV-1a of 64 bits, the NUL included. */
        do
                sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        while (*text++);
        return sum;
}

static uint64_t sum_names(const struct find_names *names)
{
        const char *const texts[] = { names->name,          names->image,   names->pod,     names->pod_namespace,
                                      names->k8s_container, names->pod_uid, names->workload };
        uint64_t sum = UINT64_C(0xcbf29ce484222325) + names->has_labels;

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                sum = add_to_sum(sum, texts[i]);
        for (const char *label = names->labels; *label; label += strlen(label) + 1)
                sum = add_to_sum(sum, label);
        return sum;
}

static void note_missing(struct find_names_cache *cache, const char *id, const struct find_names *names)
{
        size_t i = cache->next_missing++ % N_MISSING;

        snprintf(cache->missing[i].id, sizeof(cache->missing[i].id), "%s", id);
        cache->missing[i].until = find_now() + MISSING_NS;
        cache->missing[i].sum = sum_names(names);
}

/* Nothing is missing any more, so the others are to ask. */
static void forget_missing(struct find_names_cache *cache, const char *id)
{
        for (size_t i = 0; i < N_MISSING; i++)
                if (!strcmp(cache->missing[i].id, id))
                        cache->missing[i].until = 0;
}

uint64_t find_names_sum(const struct find *find, const char *id)
{
        const struct find_names_cache *cache = find->names;
        uint64_t now = find_now(), newest = 0, sum = 0;

        for (size_t i = 0; cache && i < N_MISSING; i++) {
                if (cache->missing[i].until <= now || cache->missing[i].until < newest ||
                    strcmp(cache->missing[i].id, id) != 0)
                        continue;
                newest = cache->missing[i].until;
                sum = cache->missing[i].sum;
        }
        return sum;
}

/* ---- all names ----------------------------------------------------------------------------- */

bool find_names_get(struct find *find, const struct find_place *place, struct find_names *ret)
{
        const struct find_names *known = find->names && place->id[0] ? recall_names(find->names, place->id) : NULL;

        if (known && is_complete(find, known)) {
                *ret = *known;
                return true;
        }
        *ret = (struct find_names){ 0 };
        for (size_t i = 0; i < sizeof(sources) / sizeof(*sources) && !is_complete(find, ret); i++)
                sources[i](find, place, ret);
        if (place->pod_uid[0])
                find_clean(place->pod_uid, strlen(place->pod_uid), ret->pod_uid, sizeof(ret->pod_uid));
        bool complete = is_complete(find, ret);
        if (!find->names || !place->id[0])
                return complete;
        if (complete) {
                remember_names(find->names, place->id, ret);
                forget_missing(find->names, place->id);
        } else {
                note_missing(find->names, place->id, ret);
        }
        return complete;
}

static void add_kubelet_label(void *ctx, const char *key, const char *text)
{
        struct find_names *names = ctx;
        char label[2 * FIND_NAME_SIZE], name[FIND_NAME_SIZE + FIND_LABEL_SIZE], value[FIND_NAME_SIZE];
        size_t at = 0, len;

        find_clean(key, strlen(key), name, sizeof(name));
        find_clean(text, strlen(text), value, sizeof(value));
        while (names->labels[at])
                at += strlen(names->labels + at) + 1;
        len = (size_t)snprintf(label, sizeof(label), "%s=%s", name, value);
        if (len < sizeof(label) && at + len + 2 <= sizeof(names->labels))
                memcpy(names->labels + at, label, len + 1);
}

#define FIELD(member)                                                                         \
        {                                                                                     \
                offsetof(struct find_names, member), sizeof(((struct find_names *)0)->member) \
        }

static const struct {
        size_t at, size;
} fields[] = { FIELD(name), FIELD(image), FIELD(pod), FIELD(pod_namespace), FIELD(k8s_container), FIELD(pod_uid) };

void find_names_merge(struct find_names *names, const struct find_names *other)
{
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
                const char *text = (const char *)other + fields[i].at;

                find_names_set((char *)names + fields[i].at, fields[i].size, text, strlen(text));
        }
        if (!names->workload[0]) {
                names->workload_kind = other->workload_kind;
                memcpy(names->workload, other->workload, sizeof(names->workload));
        }
}

void find_names_merge_labels(struct find_names *names, const struct find_names *other)
{
        if (names->has_labels || !other->has_labels)
                return;
        names->has_labels = true;
        for (size_t i = 0, len; other->labels[i]; i += len) {
                len = strlen(other->labels + i) + 1;
                memcpy(names->labels + i, other->labels + i, len);
        }
}

void find_names_set_labels(struct find_names *names, struct json_object *json)
{
        names->has_labels = true;
        find_json_each_text(json, add_kubelet_label, names);
}

int find_names_open(struct find *find)
{
        find->names = calloc(1, sizeof(*find->names));
        return find->names ? 0 : -ENOMEM;
}

void find_names_close(struct find *find)
{
        for (size_t i = 0; i < FIND_APIS; i++)
                find_api_poll_close(find->apis[i]);
        find_links_free(find->links);
        free(find->names);
}
