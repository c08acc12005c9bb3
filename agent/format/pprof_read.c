/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads pprof profiles of Python programs, with podflame's comments if podflame wrote them. If a sample has several
 * values, the one that is a count is used. Time is divided by the period. Labels are ignored, except the state.
 *
 * A location is native code if its mapping has neither source files nor lines, and it has an address or a build id. The
 * mapping of an interpreter's names is the first one, and has neither.
 */
#include "read.h"
#include "summary.h"

#include "pprof.pb-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* protobuf-c makes some 30 bytes of each byte: half a gigabyte at most. */
#define PPROF_MAX_BYTES ((size_t)16 << 20)

struct reader {
        Pprof__Profile *in;
        struct profile *out;
        struct profile_settings settings;
        size_t value;                        /* index of the value that is used in a sample */
        bool nanoseconds;                    /* the value is a time */
        const Pprof__Mapping *first_mapping; /* NULL: there is none */
        const char *error;
        profile_id frames[FORMAT_OTLP_MAX_FRAMES];
};

static int refuse_profile(struct reader *r, const char *sentence)
{
        r->error = sentence;
        return -EINVAL;
}

static const char *text_at_index(const struct reader *r, int64_t index)
{
        return index >= 0 && (uint64_t)index < r->in->n_string_table ? r->in->string_table[index] : "";
}

/* ---- frames -------------------------------------------------------------------- */

static int by_location(const void *a, const void *b)
{
        const Pprof__Location *x = *(Pprof__Location *const *)a, *y = *(Pprof__Location *const *)b;

        return (x->id > y->id) - (x->id < y->id);
}

static int by_function(const void *a, const void *b)
{
        const Pprof__Function *x = *(Pprof__Function *const *)a, *y = *(Pprof__Function *const *)b;

        return (x->id > y->id) - (x->id < y->id);
}

/* Like bsearch(), which does not accept an empty table. */
static void *look_up_in_table(const void *wanted, void *table, size_t n, int (*compare)(const void *a, const void *b))
{
        void **found = n > 0 ? bsearch(&wanted, table, n, sizeof(void *), compare) : NULL;

        return found ? *found : NULL;
}

static int by_mapping(const void *a, const void *b)
{
        const Pprof__Mapping *x = *(Pprof__Mapping *const *)a, *y = *(Pprof__Mapping *const *)b;

        return (x->id > y->id) - (x->id < y->id);
}

/* The mapping of a location of native code. NULL: it is none. */
static const Pprof__Mapping *get_native_mapping(const struct reader *r, const Pprof__Location *location)
{
        const Pprof__Mapping key = { .id = location->mapping_id };
        const Pprof__Mapping *found = look_up_in_table(&key, r->in->mapping, r->in->n_mapping, by_mapping);

        if (!found || found->has_line_numbers || found->has_filenames || !*text_at_index(r, found->filename))
                return NULL;
        return location->address || *text_at_index(r, found->build_id) || found != r->first_mapping ? found : NULL;
}

/* Kernels lie in the upper half of the addresses. */
static bool is_of_kernel(const char *file, uint64_t address)
{
        return address >> 63 || strncmp(file, "[kernel", strlen("[kernel")) == 0;
}

/* @line: NULL if the location has none, and the name is not known. */
static int push_native_line(struct reader *r, const Pprof__Location *location, const Pprof__Mapping *mapping,
                            const Pprof__Line *line, size_t *n)
{
        const Pprof__Function key = { .id = line ? line->function_id : 0 };
        const Pprof__Function *found = line ? look_up_in_table(&key, r->in->function, r->in->n_function, by_function)
                                            : NULL;
        struct profile_native native = { .kind = PROFILE_C,
                                         .name = found ? text_at_index(r, found->name) : NULL,
                                         .file = text_at_index(r, mapping->filename),
                                         .build_id = text_at_index(r, mapping->build_id),
                                         .address = location->address };

        if (line && !found)
                return refuse_profile(r, "a line leads to no function");
        if (*n == FORMAT_OTLP_MAX_FRAMES)
                return refuse_profile(r, "a stack has too many frames");
        if (is_of_kernel(native.file, native.address))
                native.kind = PROFILE_KERNEL;
        else if (native.address >= mapping->memory_start)
                native.address = native.address - mapping->memory_start + mapping->file_offset;
        return profile_intern_native(r->out, &native, &r->frames[(*n)++]);
}

static int push_line(struct reader *r, const Pprof__Line *line, size_t *n)
{
        const Pprof__Function key = { .id = line->function_id };
        const Pprof__Function *found = look_up_in_table(&key, r->in->function, r->in->n_function, by_function);

        if (!found)
                return refuse_profile(r, "a line leads to no function");
        if (*n == FORMAT_OTLP_MAX_FRAMES)
                return refuse_profile(r, "a stack has too many frames");

        uint32_t first = found->start_line > 0 ? (uint32_t)found->start_line : 0;
        profile_id function;
        int rc = profile_intern_function(r->out, text_at_index(r, found->name), text_at_index(r, found->filename),
                                         first, &function);

        if (rc < 0)
                return rc;
        return profile_intern_frame(r->out, function, line->line > 0 ? (uint32_t)line->line : 0, &r->frames[(*n)++]);
}

