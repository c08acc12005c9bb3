/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pyroscope's push.v1.PusherService/Push, as Connect in JSON. Each profile is a series with labels, and has one gzipped
 * pprof in base64.
 *
 * Pyroscope's default limits: 16 000 samples in a profile; 2 MiB of unpacked pprof at once (a larger profile gets 429
 * for ever); nothing older than an hour. Labels of samples become labels of the series, so threads are not told apart.
 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "agent/http/http.h"
#include "agent/send/protocol.h"

#include <errno.h>
#include <iconv.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define PPROF_MAX (((size_t)2 << 20) - 1) /* bytes of all pprofs of a body, unpacked */
#define SAMPLES_MAX 15999                 /* samples of a profile */
#define PROFILES_MAX 1000                 /* profiles in a body: Pyroscope may store a failed body in part */
#define LABEL_VALUE_MAX 2048              /* bytes of a label's value */
#define LABEL_MAX 128                     /* bytes of a label's name; Pyroscope accepts 1024 */
#define OTHERS_MAX 20                     /* labels besides podflame's own; a series has 30 at most */

#define MAX_AGE_S (55 * 60)
#define JSON_DEPTH 8 /* {"series":[{"labels":[{ needs 5 */

/* ---- labels -------------------------------------------------------------- */

static const struct {
        const char *name;
        const char *attributes[2]; /* the first of these that is set gives the label */
} labels[] = {
        { "service_name", { "service.name" } },
        { "namespace", { "k8s.namespace.name" } },
        { "pod", { "k8s.pod.name" } },
        { "container", { "k8s.container.name", "container.name" } },
        { "node", { "k8s.node.name", "host.name" } },
};

/* Attributes that would only separate series that belong together. */
static const char *const no_labels[] = {
        "container.id",         "container.image.name",    "k8s.pod.uid", "process.executable.name", "process.pid",
        "process.runtime.name", "process.runtime.version",
};

/*
 * Cleans @value for Pyroscope: valid UTF-8 of limited length, without control characters. Only forgers put those into
 * names.
 */
static size_t clean_label_value(const char *value, char ret[static LABEL_VALUE_MAX + 1])
{
        iconv_t checker = iconv_open("UTF-8", "UTF-8");
        char *in = (char *)(uintptr_t)value, *out = ret;
        size_t left = strlen(value), room = LABEL_VALUE_MAX;

        if (checker == (iconv_t)-1)
                left = 0;
        while (left > 0 && iconv(checker, &in, &left, &out, &room) == (size_t)-1 && errno != E2BIG && room > 0) {
                *out++ = '?';
                room--;
                in++;
                left--;
        }
        if (checker != (iconv_t)-1)
                iconv_close(checker);
        *out = '\0';
        for (char *c = ret; c < out; c++) {
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        *c = '_';
        }
        return (size_t)(out - ret);
}

