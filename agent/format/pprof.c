/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pprof's format: a gzipped protobuf, made with protobuf-c. One profile holds the whole set. Process and container
 * become labels if there are several. The thread becomes a label if threads are told apart.
 *
 * Rules of its readers: string 0 is "". Ids run from 1 without gaps. A sample has one value for each type. A label has
 * a text or a number, the same in all samples.
 *
 * Mapping 1 is Python's. Its names are complete: otherwise pprof would look for the binary. Each file of native code is
 * one more mapping, without a start: addresses are those in the file. A location without a symbol has no line, so that
 * Pyroscope, Parca and pprof look it up by address and build id.
 */
#include "agent/base/base.h"
#include "arena.h"
#include "dictionary.h"
#include "formats.h"
#include "mappings.h"
#include "pprof.pb-c.h"
#include "string_table.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 6    /* thread, tid, pid, container, state, wait */
#define COMMENTS_MAX 64 /* further attributes of a resource are left out */
#define VALUES_MAX 2    /* count, nanoseconds */

static const Pprof__ValueType value_type_init = PPROF__VALUE_TYPE__INIT;
static const Pprof__Sample sample_init = PPROF__SAMPLE__INIT;
static const Pprof__Label label_init = PPROF__LABEL__INIT;
static const Pprof__Mapping mapping_init = PPROF__MAPPING__INIT;
static const Pprof__Location location_init = PPROF__LOCATION__INIT;
static const Pprof__Line line_init = PPROF__LINE__INIT;
static const Pprof__Function function_init = PPROF__FUNCTION__INIT;

struct writer {
        const struct profile_set *set;
        bool sent;       /* see format_send_pprof() */
        bool all_labels; /* of what is sent */
        struct summary summary;
        struct dictionary dictionary;
        struct mappings mappings; /* of native code */
        struct string_table texts;
        struct arena arena;
        Pprof__Profile profile;
};

static int64_t index_of_text(struct writer *w, const char *s)
{
        return string_table_index(&w->texts, s);
}

/*
 * Makes a list as protobuf-c wants it: an array of pointers to @n messages, each a copy of @init. NULL if memory ran
 * out.
 */
static void *allocate_messages(struct writer *w, size_t n, size_t size, const void *init)
{
        char *items = arena_alloc(&w->arena, n, size);
        char *list = arena_alloc(&w->arena, n, sizeof(void *));

        if (!items || !list)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                void *item = memcpy(items + i * size, init, size);

                memcpy(list + i * sizeof(item), &item, sizeof(item));
        }
        return list;
}

static int add_types(struct writer *w)
{
        Pprof__Profile *p = &w->profile;
        const char *time = summary_period_type(w->summary.settings.mode);

        p->sample_type = allocate_messages(w, VALUES_MAX + 1, sizeof(**p->sample_type), &value_type_init);
        if (!p->sample_type)
                return -ENOMEM;
        if (!w->sent) {
                p->sample_type[0]->type = index_of_text(w, "samples");
                p->sample_type[0]->unit = index_of_text(w, "count");
                p->n_sample_type++;
        }
        p->sample_type[p->n_sample_type]->type = index_of_text(w, time);
        p->sample_type[p->n_sample_type]->unit = index_of_text(w, "nanoseconds");
        p->period_type = p->sample_type[VALUES_MAX];
        *p->period_type = *p->sample_type[p->n_sample_type++];
        p->default_sample_type = index_of_text(w, time);
        p->period = (int64_t)w->summary.settings.period_ns;
        p->time_nanos = (int64_t)w->summary.settings.start_ns;
        p->duration_nanos = (int64_t)w->summary.settings.duration_ns;
        return 0;
}

static void fill_native_mapping(struct writer *w, Pprof__Mapping *out, const struct mapping *mapping)
{
        out->filename = index_of_text(w, mapping->file);
        out->build_id = index_of_text(w, mapping->build_id);
        out->has_functions = mapping->named;
}

static int add_mappings(struct writer *w)
{
        Pprof__Profile *p = &w->profile;
        const char *name = w->set->n > 0 ? profile_attribute(w->set->items[0], "process.executable.name") : NULL;

        p->mapping = allocate_messages(w, 1 + w->mappings.n, sizeof(**p->mapping), &mapping_init);
        if (!p->mapping)
                return -ENOMEM;
        p->n_mapping = 1 + w->mappings.n;
        for (size_t i = 0; i < p->n_mapping; i++) {
                p->mapping[i]->id = i + 1;
                if (i > 0)
                        fill_native_mapping(w, p->mapping[i], &w->mappings.items[i - 1]);
        }
        p->mapping[0]->filename = index_of_text(w, name ? name : "python");
        p->mapping[0]->has_functions = true;
        p->mapping[0]->has_filenames = true;
        p->mapping[0]->has_line_numbers = true;
        return 0;
}