static int push_location(struct reader *r, uint64_t id, size_t *n)
{
        const Pprof__Location key = { .id = id };
        const Pprof__Location *found = look_up_in_table(&key, r->in->location, r->in->n_location, by_location);
        int rc = 0;

        if (!found)
                return refuse_profile(r, "a stack leads to no location");

        const Pprof__Mapping *native = get_native_mapping(r, found);

        if (native && found->n_line == 0)
                return push_native_line(r, found, native, NULL, n);
        for (size_t i = 0; rc == 0 && i < found->n_line; i++)
                rc = native ? push_native_line(r, found, native, found->line[i], n) : push_line(r, found->line[i], n);
        return rc;
}

/* ---- samples -------------------------------------------------------------------- */

static enum profile_state state_of(const struct reader *r, const Pprof__Sample *sample)
{
        for (size_t i = 0; i < sample->n_label; i++)
                if (strcmp(text_at_index(r, sample->label[i]->key), "state") == 0 &&
                    strcmp(text_at_index(r, sample->label[i]->str), "idle") == 0)
                        return PROFILE_IDLE;
        return PROFILE_RUNNING;
}

static int read_sample(struct reader *r, const Pprof__Sample *sample)
{
        uint64_t period = r->settings.period_ns, count;
        size_t n = 0;
        int rc = 0;

        if (sample->n_value <= r->value || sample->value[r->value] < 0)
                return refuse_profile(r, "a sample has no value, or a negative one");
        count = (uint64_t)sample->value[r->value];
        if (r->nanoseconds && period > 0)
                count = count / period + (count > 0 && count < period);
        for (size_t i = 0; rc == 0 && i < sample->n_location_id; i++)
                rc = push_location(r, sample->location_id[i], &n);
        if (rc || n == 0 || count == 0)
                return rc;

        profile_id stack;

        rc = profile_intern_stack(r->out, r->frames, n, &stack);
        return rc < 0 ? rc : profile_add(r->out, stack, 0, state_of(r, sample), count, 0);
}

/* ---- the resource ------------------------------------------------------------------- */

/* Reads one of podflame's comments, "key: value". Names of attributes have a dot in them. */
static int read_comment(struct reader *r, const char *comment)
{
        const char *colon = strstr(comment, ": ");
        char key[128];

        if (!colon || (size_t)(colon - comment) >= sizeof(key))
                return 0;
        memcpy(key, comment, (size_t)(colon - comment));
        key[colon - comment] = '\0';
        if (strcmp(key, "mode") == 0)
                profile_mode_parse(colon + 2, &r->settings.mode);
        else
                summary_counter_read(profile_counters(r->out), key, colon + 2);
        return strchr(key, '.') ? profile_set_attribute(r->out, key, colon + 2) : 0;
}

static int read_settings(struct reader *r)
{
        const Pprof__Profile *in = r->in;
        int rc = 0;

        for (size_t i = in->n_sample_type; i-- > 0;)
                if (i == 0 || strcmp(text_at_index(r, in->sample_type[i]->unit), "count") == 0)
                        r->value = i;
        r->nanoseconds = in->n_sample_type > 0 &&
                         strcmp(text_at_index(r, in->sample_type[r->value]->unit), "nanoseconds") == 0;
        r->settings.period_ns = in->period > 0 ? (uint64_t)in->period : 0;
        r->settings.start_ns = in->time_nanos > 0 ? (uint64_t)in->time_nanos : 0;
        r->settings.duration_ns = in->duration_nanos > 0 ? (uint64_t)in->duration_nanos : 0;
        r->settings.mode = in->period_type && strcmp(text_at_index(r, in->period_type->type), "wall") == 0
                                   ? PROFILE_MODE_WALL
                                   : PROFILE_MODE_CPU;
        for (size_t i = 0; rc == 0 && i < in->n_comment; i++)
                rc = read_comment(r, text_at_index(r, in->comment[i]));
        profile_set_settings(r->out, &r->settings);
        return rc;
}

static int read_all_samples(struct reader *r)
{
        int rc = read_settings(r);

        if (r->in->n_mapping > 0) {
                r->first_mapping = r->in->mapping[0];
                qsort(r->in->mapping, r->in->n_mapping, sizeof(*r->in->mapping), by_mapping);
        }
        if (r->in->n_location > 0)
                qsort(r->in->location, r->in->n_location, sizeof(*r->in->location), by_location);
        if (r->in->n_function > 0)
                qsort(r->in->function, r->in->n_function, sizeof(*r->in->function), by_function);
        for (size_t i = 0; rc == 0 && i < r->in->n_sample; i++)
                rc = read_sample(r, r->in->sample[i]);
        return rc;
}

int read_pprof(const void *bytes, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct reader *r = calloc(1, sizeof(*r));
        struct profile_set set = { 0 };
        int rc = r ? 0 : -ENOMEM;

        if (rc == 0) {
                r->error = "it is no profile: neither OTLP nor pprof nor folded stacks";
                r->out = profile_new();
                r->in = len <= PPROF_MAX_BYTES ? pprof__profile__unpack(NULL, len, bytes) : NULL;
                rc = !r->out ? -ENOMEM : r->in && r->in->n_string_table > 0 ? read_all_samples(r) : -EINVAL;
        }
        if (rc == 0)
                rc = profile_set_add(&set, r->out);
        if (rc == 0)
                *ret = set;
        else if (r)
                profile_free(r->out);
        if (rc == -EINVAL)
                *ret_error = r->error;
        if (r && r->in)
                pprof__profile__free_unpacked(r->in, NULL);
        free(r);
        return rc;
}
