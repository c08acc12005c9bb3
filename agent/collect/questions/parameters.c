/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters that questions share. Whatever cannot be read is refused with its name. */
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#define SECOND_NS 1000000000

#define DEFAULT_RANGE_S 900

/* The year 2255: it fits in 63 bits of nanoseconds, with room to calculate. */
#define SECONDS_MAX 9000000000.0

#define LABEL_PREFIX "label."

#define BASE_PREFIX "base."

#define LABEL_NAMES "namespace, workload, pod, container, image, node, service, version and process"

static int64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static bool refuse_parameter(struct http_answer *answer, const char *name, const char *what)
{
        char sentence[256];

        snprintf(sentence, sizeof(sentence), "\"%.64s\" %s", name, what);
        collect_refuse(answer, 400, sentence);
        return false;
}

/* Parses Unix seconds, which may have a fraction. */
static bool parse_moment(const char *text, int64_t *ret)
{
        double seconds;
        char *end;

        if (*text == '\0' || strspn(text, "0123456789.") != strlen(text))
                return false;
        seconds = strtod(text, &end);
        if (*end != '\0' || seconds > SECONDS_MAX)
                return false;
        *ret = (int64_t)(seconds * SECOND_NS);
        return true;
}

static bool parse_positive_number(const char *text, int64_t max, int64_t *ret)
{
        long long number;

        if (*text == '\0' || strlen(text) > 19 || strspn(text, "0123456789") != strlen(text))
                return false;
        number = strtoll(text, NULL, 10);
        if (number < 1 || number > max)
                return false;
        *ret = number;
        return true;
}

bool question_moment(const struct http_request *request, const char *name, int64_t *ret_ns, struct http_answer *answer)
{
        const char *text = http_request_parameter(request, name);

        return !text || parse_moment(text, ret_ns) || refuse_parameter(answer, name, "is not a time in Unix seconds");
}

bool question_number(const struct http_request *request, const char *name, int64_t max, int64_t *ret,
                     struct http_answer *answer)
{
        const char *text = http_request_parameter(request, name);
        char what[64];

        if (!text || parse_positive_number(text, max, ret))
                return true;
        snprintf(what, sizeof(what), "is not a number from 1 to %lld", (long long)max);
        return refuse_parameter(answer, name, what);
}

static bool parse_label(const char *parameter, const char *name, enum label *ret, struct http_answer *answer)
{
        if (collect_label_parse(name, ret))
                return true;
        if (strcmp(name, "thread") == 0)
                return refuse_parameter(answer, parameter, "is not stored: threads are added up");
        return refuse_parameter(answer, parameter, "names no label; there are " LABEL_NAMES);
}

bool question_by(const struct http_request *request, enum label *ret, struct http_answer *answer)
{
        const char *name = http_request_parameter(request, "by");

        if (!name)
                return refuse_parameter(answer, "by", "is missing: it is one of " LABEL_NAMES);
        return parse_label("by", name, ret, answer);
}

/* ---- the selection -------------------------------------------------------- */

struct reading_filters {
        struct question *question;
        const char *prefix; /* of the parameters that are filters */
        struct http_answer *answer;
        bool refused;
};

/* Takes a parameter if it is a filter. False: it was refused, and no further one is looked at. */
static bool take_filter(void *ctx, const char *name, const char *value)
{
        struct reading_filters *reading = ctx;
        struct question *question = reading->question;
        struct collect_filter filter = { .value = value };

        if (strncmp(name, reading->prefix, strlen(reading->prefix)) != 0)
                return true;
        reading->refused = true;
        if (!parse_label(name, name + strlen(reading->prefix), &filter.label, reading->answer))
                return false;
        if (question->selection.filters_n == FILTERS_MAX)
                return refuse_parameter(reading->answer, name, "is one filter too many: 32 are taken");
        if (strlen(value) > FILTER_MAX_BYTES)
                return refuse_parameter(reading->answer, name, "is longer than 1024 bytes");
        question->filters[question->selection.filters_n++] = filter;
        reading->refused = false;
        return true;
}

