/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the log as a JSON object, valid UTF-8 whatever the line holds. If memory runs out, the program does not
 * end: the caller writes the line as text.
 */
#include "log_json.h"

#include "agent/format/format.h"

#include <json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool put_valid_text(struct json_object *json, const char *key, const char *text)
{
        char *valid = format_true_name(text);
        struct json_object *value = valid ? json_object_new_string(valid) : NULL;

        free(valid);
        if (value && json_object_object_add(json, key, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static void write_timestamp(char *ret, size_t size)
{
        struct timespec now;
        struct tm utc;

        clock_gettime(CLOCK_REALTIME, &now);
        size_t len = strftime(ret, size, "%FT%T", gmtime_r(&now.tv_sec, &utc));
        snprintf(ret + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
}

char *log_json(const char *level, const char *message)
{
        struct json_object *json = json_object_new_object();
        char stamp[40], *line = NULL;

        write_timestamp(stamp, sizeof stamp);
        if (json && put_valid_text(json, "time", stamp) && put_valid_text(json, "level", level) &&
            put_valid_text(json, "message", message)) {
                const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
                line = text ? strdup(text) : NULL;
        }
        json_object_put(json);
        return line;
}
