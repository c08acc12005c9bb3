/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pyroscope's push.v1.PusherService/Push, as Connect in protobuf. The pprofs are not packed: the whole body is packed at
 * once, since the profiles of a machine have most names in common. Nothing may be older than an hour.
 */
#include "agent/send/protocol.h"
#include "agent/send/pushed.h"
#include "push.pb-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROFILES_MAX 1000 /* profiles in a body: Pyroscope may store a failed body in part */
#define MAX_AGE_S (55 * 60)

/* ---- messages ------------------------------------------------------------ */

/* A series as its message, with all that the message points to but what belongs to the series. */
struct message {
        Push__Series series;
        Push__Sample sample, *samples[1];
        Push__Label pairs[SEND_LABELS_MAX], *pair_list[SEND_LABELS_MAX];
};

static void make_message(const struct pushed *from, struct message *ret)
{
        push__series__init(&ret->series);
        push__sample__init(&ret->sample);
        ret->sample.raw_profile.data = from->pprof;
        ret->sample.raw_profile.len = from->pprof_len;
        ret->sample.id = (char *)(uintptr_t)from->id;
        ret->samples[0] = &ret->sample;
        ret->series.samples = ret->samples;
        ret->series.n_samples = 1;
        for (size_t i = 0; i < from->labels.n; i++) {
                push__label__init(&ret->pairs[i]);
                ret->pairs[i].name = from->labels.items[i].name;
                ret->pairs[i].value = from->labels.items[i].value;
                ret->pair_list[i] = &ret->pairs[i];
        }
        ret->series.labels = ret->pair_list;
        ret->series.n_labels = from->labels.n;
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

static int pack_series(const struct pushed_list *all, struct send_body *ret)
{
        struct message *messages = calloc(all->n + 1, sizeof(*messages));
        Push__Series **list = calloc(all->n + 1, sizeof(Push__Series *));
        int r = messages && list ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < all->n; i++) {
                make_message(&all->items[i], &messages[i]);
                list[i] = &messages[i].series;
        }
        if (r == 0)
                r = pack_request(list, all->n, ret);
        free(list);
        free(messages);
        return r;
}

static int encode_pyroscope(const struct profile_set *set, bool all_labels, struct send_body *ret)
{
        return pushed_encode(set, all_labels, pack_series, ret);
}

static int read_pyroscope(const struct send_body *body, void **ret, size_t *ret_n)
{
        Push__Request *request = push__request__unpack(NULL, body->len, (const uint8_t *)body->text);

        if (!request)
                return -EINVAL;
        *ret = request;
        *ret_n = request->n_series;
        return 0;
}

static int write_pyroscope(void *parts, bool all_labels, const size_t *items, size_t n, struct send_body *ret)
{
        const Push__Request *request = parts;
        Push__Series **list = calloc(n + 1, sizeof(Push__Series *));
        int r = -ENOMEM;

        (void)all_labels; /* the labels are in the body */
        if (!list)
                return r;
        for (size_t i = 0; i < n; i++)
                list[i] = request->series[items[i]];
        r = pack_request(list, n, ret);
        free(list);
        return r;
}

static void free_pyroscope(void *parts)
{
        push__request__free_unpacked(parts, NULL);
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
        .read_parts = read_pyroscope,
        .write_parts = write_pyroscope,
        .free_parts = free_pyroscope,
        .failed = read_failed_series,
};