static bool read_range(const struct http_request *request, struct store_range *range, struct http_answer *ret)
{
        range->to_ns = now_ns();
        if (!question_moment(request, "to", &range->to_ns, ret))
                return false;
        range->from_ns = range->to_ns - INT64_C(1) * DEFAULT_RANGE_S * SECOND_NS;
        if (!question_moment(request, "from", &range->from_ns, ret))
                return false;
        return range->from_ns < range->to_ns || refuse_parameter(ret, "from", "is not before \"to\"");
}

static bool read_series(const struct http_request *request, const char *name, int64_t *ret, struct http_answer *answer)
{
        const char *series = http_request_parameter(request, name);

        if (series && strcmp(series, "all") == 0)
                *ret = 0;
        else if (series && !parse_positive_number(series, INT64_MAX, ret))
                return refuse_parameter(answer, name, "is neither \"all\" nor a number");
        return true;
}

static bool read_filters(const struct http_request *request, const char *prefix, struct question *question,
                         struct http_answer *ret)
{
        struct reading_filters reading = { .question = question, .prefix = prefix, .answer = ret };

        http_request_parameters(request, take_filter, &reading);
        return !reading.refused;
}

bool question_read(const struct http_request *request, struct question *question, struct http_answer *ret)
{
        const char *mode = http_request_parameter(request, "mode");

        memset(question, 0, sizeof(*question));
        question->selection.filters = question->filters;
        if (!read_range(request, &question->selection.range, ret) ||
            !read_series(request, "series", &question->selection.range.series, ret))
                return false;
        if (mode && !profile_mode_parse(mode, &question->mode))
                return refuse_parameter(ret, "mode", "is none of cpu, wall, gil and blame");
        if (mode)
                question->selection.mode = &question->mode;
        return read_filters(request, LABEL_PREFIX, question, ret);
}

/* Takes over the filters of all labels for which the base has none of its own. */
static void inherit_filters(const struct question *new_side, struct question *question)
{
        size_t own = question->selection.filters_n;

        for (size_t i = 0; i < new_side->selection.filters_n; i++) {
                size_t j = 0;

                while (j < own && question->filters[j].label != new_side->filters[i].label)
                        j++;
                if (j == own)
                        question->filters[question->selection.filters_n++] = new_side->filters[i];
        }
}

bool question_read_base(const struct http_request *request, const struct question *new_side, struct question *question,
                        struct http_answer *ret)
{
        struct store_range *range = &question->selection.range;

        memcpy(question, new_side, sizeof(*question));
        question->selection.filters = question->filters;
        question->selection.filters_n = 0;
        if (!question_moment(request, "base.from", &range->from_ns, ret) ||
            !question_moment(request, "base.to", &range->to_ns, ret) ||
            !read_series(request, "base.series", &range->series, ret) ||
            !read_filters(request, BASE_PREFIX LABEL_PREFIX, question, ret))
                return false;
        inherit_filters(new_side, question);
        return range->from_ns < range->to_ns || refuse_parameter(ret, "base.from", "is not before \"base.to\"");
}

/*
 * A number that stands for all parameters of a question but its time: a range that moves on with the clock has news only
 * if other slices are in it.
 */
static bool hash_parameter(void *ctx, const char *name, const char *value)
{
        uint64_t *hash = ctx;

        if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0)
                return true;
        *hash = XXH3_64bits_withSeed(name, strlen(name) + 1, *hash);
        *hash = XXH3_64bits_withSeed(value, strlen(value) + 1, *hash);
        return true;
}

bool question_run(struct collect_api *api, const struct http_request *request, struct collect_query query,
                  struct profile_set *ret_set, struct collect_meta *ret_meta, struct http_answer *ret)
{
        struct question question;
        int r;

        if (!question_read(request, &question, ret))
                return false;
        query.selection = question.selection;
        query.known = http_request_header(request, "If-None-Match");
        http_request_parameters(request, hash_parameter, &query.salt);
        r = collect_query(api->store, &query, ret_set, ret_meta);
        if (r < 0)
                collect_answer_error(ret, r);
        else if (r == COLLECT_KNOWN)
                *ret = (struct http_answer){ .status = 304, .type = "text/plain", .body = strdup("") };
        if (r >= 0)
                memcpy(ret->tag, ret_meta->tag, sizeof(ret->tag));
        return r == 0;
}
