/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of native code as other programs write them, and as somebody forges them. */
#include "pprof.pb-c.h"
#include "tests/unit/format_helper.h"
#include "tests/unit/support/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(foreign);

static void expect_otlp(const char *dictionary, const char *expected)
{
        char *body, *text;

        cr_assert_geq(asprintf(&body,
                               "{\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{\"samples\":["
                               "{\"stackIndex\":1,\"values\":[\"1\"]}]}]}]}],\"dictionary\":{%s}}",
                               dictionary),
                      0);
        struct profile_set set = helper_read_back(body, strlen(body));
        text = helper_describe_frames(set.items[0]);
        cr_expect_str_eq(text, expected, "%s: got\n%s", dictionary, text);
        free(text);
        free(body);
        profile_set_deinit(&set);
}

#define STRINGS "\"stringTable\":[\"\",\"/lib/x.so\",\"f\",\"profile.frame.type\",\"process.executable.build_id.gnu\"],"
#define TYPES                                                                                \
        "\"attributeTable\":[{},{\"keyStrindex\":3,\"value\":{\"stringValue\":\"native\"}}," \
        "{\"keyStrindex\":3,\"value\":{\"stringValue\":\"kernel\"}},"                        \
        "{\"keyStrindex\":3,\"value\":{\"stringValue\":\"jvm\"}},"                           \
        "{\"keyStrindex\":4,\"value\":{\"stringValue\":\"ab12\"}},"                          \
        "{\"keyStrindex\":3,\"value\":{\"intValue\":\"7\"}}],"
#define STACK "\"stackTable\":[{},{\"locationIndices\":[1]}],"
#define FUNCTION "\"functionTable\":[{},{\"nameStrindex\":2}],"

Test(foreign, otlp_of_others)
{
        /* mapped at 0x1000, from 0x200 of the file on */
        expect_otlp(STRINGS TYPES STACK "\"mappingTable\":[{},{\"filenameStrindex\":1,\"memoryStart\":\"4096\","
                                        "\"fileOffset\":\"512\",\"attributeIndices\":[4]}],"
                                        "\"locationTable\":[{},{\"mappingIndex\":1,\"address\":\"4100\"}]",
                    "1:\nC x.so+0x204|/lib/x.so|ab12|204|0|0\n");
        /* inlined functions have one address; a kernel without a mapping */
        expect_otlp(STRINGS TYPES STACK FUNCTION
                    "\"locationTable\":[{},{\"address\":\"9\",\"attributeIndices\":[2],"
                    "\"lines\":[{\"functionIndex\":1,\"line\":\"5\"},{\"functionIndex\":0}]}]",
                    "1:\nkernel f|[kernel]||9|0|0\nkernel (unknown)|[kernel]||9|0|0\n");
        /* a type that is interpreted, one that is a number, and none */
        expect_otlp(STRINGS TYPES STACK FUNCTION "\"locationTable\":[{},{\"address\":\"9\",\"attributeIndices\":[3,5],"
                                                 "\"lines\":[{\"functionIndex\":1,\"line\":\"5\"}]}]",
                    "1:\nPython f|||0|0|5\n");
}

/* One function of the request, in two mappings and as Python. */
Test(foreign, otlp_functions_differ_by_their_places)
{
        expect_otlp(STRINGS TYPES FUNCTION
                    "\"stackTable\":[{},{\"locationIndices\":[1,2,3,1,2,3]}],"
                    "\"mappingTable\":[{},{\"filenameStrindex\":1},{\"filenameStrindex\":2}],"
                    "\"locationTable\":[{},"
                    "{\"mappingIndex\":1,\"attributeIndices\":[1],\"lines\":[{\"functionIndex\":1}]},"
                    "{\"mappingIndex\":2,\"attributeIndices\":[1],\"lines\":[{\"functionIndex\":1}]},"
                    "{\"lines\":[{\"functionIndex\":1}]}]",
                    "1:\nC f|/lib/x.so||0|0|0\nC f|f||0|0|0\nPython f|||0|0|0\n"
                    "C f|/lib/x.so||0|0|0\nC f|f||0|0|0\nPython f|||0|0|0\n");
}

