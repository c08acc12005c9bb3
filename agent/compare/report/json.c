/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison for programs: all results. Shares go from 0 to 1. */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static void put_finite_number(struct json_writer *m, struct json_object *object, const char *key, double value)
{
        json_writer_put(m, object, key, isfinite(value) ? json_object_new_double(value) : json_object_new_int(0));
}

static void put_count(struct json_writer *m, struct json_object *object, const char *key, uint64_t value)
{
        json_writer_put(m, object, key, json_object_new_uint64(value));
}

static void put_owned(struct json_writer *m, struct json_object *object, const char *key, char *text)
{
        json_writer_put(m, object, key, text ? json_object_new_string(text) : NULL);
        free(text);
}

static void put_flag(struct json_writer *m, struct json_object *object, const char *key, bool flag)
{
        json_writer_put(m, object, key, json_object_new_boolean(flag));
}

static void put_pair(struct json_writer *m, struct json_object *object, const char *key,
                     const double values[COMPARE_SIDES])
{
        struct json_object *pair = json_writer_put_object(m, object, key);

        put_finite_number(m, pair, "base", values[COMPARE_BASE]);
        put_finite_number(m, pair, "new", values[COMPARE_NEW]);
}

/* ---- parts -------------------------------------------------------------------- */

static void put_side(struct json_writer *m, struct json_object *root, const struct compare_findings *c,
                     enum compare_side side)
{
        struct json_object *object = json_writer_put_object(m, root, side == COMPARE_BASE ? "base" : "new");

        json_writer_put_text(m, object, "name", c->names[side]);
        put_finite_number(m, object, "lost", report_lost(&c->counters[side]));
        if (profile_coverage(&c->counters[side]) >= 0)
                json_writer_put(
                        m, object, "coverage",
                        format_coverage(&c->counters[side], c->settings[side].mode, c->settings[side].period_ns));
        if (!c->comparison)
                return;
        put_count(m, object, "runs", c->comparison->runs[side]);
        put_count(m, object, "samples", c->comparison->samples[side]);
}

static void put_circumstances(struct json_writer *m, struct json_object *root, const struct compare_findings *c)
{
        struct json_object *all = json_writer_put_object(m, root, "circumstances");

        for (size_t i = 0; c->circumstances && i < COMPARE_CIRCUMSTANCES; i++) {
                const struct compare_circumstance *one = &c->circumstances[i];
                struct json_object *object = json_writer_put_object(m, all, one->name);

                json_writer_put_text(m, object, "base", one->values[COMPARE_BASE]);
                json_writer_put_text(m, object, "new", one->values[COMPARE_NEW]);
                put_flag(m, object, "differs", one->differs);
        }
}

static void put_criteria(struct json_writer *m, struct json_object *root, const struct compare_criteria *criteria)
{
        struct json_object *object = json_writer_put_object(m, root, "criteria");

        put_finite_number(m, object, "relative", criteria->relative);
        put_finite_number(m, object, "points", criteria->points);
        put_finite_number(m, object, "alpha", criteria->alpha);
        put_finite_number(m, object, "miss", criteria->miss);
        put_finite_number(m, object, "least_share", criteria->least_share);
        put_finite_number(m, object, "sensitivity", criteria->sensitivity);
}

static void put_change(struct json_writer *m, struct json_object *row, enum compare_measure measure,
                       const struct compare_change *change)
{
        struct json_object *object = json_writer_put_object(m, row, compare_measure_name(measure));
        struct json_object *samples = json_writer_put_object(m, object, "samples");

        put_count(m, samples, "base", change->hits[COMPARE_BASE]);
        put_count(m, samples, "new", change->hits[COMPARE_NEW]);
        put_pair(m, object, "share", change->share);
        put_finite_number(m, object, "change", change->change);
        put_finite_number(m, object, "low", change->low);
        put_finite_number(m, object, "high", change->high);
        put_finite_number(m, object, "phi", change->phi);
        put_flag(m, object, "tested", change->tested);
        if (!change->tested)
                return;
        put_finite_number(m, object, "p", change->p);
        put_finite_number(m, object, "threshold", change->threshold);
        put_finite_number(m, object, "possible", change->possible);
        put_finite_number(m, object, "more", change->more);
        put_flag(m, object, "regression", change->regression);
}

static void put_functions(struct json_writer *m, struct json_object *root, const struct compare_result *c)
{
        struct json_object *list = json_writer_put_array(m, root, "functions");

        for (size_t i = 0; i < c->n && !m->failed; i++) {
                const struct compare_function *row = &c->functions[i];
                struct json_object *object = json_writer_append_object(m, list);

                put_owned(m, object, "name", format_true_name(row->name));
                put_owned(m, object, "file", format_true_name(row->file));
                put_flag(m, object, "allowed", row->allowed);
                put_flag(m, object, "new", row->by[COMPARE_TOTAL].hits[COMPARE_BASE] == 0);
                put_flag(m, object, "gone", row->by[COMPARE_TOTAL].hits[COMPARE_NEW] == 0);
                for (int measure = 0; measure < COMPARE_MEASURES; measure++)
                        put_change(m, object, (enum compare_measure)measure, &row->by[measure]);
        }
}

