/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads files of CPython's pstats: those of cProfile, of profiling.sampling, and podflame's own. They have no stacks. So
 * each function is a stack of its own, with its own time (tottime). The time of what it calls, and its callers, are left
 * out: stacks that were made up of them would be wrong. Files of samplers say how many samples that are. Of others the
 * time is known only: see reading_finish().
 */
#include "formats.h"
#include "marshal.h"
#include "read.h"
#include "reading.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PSTATS_MAX_BYTES ((size_t)16 << 20)
#define SAMPLED_MARK "__sampled__" /* the only text of a key of CPython's sampling profiler */

struct stats {
        const struct marshal *m;
        struct reading *reading;
        bool sampled; /* the first number is the samples with the function as the leaf */
};

static bool is_text(const struct marshal_value *value, const char *text)
{
        return value->type == MARSHAL_TEXT && value->len == strlen(text) && memcmp(value->text, text, value->len) == 0;
}

/* The values of a tuple of @n. False if it is none. */
static bool get_items(const struct marshal *m, const struct marshal_value *tuple, uint32_t n,
                      const struct marshal_value *ret[])
{
        if (tuple->type != MARSHAL_TUPLE || tuple->n != n)
                return false;
        for (uint32_t i = 0, at = tuple->first; i < n; i++, at = ret[i - 1]->next)
                ret[i] = &m->values[at];
        return true;
}

static bool is_function_key(const struct marshal *m, const struct marshal_value *key,
                            const struct marshal_value *ret[static 3])
{
        return get_items(m, key, 3, ret) && ret[0]->type == MARSHAL_TEXT && ret[1]->type == MARSHAL_NUMBER &&
               ret[2]->type == MARSHAL_TEXT;
}

/* Whether the file is a sampler's: one of its keys says so. */
static bool is_sampled(const struct marshal *m, const struct marshal_value *dict)
{
        const struct marshal_value *key[3];

        for (uint32_t at = dict->first; at; at = m->values[m->values[at].next].next)
                if ((is_function_key(m, &m->values[at], key) && is_text(key[2], PSTATS_NOTE)) ||
                    (get_items(m, &m->values[at], 1, key) && is_text(key[0], SAMPLED_MARK)))
                        return true;
        return false;
}

static int push_function(struct stats *s, const struct marshal_value *const key[3])
{
        struct profile *p = s->reading->profile;
        char *file = is_text(key[0], "~") ? strdup("") : strndup(key[0]->text, key[0]->len);
        char *name = strndup(key[2]->text, key[2]->len);
        double line = key[1]->number;
        profile_id id = 0;
        int r = file && name ? 0 : -ENOMEM;

        if (r == 0)
                r = profile_intern_function(p, name, file, line > 0 && line < UINT32_MAX ? (uint32_t)line : 0, &id);
        if (r == 0)
                r = profile_intern_frame(p, id, 0, &id);
        free(file);
        free(name);
        s->reading->n = 0;
        return r < 0 ? r : reading_push(s->reading, id);
}

static int read_entry(struct stats *s, size_t i, const struct marshal_value *key, const struct marshal_value *value)
{
        const struct marshal_value *names[3], *sums[5];

        if (get_items(s->m, key, 1, names) && is_text(names[0], SAMPLED_MARK))
                return 0;
        if (!is_function_key(s->m, key, names))
                return reading_refuse(s->reading, "pstats: entry %zu has a key that is not (file, line, name)", i);
        if (is_text(names[2], PSTATS_NOTE))
                return 0;
        if (!get_items(s->m, value, 5, sums) || sums[0]->type != MARSHAL_NUMBER || sums[2]->type != MARSHAL_NUMBER ||
            !(sums[0]->number >= 0 && sums[0]->number < 0x1p53) || !isfinite(sums[2]->number))
                return reading_refuse(s->reading, "pstats: entry %zu has no (cc, nc, tottime, cumtime, callers)", i);
        uint64_t ns = reading_ns(sums[2]->number > 0 ? sums[2]->number : 0, 1e9);
        int r = push_function(s, names);

        if (r < 0)
                return r;
        return s->sampled ? reading_count(s->reading, 0, (uint64_t)sums[0]->number, ns)
                          : reading_last(s->reading, 0, ns);
}

static int read_entries(struct stats *s)
{
        const struct marshal_value *dict = &s->m->values[1];
        size_t i = 0;
        int r = 0;

        if (dict->type != MARSHAL_DICT)
                return reading_refuse(s->reading, "pstats: it is marshal, but no dict");
        s->sampled = is_sampled(s->m, dict);
        for (uint32_t at = dict->first; r == 0 && at; at = s->m->values[s->m->values[at].next].next)
                r = read_entry(s, ++i, &s->m->values[at], &s->m->values[s->m->values[at].next]);
        return r;
}

int read_pstats(const void *bytes, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct marshal m = { 0 };
        struct stats s = { .m = &m, .reading = malloc(sizeof(*s.reading)) };
        int r = s.reading ? reading_init(s.reading) : -ENOMEM;

        if (r == 0) {
                r = len > PSTATS_MAX_BYTES ? reading_refuse(s.reading, "pstats: it has more than 16 MiB")
                                           : marshal_read(&m, bytes, len);
                if (r == -EINVAL && m.error)
                        reading_refuse(s.reading, "pstats: at byte %zu: %s", m.at, m.error);
                if (r == 0)
                        r = read_entries(&s);
                if (r == 0)
                        r = reading_finish(s.reading, ret);
                if (r == -EINVAL)
                        *ret_error = s.reading->error;
                reading_deinit(s.reading);
        }
        marshal_deinit(&m);
        free(s.reading);
        return r;
}
