/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs' JSON, and podflame's but for OTLP. It is parsed once, and its members tell what it is. */
#include "read.h"
#include "reading.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A member that only this format has at its outermost object. */
static const struct json_kind {
        const char *member;
        int (*read)(const struct json_value *document, struct reading *reading);
} json_kinds[] = {
        { "traceEvents", read_chrome },
        { "threads", read_gecko },
        { "shared", read_speedscope },
};

static int read_document(const struct json_value *document, struct reading *reading)
{
        if (document->type == JSON_VALUE_ARRAY)
                return read_chrome(document, reading);
        for (size_t i = 0; i < sizeof(json_kinds) / sizeof(*json_kinds); i++)
                if (json_value_member(document, json_kinds[i].member))
                        return json_kinds[i].read(document, reading);
        return reading_refuse(reading,
                              "it is JSON, but none of what can be read: it has neither resourceProfiles (OTLP) "
                              "nor shared (speedscope), threads (gecko) or traceEvents");
}

static const char *const json_errors[] = {
        [JSON_VALUE_E_WRONG] = "it is cut off, or no JSON",
        [JSON_VALUE_E_DEEP] = "its JSON is nested too deep",
        [JSON_VALUE_E_MANY] = "its JSON has too many values",
};

int read_json(const char *text, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct reading *reading = malloc(sizeof(*reading));
        struct json_value *all = NULL;
        const struct json_value *document;
        char *copy = malloc(len + 1);
        int r = reading && copy ? reading_init(reading) : -ENOMEM;

        if (r == 0) {
                memcpy(copy, text, len);
                copy[len] = '\0'; /* a number may be the last */
                r = json_value_read(copy, len, FORMAT_OTLP_MAX_VALUES, &all, &document);
                if (r > 0)
                        r = reading_refuse(reading, "%s", json_errors[r]);
                else if (r == 0)
                        r = read_document(document, reading);
                if (r == 0)
                        r = reading_finish(reading, ret);
                if (r == -EINVAL)
                        *ret_error = reading->error;
                reading_deinit(reading);
        }
        free(all);
        free(copy);
        free(reading);
        return r;
}