static void put_cause(struct json_writer *m, struct json_object *list, const struct compare_result *c,
                      const struct compare_cause *cause)
{
        struct json_object *object = json_writer_append_object(m, list);
        struct json_object *path = json_writer_put_array(m, object, "path");

        put_owned(m, object, "function", format_true_name(cause->function->key));
        json_writer_put_text(m, object, "measure", compare_measure_name(cause->measure));
        put_finite_number(m, object, "change", cause->function->by[cause->measure].change);
        put_count(m, object, "regressions", cause->regressions);
        for (size_t i = 0; i < cause->path_n; i++) {
                char *name = format_true_name(profile_function(c->stacks, cause->path[i])->name);

                json_writer_append(m, path, name ? json_object_new_string(name) : NULL);
                free(name);
        }
}

static void put_causes(struct json_writer *m, struct json_object *root, const struct compare_findings *c)
{
        const struct compare_judgement *j = report_causes(c);
        struct json_object *causes = j ? json_writer_put_array(m, root, "causes") : NULL;

        for (size_t i = 0; j && i < j->causes_n; i++)
                put_cause(m, causes, c->comparison, &j->causes[i]);
}

static void put_judgement(struct json_writer *m, struct json_object *root, const struct compare_findings *c)
{
        const struct compare_judgement *j = c->judgement;

        put_count(m, root, "regressions", j->regressions);
        put_count(m, root, "blind", j->blind);
        put_finite_number(m, root, "more", j->more);
        put_count(m, root, "runs_needed", j->runs);
        if (j->weakest) {
                struct json_object *weakest = json_writer_put_object(m, root, "weakest");

                put_owned(m, weakest, "function", format_true_name(j->weakest->key));
                json_writer_put_text(m, weakest, "measure", compare_measure_name(j->weakest_measure));
                put_finite_number(m, weakest, "possible", j->weakest->by[j->weakest_measure].possible);
        }
}

static void put_counts_of_sides(struct json_writer *m, struct json_object *object, const char *key,
                                const uint64_t counts[COMPARE_SIDES])
{
        struct json_object *pair = json_writer_put_object(m, object, key);

        put_count(m, pair, "base", counts[COMPARE_BASE]);
        put_count(m, pair, "new", counts[COMPARE_NEW]);
}

static void put_scope(struct json_writer *m, struct json_object *root, const struct compare_result *c)
{
        static const char *const starts[] = {
                [COMPARE_START_NONE] = "roots", [COMPARE_START_TESTS] = "tests", [COMPARE_START_ASKED] = "from"
        };
        static const char *const kinds[] = { [COMPARE_LEFT_OUTSIDE] = "outside",
                                             [COMPARE_LEFT_IMPORTS] = "imports",
                                             [COMPARE_LEFT_ONE_SIDED] = "one_sided",
                                             [COMPARE_LEFT_COLLECTION] = "collection",
                                             [COMPARE_LEFT_FOREIGN] = "foreign" };
        const struct compare_scoped *scope = &c->scope;
        struct json_object *object = json_writer_put_object(m, root, "scope"), *left_out;

        put_owned(m, object, "sentence", report_scope(c));
        json_writer_put_text(m, object, "start", starts[scope->start]);
        put_flag(m, object, "everything", scope->everything);
        put_counts_of_sides(m, object, "all", scope->all);
        put_counts_of_sides(m, object, "judged", c->samples);
        left_out = json_writer_put_object(m, object, "left_out");
        for (int why = 0; why < COMPARE_LEFT_OUTS; why++)
                put_counts_of_sides(m, left_out, kinds[why], scope->left_out[why]);
}

static void put_cost(struct json_writer *m, struct json_object *root, const struct compare_cost *cost)
{
        struct json_object *object = json_writer_put_object(m, root, "cost");

        put_pair(m, object, "seconds", cost->mean);
        put_finite_number(m, object, "change", cost->change);
        put_finite_number(m, object, "low", cost->low);
        put_finite_number(m, object, "high", cost->high);
        put_finite_number(m, object, "p", cost->p);
}

static void put_all(struct json_writer *m, struct json_object *root, const struct compare_findings *c)
{
        struct json_object *notes = json_writer_put_array(m, root, "notes");

        if (c->judgement || c->invalid) {
                json_writer_put_text(m, root, "verdict", compare_verdict_name(compare_verdict_of(c)));
                put_owned(m, root, "sentence", report_sentence(c));
        }
        for (int side = 0; side < COMPARE_SIDES; side++)
                put_side(m, root, c, (enum compare_side)side);
        put_circumstances(m, root, c);
        for (size_t i = 0; i < c->notes_n; i++) {
                char *note = escape_clean(c->notes[i]);

                json_writer_append(m, notes, note ? json_object_new_string(note) : NULL);
                free(note);
        }
        put_causes(m, root, c);
        if (c->judgement)
                put_judgement(m, root, c);
        if (c->cost)
                put_cost(m, root, c->cost);
        if (!c->comparison)
                return;
        put_scope(m, root, c->comparison);
        put_criteria(m, root, &c->comparison->criteria);
        put_functions(m, root, c->comparison);
}

static int json_write(const struct compare_findings *c, FILE *out)
{
        struct json_object *root = json_object_new_object();
        struct json_writer m = { .failed = !root };
        const char *text;

        put_all(&m, root, c);
        text = m.failed
                       ? NULL
                       : json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (text)
                fprintf(out, "%s\n", text);
        json_object_put(root);
        return text ? escape_finish(out) : -ENOMEM;
}

const struct compare_report report_json = {
        .name = "json",
        .extension = ".json",
        .summary = "for programs",
        .write = json_write,
};
