/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/interned.h"

#include <inttypes.h>
#include <stdlib.h>

#define PERIOD 10000000
#define MAX_DEPTH 4096

struct profile_set helper_set(struct profile *p)
{
        struct profile_set set = { 0 };

        cr_assert_eq(profile_set_add(&set, p), 0);
        return set;
}

void helper_add(struct profile *p, const struct helper_frame *frames, size_t n, profile_id thread,
                enum profile_state state, uint64_t count)
{
        static profile_id ids[MAX_DEPTH];

        cr_assert_leq(n, MAX_DEPTH);
        for (size_t i = 0; i < n; i++) {
                const struct helper_frame *f = &frames[n - 1 - i];

                ids[i] = interned_frame(p, interned_function(p, f->name, f->file, f->first_line), f->line);
        }
        cr_assert_eq(profile_add(p, interned_stack(p, ids, n), thread, state, count, count * PERIOD), 0);
}

struct profile *helper_service(void)
{
        static const struct helper_frame frames[] = {
                { "<module>", "/app/main.py", 1, 40 },
                { "handle", "/app/main.py", 10, 12 },
                { "dumps", "/usr/lib/python3.11/json/__init__.py", 183, 231 },
        };
        struct profile *p = profile_new();

        cr_assert_neq(p, NULL);
        profile_set_attribute(p, "service.name", "billing-api");
        profile_set_attribute(p, "container.name", "web");
        profile_set_attribute(p, "process.pid", "42");
        profile_set_attribute(p, "process.executable.name", "python3");
        profile_set_settings(p, &(struct profile_settings){
                                        .mode = PROFILE_MODE_CPU,
                                        .period_ns = PERIOD,
                                        .start_ns = 1767225600000000000,
                                        .duration_ns = 10000000000,
                                        .engine = "perf",
                                });
        *profile_counters(p) = (struct profile_counters){ .ticks = 12, .ok = 10, .retried = 1, .torn = 2 };
        helper_add(p, frames, 3, 0, PROFILE_RUNNING, 7);
        helper_add(p, frames, 2, 0, PROFILE_RUNNING, 3);
        return p;
}

struct profile *helper_frame(const char *name, const char *file, uint32_t line)
{
        struct profile *p = profile_new();

        cr_assert_neq(p, NULL);
        helper_add(p, &(struct helper_frame){ .name = name, .file = file, .line = line }, 1, 0, PROFILE_RUNNING, 1);
        return p;
}

char *helper_write(int (*write)(const struct profile_set *set, FILE *out), const struct profile_set *set,
                   size_t *ret_len)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        cr_assert_neq(out, NULL);
        cr_assert_eq(write(set, out), 0);
        cr_assert_eq(fclose(out), 0);
        *ret_len = len;
        return text;
}

char *helper_format(const char *format, const struct profile_set *set)
{
        size_t len;

        return helper_write(format_by_name(format)->write, set, &len);
}

void helper_expect(const char *format, struct profile_set set, const char *expected)
{
        char *text = helper_format(format, &set);

        cr_expect_str_eq(text, expected, "\n%s: got\n%s\nnot\n%s", format, text, expected);
        free(text);
        profile_set_deinit(&set);
}

static const char *const kind_names[] = { "Python", "C", "kernel" };

char *helper_describe_frames(const struct profile *p)
{
        char *text;
        size_t len, n;
        FILE *out = open_memstream(&text, &len);

        for (size_t i = 0; i < profile_samples(p); i++) {
                const profile_id *frames = profile_stack(p, profile_sample(p, i)->stack, &n);

                fprintf(out, "%" PRIu64 ":\n", profile_sample(p, i)->count);
                for (size_t k = 0; k < n; k++) {
                        const struct profile_frame *frame = profile_frame(p, frames[k]);
                        const struct profile_function *f = profile_function(p, frame->function);

                        fprintf(out, "%s %s|%s|%s|%" PRIx64 "|%u|%u\n", kind_names[f->kind], f->name, f->file,
                                f->build_id, frame->address, f->first_line, frame->line);
                }
        }
        fclose(out);
        return text;
}

struct profile_set helper_read_back(const char *bytes, size_t len)
{
        struct profile_set set;
        const char *error = "";

        cr_assert_eq(format_read(guard_copy(bytes, len), len, &set, &error), 0, "%s", error);
        return set;
}