/* json-c's functions accept a NULL value after memory ran out. These report it. Both consume @value. */
static bool put_json(struct json_object *object, const char *key, struct json_object *value)
{
        if (object && value && json_object_object_add(object, key, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static bool append_json(struct json_object *array, struct json_object *value)
{
        if (array && value && json_object_array_add(array, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static bool put_label(struct json_object *array, const char *name, const char *value)
{
        char text[LABEL_VALUE_MAX + 1];
        struct json_object *label;

        if (!value || clean_label_value(value, text) == 0)
                return true;
        label = json_object_new_object();
        if (put_json(label, "name", json_object_new_string(name)) &&
            put_json(label, "value", json_object_new_string(text)))
                return append_json(array, label);
        json_object_put(label);
        return false;
}

static bool is_mapped(const char *key)
{
        for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
                const char *const *a = labels[i].attributes;

                if (strcmp(a[0], key) == 0 || (a[1] && strcmp(a[1], key) == 0))
                        return true;
        }
        for (size_t i = 0; i < sizeof(no_labels) / sizeof(no_labels[0]); i++) {
                if (strcmp(no_labels[i], key) == 0)
                        return true;
        }
        return false;
}

static bool is_own_label(const char *name)
{
        for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
                if (strcmp(labels[i].name, name) == 0)
                        return true;
        }
        return false;
}

/*
 * Makes a label's name: letters, digits and '_', not a digit first. False for names that begin with two '_', since
 * those are Pyroscope's own.
 */
static bool name_label(const char *key, char name[static LABEL_MAX])
{
        size_t n = 0;

        if (*key >= '0' && *key <= '9')
                name[n++] = '_';
        for (; *key && n + 1 < LABEL_MAX; key++) {
                bool plain = (*key >= '0' && *key <= '9') || (*key >= 'a' && *key <= 'z') ||
                             (*key >= 'A' && *key <= 'Z');

                name[n++] = plain ? *key : '_';
        }
        name[n] = '\0';
        return !*key && strncmp(name, "__", 2) != 0;
}

static bool has_label(struct json_object *array, const char *name)
{
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                struct json_object *value = json_object_object_get(json_object_array_get_idx(array, i), "name");

                if (strcmp(json_object_get_string(value), name) == 0)
                        return true;
        }
        return false;
}

/*
 * Puts the other attributes, the last one first: those of the user who runs podflame come last. None replaces one of
 * podflame's labels.
 */
static bool put_other_labels(struct json_object *array, const struct profile *p)
{
        char name[LABEL_MAX];
        const char *key, *value;
        size_t left = OTHERS_MAX;
        bool done = true;

        for (size_t i = profile_attributes(p); done && left > 0 && i-- > 0;) {
                profile_attribute_at(p, i, &key, &value);
                if (is_mapped(key) || !name_label(key, name) || is_own_label(name) || has_label(array, name))
                        continue;
                done = put_label(array, name, value);
                left--;
        }
        return done;
}

static struct json_object *make_labels(const struct profile *p)
{
        struct json_object *array = json_object_new_array();
        static const char *const names[PROFILE_MODES] = {
                [PROFILE_MODE_CPU] = "process_cpu",
                [PROFILE_MODE_WALL] = "wall",
                [PROFILE_MODE_GIL] = "wall",
                [PROFILE_MODE_BLAME] = "gil_wait",
        };
        bool done = put_label(array, "__name__", names[profile_settings(p)->mode]);

        for (size_t i = 0; done && i < sizeof(labels) / sizeof(labels[0]); i++) {
                const char *value = profile_attribute(p, labels[i].attributes[0]);

                if (!value && labels[i].attributes[1])
                        value = profile_attribute(p, labels[i].attributes[1]);
                done = put_label(array, labels[i].name, value);
        }
        if (done && put_other_labels(array, p))
                return array;
        json_object_put(array);
        return NULL;
}

/* ---- profiles ------------------------------------------------------------ */

static int write_pprof(struct profile *p, void **ret, size_t *ret_len)
{
        const struct format *format = format_by_name("pprof");
        const struct profile_set one = { .items = &p, .n = 1 };
        char *bytes = NULL;
        FILE *out = open_memstream(&bytes, ret_len);
        int r;

        if (!out)
                return -ENOMEM;
        r = format ? format->write(&one, out) : -ENOTSUP;
        if (fclose(out) != 0 && r == 0)
                r = -ENOMEM;
        if (r < 0) {
                free(bytes);
                return r;
        }
        *ret = bytes;
        return 0;
}

static int copy_without_threads(const struct profile *p, struct profile **ret)
{
        struct profile *merged = profile_new();
        int r = merged ? profile_merge(merged, p, false) : -ENOMEM;

        if (r == 0 && profile_samples(merged) > SAMPLES_MAX)
                r = -EFBIG;
        if (r < 0) {
                profile_free(merged);
                return r;
        }
        *ret = merged;
        return 0;
}

/* Makes a pprof in base64. Its unpacked size is subtracted from @room. */
static int make_pprof(const struct profile *p, size_t *room, char **ret)
{
        size_t packed_len, unpacked_len;
        void *packed, *unpacked;
        struct profile *merged;
        int r = copy_without_threads(p, &merged);

        if (r < 0)
                return r;
        r = write_pprof(merged, &packed, &packed_len);
        profile_free(merged);
        if (r < 0)
                return r;
        r = gzip_unpack(packed, packed_len, *room, &unpacked, &unpacked_len);
        if (r == 0) {
                *room -= unpacked_len;
                free(unpacked);
                *ret = http_client_base64(packed, packed_len);
                r = *ret ? 0 : -ENOMEM;
        }
        free(packed);
        return r;
}

static int add_series(struct json_object *list, const struct profile *p, size_t *room)
{
        struct json_object *series, *samples, *sample;
        char *pprof = NULL;
        int r = make_pprof(p, room, &pprof);

        if (r < 0)
                return r;
        series = json_object_new_object();
        samples = json_object_new_array();
        sample = json_object_new_object();
        bool done = put_json(sample, "rawProfile", json_object_new_string(pprof));
        free(pprof);
        /* Each object is given to the object above it, or freed if that failed. */
        done = append_json(samples, sample) && done;
        done = put_json(series, "samples", samples) && done;
        done = put_json(series, "labels", make_labels(p)) && done;
        done = append_json(list, series) && done;
        return done ? 0 : -ENOMEM;
}

static int print_request(struct json_object *request, struct send_body *ret)
{
        size_t len;
        const char *text = json_object_to_json_string_length(
                request, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
        char *copy = text ? strdup(text) : NULL;

        if (!copy)
                return -ENOMEM;
        *ret = (struct send_body){ .text = copy, .len = len };
        return 0;
}

/* ---- the protocol -------------------------------------------------------- */

static int encode_pyroscope(const struct profile_set *set, struct send_body *ret)
{
        struct json_object *request = json_object_new_object(), *list = json_object_new_array();
        size_t room = PPROF_MAX;
        int r = put_json(request, "series", list) ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < set->n; i++) {
                if (profile_samples(set->items[i]) > 0)
                        r = add_series(list, set->items[i], &room);
        }
        if (r == 0 && json_object_array_length(list) == 0)
                *ret = (struct send_body){ 0 };
        else if (r == 0)
                r = print_request(request, ret);
        json_object_put(request);
        return r;
}

/* Prints @n elements of @series, from @first on. */
static int print_range(struct json_object *series, size_t first, size_t n, struct send_body *ret)
{
        struct json_object *request = json_object_new_object(), *list = json_object_new_array();
        bool done = put_json(request, "series", list);
        int r;

        for (size_t i = first; done && i < first + n; i++)
                done = append_json(list, json_object_get(json_object_array_get_idx(series, i)));
        r = done ? print_request(request, ret) : -ENOMEM;
        json_object_put(request);
        return r;
}

static int halve_pyroscope(const struct send_body *body, struct send_body ret[static 2])
{
        struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
        struct json_object *root, *series;
        struct send_body first;
        int r = -EINVAL;

        if (!tokener)
                return -ENOMEM;
        root = json_tokener_parse_ex(tokener, body->text, (int)body->len);
        json_tokener_free(tokener);
        if (json_object_object_get_ex(root, "series", &series) && json_object_is_type(series, json_type_array)) {
                size_t n = json_object_array_length(series);

                r = n > 1 ? print_range(series, 0, n / 2, &first) : -E2BIG;
                if (r == 0) {
                        r = print_range(series, n / 2, n - n / 2, &ret[1]);
                        if (r < 0)
                                free(first.text);
                        else
                                ret[0] = first;
                }
        }
        json_object_put(root);
        return r;
}

const struct send_protocol send_pyroscope = {
        .name = "pyroscope",
        .summary = "Pyroscope's push API, pprof inside",
        .path = "/push.v1.PusherService/Push",
        .content_type = "application/json",
        .max_age_s = MAX_AGE_S,
        .max_profiles = PROFILES_MAX,
        .encode = encode_pyroscope,
        .halve = halve_pyroscope,
};
