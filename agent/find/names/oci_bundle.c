/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from OCI bundles. containerd and CRI-O give runc a config.json, and note in its annotations what the container
 * is for.
 *
 * Annotations in containerd's namespace k8s.io are written by its CRI plug-in alone. CRI-O also passes on a pod's own
 * annotations. Those are believed only if they name the pod that the kernel says the process is in.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file has tens of kilobytes, mostly seccomp rules, and the environment, as Docker's. */
#define CONFIG_MAX ((size_t)1 << 20)

#define FIELD(member) offsetof(struct find_names, member), sizeof(((struct find_names *)0)->member)

struct annotation {
        const char *key;
        size_t field, size;
};

static const struct annotation cri[] = {
        { "io.kubernetes.cri.sandbox-name", FIELD(pod) },
        { "io.kubernetes.cri.sandbox-namespace", FIELD(pod_namespace) },
        { "io.kubernetes.cri.sandbox-uid", FIELD(pod_uid) },
        { "io.kubernetes.cri.container-name", FIELD(k8s_container) },
        { "io.kubernetes.cri.image-name", FIELD(image) },
        { NULL, 0, 0 },
};

static const struct annotation crio[] = {
        { "io.kubernetes.pod.name", FIELD(pod) },
        { "io.kubernetes.pod.namespace", FIELD(pod_namespace) },
        { "io.kubernetes.container.name", FIELD(k8s_container) },
        { "io.kubernetes.cri-o.ImageName", FIELD(image) },
        { NULL, 0, 0 },
};

static const struct annotation nerdctl[] = {
        { "nerdctl/name", FIELD(name) },
        { NULL, 0, 0 },
};

/* The places of bundles below /run. k3s brings a containerd of its own. */
static const struct {
        const char *before, *after;
        const struct annotation *annotations;
        const char *pod_uid; /* the annotation that must agree with the kernel; NULL: none must */
} places[] = {
        { "containerd/io.containerd.runtime.v2.task/k8s.io", "config.json", cri, NULL },
        { "k3s/containerd/io.containerd.runtime.v2.task/k8s.io", "config.json", cri, NULL },
        { "containers/storage/overlay-containers", "userdata/config.json", crio, "io.kubernetes.pod.uid" },
        { "containerd/io.containerd.runtime.v2.task/default", "config.json", nerdctl, NULL },
};

static bool has_expected_text(struct json_object *annotations, const char *key, const char *expected)
{
        size_t len;
        const char *uid = find_json_text(find_json_get(annotations, key), &len);

        return uid && expected[0] && !strcmp(uid, expected);
}

static void parse_bundle(const char *text, size_t len, size_t i, const struct find_place *place,
                         struct find_names *names)
{
        struct json_object *root = find_json_parse(text, len), *annotations = find_json_get(root, "annotations");

        if (!places[i].pod_uid || has_expected_text(annotations, places[i].pod_uid, place->pod_uid))
                for (const struct annotation *a = places[i].annotations; a->key; a++)
                        find_names_set_json((char *)names + a->field, a->size, find_json_get(annotations, a->key));
        find_json_free(root);
}

void find_oci_bundle_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        char path[PATH_MAX], *text;
        size_t len;

        for (size_t i = 0; find_is_long_id(place->id) && i < sizeof(places) / sizeof(*places); i++) {
                if (snprintf(path, sizeof(path), "%s/%s/%s/%s", find->roots.run, places[i].before, place->id,
                             places[i].after) >= (int)sizeof(path) ||
                    find_read_file(&find->roots, path, CONFIG_MAX, &text, &len))
                        continue;
                parse_bundle(text, len, i, place, names);
                free(text);
                return;
        }
}