Test(foreign, forged_otlp_is_refused)
{
        static const char *const rows[] = {
                "\"mappingTable\":[{}],\"locationTable\":[{},{\"mappingIndex\":1}]",
                "\"mappingTable\":[{}],\"locationTable\":[{},{\"mappingIndex\":-1}]",
                "\"mappingTable\":[{},7],\"locationTable\":[{},{\"mappingIndex\":1}]",
                "\"mappingTable\":[{},{\"filenameStrindex\":99}],\"locationTable\":[{},{\"mappingIndex\":1}]",
                "\"mappingTable\":[{},{\"attributeIndices\":[99]}],\"locationTable\":[{},{\"mappingIndex\":1}]",
                ("\"mappingTable\":[{},{}],\"locationTable\":[{},{\"mappingIndex\":1,"
                 "\"address\":\"18446744073709551616\"}]"),
                "\"mappingTable\":[{},{}],\"locationTable\":[{},{\"mappingIndex\":1,\"attributeIndices\":[99]}]",
                "\"locationTable\":[{},{\"attributeIndices\":[1],\"lines\":[{\"functionIndex\":99}]}]",
                "\"locationTable\":[{},{\"attributeIndices\":[1],\"lines\":[7]}]",
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct profile_set set;
                char *body;

                cr_assert_geq(asprintf(&body,
                                       "{\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{\"samples\":["
                                       "{\"stackIndex\":1,\"values\":[\"1\"]}]}]}]}],\"dictionary\":{" STRINGS TYPES
                                               STACK FUNCTION "%s}}",
                                       rows[i]),
                              0);
                cr_expect_eq(format_read_otlp(guard_copy(body, strlen(body)), strlen(body), &set, NULL), -EINVAL, "%s",
                             rows[i]);
                free(body);
        }
}

static char *read_packed(Pprof__Profile *p, int *ret)
{
        struct profile_set set;
        const char *error;
        size_t len = pprof__profile__get_packed_size(p);
        uint8_t *bytes = malloc(len);
        char *text = NULL;

        pprof__profile__pack(p, bytes);
        *ret = format_read(guard_copy(bytes, len), len, &set, &error);
        free(bytes);
        if (*ret == 0) {
                text = helper_describe_frames(set.items[0]);
                profile_set_deinit(&set);
        }
        return text;
}

/* A location's mapping and address, as others write them: what becomes of it. */
Test(foreign, pprof_of_others)
{
        static const struct {
                uint64_t mapping_id, address;
                bool line, has_lines;
                const char *frame;
        } rows[] = {
                { 1, 0x1004, false, false, "C x.so+0x204|/x.so||204|0|0" },
                { 1, 0x1004, true, false, "C f|/x.so||204|0|0" },
                { 1, 0x4, true, false, "C f|/x.so||4|0|0" },
                { 1, 0xffffffff81000000, true, false, "kernel f|/x.so||ffffffff81000000|0|0" },
                /* the only mapping, and no address: Python */
                { 1, 0, true, false, "Python f|a.py||0|0|5" },
                { 1, 0x1004, true, true, "Python f|a.py||0|0|5" },
                { 0, 0x1004, true, false, "Python f|a.py||0|0|5" },
                { 9, 0x1004, true, false, "Python f|a.py||0|0|5" },
        };
        char *strings[] = { (char[]){ "" }, (char[]){ "/x.so" }, (char[]){ "f" }, (char[]){ "a.py" } };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                Pprof__Profile p = PPROF__PROFILE__INIT;
                Pprof__ValueType type = PPROF__VALUE_TYPE__INIT, *types = &type;
                Pprof__Mapping mapping = PPROF__MAPPING__INIT, *mappings = &mapping;
                Pprof__Function function = PPROF__FUNCTION__INIT, *functions = &function;
                Pprof__Line line = PPROF__LINE__INIT, *lines = &line;
                Pprof__Location location = PPROF__LOCATION__INIT, *locations = &location;
                Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples = &sample;
                int r;

                p.n_string_table = 4, p.string_table = strings;
                p.n_sample_type = 1, p.sample_type = &types;
                p.n_mapping = 1, p.mapping = &mappings;
                p.n_function = 1, p.function = &functions;
                p.n_location = 1, p.location = &locations;
                p.n_sample = 1, p.sample = &samples;
                mapping.id = 1, mapping.filename = 1, mapping.memory_start = 0x1000, mapping.file_offset = 0x200;
                mapping.has_line_numbers = rows[i].has_lines;
                function.id = 1, function.name = 2, function.filename = 3;
                line.function_id = 1, line.line = 5;
                location.id = 1, location.mapping_id = rows[i].mapping_id, location.address = rows[i].address;
                location.n_line = rows[i].line, location.line = &lines;
                sample.n_location_id = 1, sample.location_id = (uint64_t[]){ 1 };
                sample.n_value = 1, sample.value = (int64_t[]){ 1 };

                char *text = read_packed(&p, &r);

                cr_assert_eq(r, 0);
                *strrchr(text, '\n') = '\0';
                cr_expect_str_eq(text + strlen("1:\n"), rows[i].frame, "row %zu: got %s", i, text);
                free(text);
                line.function_id = 9;
                text = read_packed(&p, &r);
                cr_expect_eq(r, rows[i].line ? -EINVAL : 0, "a line that leads nowhere");
                free(text);
        }
}