static int add_functions(struct writer *w)
{
        Pprof__Profile *p = &w->profile;
        size_t n = profile_functions(w->dictionary.all);

        p->function = allocate_messages(w, n, sizeof(**p->function), &function_init);
        if (!p->function)
                return -ENOMEM;
        p->n_function = n;
        for (size_t i = 0; i < n; i++) {
                const struct profile_function *f = profile_function(w->dictionary.all, (profile_id)(i + 1));

                p->function[i]->id = i + 1;
                p->function[i]->name = index_of_text(w, f->name);
                if (f->kind == PROFILE_PYTHON)
                        p->function[i]->filename = index_of_text(w, f->file);
                p->function[i]->start_line = f->first_line;
        }
        return 0;
}

static int add_locations(struct writer *w)
{
        Pprof__Profile *p = &w->profile;
        size_t n = profile_frames(w->dictionary.all);
        Pprof__Line **lines = allocate_messages(w, n, sizeof(**lines), &line_init);

        p->location = allocate_messages(w, n, sizeof(**p->location), &location_init);
        if (!lines || !p->location)
                return -ENOMEM;
        p->n_location = n;
        for (size_t i = 0; i < n; i++) {
                const struct profile_frame *frame = profile_frame(w->dictionary.all, (profile_id)(i + 1));

                lines[i]->function_id = frame->function;
                lines[i]->line = frame->line;
                p->location[i]->id = i + 1;
                p->location[i]->mapping_id = 1 + w->mappings.of_function[frame->function];
                p->location[i]->address = frame->address;
                p->location[i]->n_line = profile_frame_is_named(w->dictionary.all, (profile_id)(i + 1));
                p->location[i]->line = &lines[i];
        }
        return 0;
}

/* Adds a label with the text @str, or with the number @num if there is no text. Adds none if the number is 0. */
static void add_label(struct writer *w, Pprof__Sample *sample, const char *key, const char *str, int64_t num)
{
        if (!(str && *str) && !num)
                return;
        Pprof__Label *label = sample->label[sample->n_label++];
        label->key = index_of_text(w, key);
        if (str && *str)
                label->str = index_of_text(w, str);
        else
                label->num = num;
}

static void add_labels(struct writer *w, Pprof__Sample *out, const struct profile *from,
                       const struct profile_sample *sample)
{
        if (sample->thread && !w->sent) {
                const char *name;
                uint64_t tid;

                profile_thread(from, sample->thread, &tid, &name);
                add_label(w, out, "thread", name, 0);
                add_label(w, out, "tid", NULL, (int64_t)tid);
        }
        if (w->set->n > 1) {
                const char *pid = profile_attribute(from, "process.pid");

                add_label(w, out, "pid", NULL, pid ? strtoll(pid, NULL, 10) : 0);
                add_label(w, out, "container", profile_attribute(from, "container.name"), 0);
        }
        if (w->sent && !w->all_labels)
                return;
        if (sample->state == PROFILE_IDLE)
                add_label(w, out, "state", "idle", 0);
        add_label(w, out, "wait", profile_sample_reason(from, sample), 0);
}

static int add_locations_of_stack(struct writer *w, Pprof__Sample *out, profile_id id)
{
        size_t n;
        const profile_id *stack = profile_stack(w->dictionary.all, id, &n);

        out->location_id = arena_alloc(&w->arena, n, sizeof(*out->location_id));
        if (!out->location_id)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                out->location_id[i] = stack[i];
        out->n_location_id = n;
        return 0;
}

static int add_pprof_sample(struct writer *w, Pprof__Sample *out, size_t item, const struct profile_sample *sample)
{
        out->label = allocate_messages(w, LABELS_MAX, sizeof(**out->label), &label_init);
        out->value = arena_alloc(&w->arena, VALUES_MAX, sizeof(*out->value));
        if (!out->label || !out->value)
                return -ENOMEM;
        if (!w->sent)
                out->value[out->n_value++] = (int64_t)sample->count;
        out->value[out->n_value++] = (int64_t)sample->nanoseconds;
        add_labels(w, out, w->set->items[item], sample);
        return add_locations_of_stack(w, out, w->dictionary.stacks[item][sample->stack]);
}

static int add_samples(struct writer *w)
{
        Pprof__Profile *p = &w->profile;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < w->set->n; i++)
                n += profile_samples(w->set->items[i]);
        p->sample = allocate_messages(w, n, sizeof(**p->sample), &sample_init);
        if (!p->sample)
                return -ENOMEM;
        for (size_t i = 0; i < w->set->n; i++) {
                for (size_t k = 0; r == 0 && k < profile_samples(w->set->items[i]); k++)
                        r = add_pprof_sample(w, p->sample[p->n_sample++], i, profile_sample(w->set->items[i], k));
        }
        return r;
}

