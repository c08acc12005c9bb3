/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pyroscope's push.v1.PusherService/Push, as Connect in protobuf. Each profile is a series with labels, and has one
 * pprof, not packed: the whole body is packed at once, since the profiles of a machine have most names in common.
 *
 * Pyroscope's default limits: 16 000 samples in a profile; 4 MB a second of unpacked pprofs and labels for all agents
 * of a tenant, and 2 MiB at once; nothing older than an hour. Up to 1.12 the whole body has to fit into what is left of
 * the 2 MiB, later on each series. Small bodies fit sooner. Labels of samples become labels of the series, so threads
 * are not told apart.
 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "agent/send/labels.h"
#include "agent/send/protocol.h"
#include "push.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST_MAX (((size_t)2 << 20) - 1) /* bytes of all pprofs and labels of a body */
#define BODY_WANTED ((size_t)512 << 10)   /* the same, of a body of several profiles */
#define SAMPLES_MAX 15999                 /* samples of a profile */
#define PROFILES_MAX 1000                 /* profiles in a body: Pyroscope may store a failed body in part */

#define MAX_AGE_S (55 * 60)

/* ---- series -------------------------------------------------------------- */

/* A series with all that its message points to. */
struct series {
        struct send_labels labels;
        void *pprof;
        char id[sizeof("01234567-89ab-cdef-0123-456789abcdef")];
        Push__Series message;
        Push__Sample sample, *samples[1];
        Push__Label pairs[SEND_LABELS_MAX], *pair_list[SEND_LABELS_MAX];
};

/* As a UUID is written, which Pyroscope expects. */
static void print_id(const struct profile *p, struct series *series)
{
        uint8_t id[FORMAT_ID_SIZE];
        size_t n = 0;

        format_profile_id(p, id);
        for (size_t i = 0; i < FORMAT_ID_SIZE; i++)
                n += (size_t)snprintf(series->id + n, sizeof(series->id) - n,
                                      i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
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

static void link_messages(struct series *s, size_t pprof_len)
{
        push__series__init(&s->message);
        push__sample__init(&s->sample);
        s->sample.raw_profile.data = s->pprof;
        s->sample.raw_profile.len = pprof_len;
        s->sample.id = s->id;
        s->samples[0] = &s->sample;
        s->message.samples = s->samples;
        s->message.n_samples = 1;
        for (size_t i = 0; i < s->labels.n; i++) {
                push__label__init(&s->pairs[i]);
                s->pairs[i].name = s->labels.items[i].name;
                s->pairs[i].value = s->labels.items[i].value;
                s->pair_list[i] = &s->pairs[i];
        }
        s->message.labels = s->pair_list;
        s->message.n_labels = s->labels.n;
}

static void free_series(struct series *s)
{
        if (!s)
                return;
        send_labels_deinit(&s->labels);
        free(s->pprof);
        free(s);
}

/* @ret_size: what Pyroscope counts of it. */
static int make_series(const struct profile *p, bool all_labels, struct series **ret, size_t *ret_size)
{
        struct series *s = calloc(1, sizeof(*s));
        struct profile *merged = NULL;
        size_t len = 0;
        int r = s ? copy_without_threads(p, &merged) : -ENOMEM;

        if (r == 0)
                r = send_labels_make(merged, all_labels, &s->labels);
        if (r == 0)
                r = format_send_pprof(merged, all_labels, &s->pprof, &len);
        if (r == 0) {
                print_id(merged, s);
                link_messages(s, len);
                *ret_size = len;
                for (size_t i = 0; i < s->labels.n; i++)
                        *ret_size += strlen(s->labels.items[i].name) + strlen(s->labels.items[i].value);
                *ret = s;
        } else {
                free_series(s);
        }
        profile_free(merged);
        return r;
}

/* ---- bodies -------------------------------------------------------------- */

static int pack_request(Push__Series **list, size_t n, struct send_body *ret)
{
        Push__Request request = PUSH__REQUEST__INIT;
        size_t len;
        char *text;

        request.series = list;
        request.n_series = n;
        len = push__request__get_packed_size(&request);
        text = malloc(len + 1);
        if (!text)
                return -ENOMEM;
        ret->len = push__request__pack(&request, (uint8_t *)text);
        ret->text = text;
        text[len] = '\0';
        return 0;
}

/*
 * Makes the series of @set in @all; @ret_n gets their number, also on failure. Each second another one comes first: if
 * a server takes only the first ones, it takes those of each service in turn.
 */
static int make_all_series(const struct profile_set *set, bool all_labels, struct series **all, size_t *ret_n)
{
        size_t total = 0, size = 0, n = 0, first = 0;
        int r = 0;

        if (set->n > 0)
                first = profile_settings(set->items[0])->start_ns / 1000000000 % set->n;
        for (size_t i = 0; r == 0 && i < set->n; i++) {
                const struct profile *p = set->items[(first + i) % set->n];

                if (profile_samples(p) == 0)
                        continue;
                r = make_series(p, all_labels, &all[n], &size);
                if (r < 0)
                        break;
                total += size;
                if (total > (++n > 1 ? BODY_WANTED : BURST_MAX))
                        r = -EFBIG;
        }
        *ret_n = n;
        return r;
}

/* A set without samples has no body, but the set without profiles does: it asks whether the server is there. */
static int encode_pyroscope(const struct profile_set *set, bool all_labels, struct send_body *ret)
{
        struct series **all = calloc(set->n + 1, sizeof(struct series *));
        Push__Series **list = calloc(set->n + 1, sizeof(Push__Series *));
        size_t n = 0;
        int r = all && list ? make_all_series(set, all_labels, all, &n) : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n; i++)
                list[i] = &all[i]->message;
        if (r == 0 && n == 0 && set->n > 0)
                *ret = (struct send_body){ 0 };
        else if (r == 0)
                r = pack_request(list, n, ret);
        for (size_t i = 0; i < n; i++)
                free_series(all[i]);
        free(all);
        free(list);
        return r;
}

static int divide_pyroscope(const struct send_body *body, bool all_labels, const struct send_choice *choice, size_t n,
                            struct send_body *ret)
{
        Push__Request *request = push__request__unpack(NULL, body->len, (const uint8_t *)body->text);
        size_t chosen, made = 0;
        Push__Series **list;
        int r = 0;

        (void)all_labels; /* the labels are in the body */
        if (!request)
                return -EINVAL;
        chosen = choice ? choice->n : request->n_series;
        list = calloc(chosen + 1, sizeof(Push__Series *));
        if (!list)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < chosen; i++) {
                size_t index = choice ? choice->items[i] : i;

                if (index >= request->n_series)
                        r = -EINVAL;
                else
                        list[i] = request->series[index];
        }
        if (r == 0 && chosen < n)
                r = -E2BIG;
        for (size_t first = 0; r == 0 && made < n; made += r == 0) {
                size_t end = chosen * (made + 1) / n;

                r = pack_request(list + first, end - first, &ret[made]);
                first = end;
        }
        for (size_t i = 0; r < 0 && i < made; i++)
                free(ret[i].text);
        free(list);
        push__request__free_unpacked(request, NULL);
        return r;
}

