/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/export: what is selected as a file, in any format that `podflame record` writes. */
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"
#include "agent/format/format.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

/* The most characters of what is selected in a file's name. */
#define SUBJECT_MAX 60

static const struct format *read_format(const struct http_request *request, struct http_answer *ret)
{
        const char *name = http_request_parameter(request, "format");
        const struct format *format = name ? format_by_name(name) : NULL;
        char sentence[512];
        size_t len;

        if (format)
                return format;
        len = (size_t)snprintf(sentence, sizeof(sentence), "\"format\" is %s; there are",
                               name ? "not known" : "missing");
        for (size_t i = 0; i < format_table_n && len < sizeof(sentence); i++)
                len += (size_t)snprintf(sentence + len, sizeof(sentence) - len, "%s %s", i > 0 ? "," : "",
                                        format_table[i]->name);
        collect_refuse(ret, 400, sentence);
        return NULL;
}

static const char *type_of(const struct format *format)
{
        static const char *const types[][2] = {
                { ".json", "application/json" },
                { ".html", "text/html; charset=utf-8" },
                { ".svg", "image/svg+xml" },
                { ".txt", "text/plain; charset=utf-8" },
                { ".folded", "text/plain; charset=utf-8" },
        };
        const char *ending = strrchr(format->endings[0], '.');

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                if (strcmp(ending, types[i][0]) == 0)
                        return types[i][1];
        }
        return "application/octet-stream";
}

/* What all profiles of the set have in common: the name of a container or of a service. */
static const char *subject_of(const struct profile_set *set)
{
        static const char *const keys[] = { "container.name", "service.name" };

        for (size_t i = 0; set->n > 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
                const char *subject = profile_attribute(set->items[0], keys[i]);
                size_t same = 0;

                for (size_t j = 0; subject && j < set->n; j++) {
                        const char *other = profile_attribute(set->items[j], keys[i]);

                        same += other && strcmp(subject, other) == 0;
                }
                if (subject && *subject && same == set->n)
                        return subject;
        }
        return "all";
}

/* Makes a name of the subject, the mode, and the range in UTC. NULL if memory ran out. */
static char *name_file(const struct profile_set *set, const struct collect_meta *meta, const struct format *format)
{
        char subject[SUBJECT_MAX + 1], from[32], to[32], *name;
        time_t moments[] = { meta->from_ns / SECOND_NS, meta->to_ns / SECOND_NS };
        struct tm parts;

        snprintf(subject, sizeof(subject), "%s", subject_of(set));
        for (char *c = subject; *c; c++) {
                if (!isascii(*c) || !(isalnum((unsigned char)*c) || strchr("._-", *c)))
                        *c = '_';
        }
        strftime(from, sizeof(from), "%Y%m%dT%H%M%SZ", gmtime_r(&moments[0], &parts));
        strftime(to, sizeof(to), "%Y%m%dT%H%M%SZ", gmtime_r(&moments[1], &parts));
        if (asprintf(&name, "podflame-%s-%s-%s-%s%s", subject, profile_mode_name(meta->mode), from, to,
                     format->endings[0]) < 0)
                return NULL;
        return name;
}

void question_export(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        const struct format *format = read_format(request, ret);
        struct profile_set set = { 0 };
        struct collect_meta meta;
        struct written written;

        if (!format || !question_run(ctx, request, (struct collect_query){ .apart = true }, &set, &meta, ret))
                return;
        if (question_write_begin(&written, ret)) {
                question_write_end(&written, format->write(&set, written.out), ret);
                if (ret->status == 200) {
                        ret->type = type_of(format);
                        ret->file = name_file(&set, &meta, format);
                }
        }
        profile_set_deinit(&set);
}