static void add_comment(struct writer *w, const char *key, const char *value)
{
        char *comment;

        if (w->profile.n_comment == COMMENTS_MAX)
                return;
        if (asprintf(&comment, "%s: %s", key, value) < 0) {
                w->arena.error = -ENOMEM;
                return;
        }
        w->profile.comment[w->profile.n_comment++] = index_of_text(w, comment);
        free(comment);
}

static void comment_on_counters(struct writer *w)
{
        char number[sizeof("18446744073709551615")];

        for (size_t i = 0; i < SUMMARY_COUNTERS; i++) {
                if (!summary_counter_is_told(&w->summary.counters, i))
                        continue;
                snprintf(number, sizeof(number), "%" PRIu64, summary_counter_get(&w->summary.counters, i));
                add_comment(w, summary_counters[i].name, number);
        }
        if (profile_coverage(&w->summary.counters) < 0)
                return;
        snprintf(number, sizeof(number), "%.4f", profile_coverage(&w->summary.counters));
        add_comment(w, "coverage", number);
}

static int add_comments(struct writer *w)
{
        const struct profile_settings *settings = &w->summary.settings;

        if (w->sent)
                return 0;
        w->profile.comment = arena_alloc(&w->arena, COMMENTS_MAX, sizeof(*w->profile.comment));
        if (!w->profile.comment)
                return -ENOMEM;
        add_comment(w, "podflame", PODFLAME_VERSION);
        add_comment(w, "mode", profile_mode_name(settings->mode));
        if (settings->engine)
                add_comment(w, "engine", settings->engine);
        comment_on_counters(w);
        for (size_t i = 0; w->set->n == 1 && i < profile_attributes(w->set->items[0]); i++) {
                const char *key, *value;

                profile_attribute_at(w->set->items[0], i, &key, &value);
                add_comment(w, key, value);
        }
        return 0;
}

static int (*const parts[])(struct writer *w) = {
        add_types, add_mappings, add_functions, add_locations, add_samples, add_comments,
};

static int build_profile(struct writer *w)
{
        int r = string_table_init(&w->texts);

        if (r == 0)
                r = dictionary_init(&w->dictionary, w->set);
        if (r == 0)
                r = mappings_init(&w->mappings, w->dictionary.all);
        for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
                r = parts[i](w);
        if (r)
                return r;
        w->profile.string_table = w->texts.items;
        w->profile.n_string_table = w->texts.n;
        return w->texts.error ? w->texts.error : w->arena.error;
}

static int pack_profile(const struct writer *w, void **ret, size_t *ret_len)
{
        size_t len = pprof__profile__get_packed_size(&w->profile);
        uint8_t *bytes = malloc(len + 1);

        if (!bytes)
                return -ENOMEM;
        *ret_len = pprof__profile__pack(&w->profile, bytes);
        *ret = bytes;
        return 0;
}

static int make_profile(struct writer *w, void **ret, size_t *ret_len)
{
        int r;

        w->profile = (Pprof__Profile)PPROF__PROFILE__INIT;
        summary_of(w->set, &w->summary);
        r = build_profile(w);
        if (r == 0)
                r = pack_profile(w, ret, ret_len);
        arena_deinit(&w->arena);
        mappings_deinit(&w->mappings);
        dictionary_deinit(&w->dictionary);
        string_table_deinit(&w->texts);
        return r;
}

int format_send_pprof(const struct profile *p, bool all_labels, void **ret, size_t *ret_len)
{
        struct profile *one = (struct profile *)(uintptr_t)p;
        const struct profile_set set = { .items = &one, .n = 1 };

        return make_profile(&(struct writer){ .set = &set, .sent = true, .all_labels = all_labels }, ret, ret_len);
}

static int pprof_write(const struct profile_set *set, FILE *out)
{
        void *bytes = NULL, *zipped;
        size_t len, zipped_len;
        int r = make_profile(&(struct writer){ .set = set }, &bytes, &len);

        if (r == 0)
                r = gzip_pack(bytes, len, &zipped, &zipped_len);
        free(bytes);
        if (r < 0)
                return r;
        fwrite(zipped, 1, zipped_len, out);
        free(zipped);
        return escape_finish(out);
}

const struct format format_pprof = {
        .name = "pprof",
        .endings = { ".pb.gz" },
        .summary = "gzipped protobuf, for go tool pprof and continuous profilers",
        .binary = true,
        .write = pprof_write,
};