static int count_pyroscope(const struct send_body *body)
{
        Push__Request *request = push__request__unpack(NULL, body->len, (const uint8_t *)body->text);
        int n = request ? (int)request->n_series : -EINVAL;

        if (request)
                push__request__free_unpacked(request, NULL);
        return n;
}

/* ---- answers ------------------------------------------------------------- */

/*
 * Pyroscope after 1.12 stores each series by itself, and tells which it did not: "push series with index 3 and id …
 * failed: …", for each of them. If some of that is missing, the answer tells nothing: what is not in it could be lost.
 */
#define FAILED "push series with index "

static bool has_item(const struct send_choice *choice, size_t item)
{
        for (size_t i = 0; i < choice->n; i++) {
                if (choice->items[i] == item)
                        return true;
        }
        return false;
}

/* Reads a number, and moves @at behind it. False if there is none, or none that is sane. */
static bool read_number(const char **at, const char *end, size_t *ret)
{
        size_t digits = 0;

        for (*ret = 0; *at < end && **at >= '0' && **at <= '9' && digits < 6; ++*at, digits++)
                *ret = *ret * 10 + (size_t)(**at - '0');
        return digits > 0;
}

/* Where the text of a JSON answer's message begins. NULL: it has none. */
static const char *get_message_text(const char *answer, const char *end)
{
        static const char key[] = "\"message\"";
        const char *at = memmem(answer, (size_t)(end - answer), key, strlen(key));

        if (!at)
                return NULL;
        for (at += strlen(key); at < end && strchr(" :", *at) && *at; at++)
                ;
        return at < end && *at == '"' ? at + 1 : NULL;
}

/* The number of errors in an answer: it is told if there are several. */
static size_t count_errors(const char *answer, const char *end)
{
        static const char errors[] = " errors: ";
        const char *at = get_message_text(answer, end);
        size_t n;

        if (!at || !read_number(&at, end, &n) || (size_t)(end - at) < strlen(errors) ||
            memcmp(at, errors, strlen(errors)) != 0)
                return 1;
        return n;
}

static bool read_failed_series(const char *answer, size_t len, struct send_choice *ret)
{
        const char *at = answer, *end = answer + len;
        struct send_choice failed = { .n = 0 };
        size_t index;

        while (at && (at = memmem(at, (size_t)(end - at), FAILED, strlen(FAILED)))) {
                at += strlen(FAILED);
                if (failed.n == SEND_CHOICE_MAX || !read_number(&at, end, &index) || has_item(&failed, index))
                        return false;
                failed.items[failed.n++] = index;
        }
        *ret = failed;
        return failed.n > 0 && failed.n == count_errors(answer, end);
}

const struct send_protocol send_pyroscope = {
        .name = "pyroscope",
        .summary = "Pyroscope's push API, pprof inside",
        .path = "/push.v1.PusherService/Push",
        .content_type = "application/proto",
        .former_type = "application/json",
        .max_age_s = MAX_AGE_S,
        .max_profiles = PROFILES_MAX,
        .encode = encode_pyroscope,
        .count = count_pyroscope,
        .divide = divide_pyroscope,
        .failed = read_failed_series,
};
