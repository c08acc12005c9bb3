/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/v1/function: who calls a function, whom it calls, and its lines. Of a recursive function the outermost call
 * of a stack counts.
 */
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"
#include "agent/format/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INTERNAL "internal"

static const char *const kind_names[PROFILE_KINDS] = {
        [PROFILE_PYTHON] = "python", [PROFILE_C] = "c", [PROFILE_KERNEL] = "kernel"
};

/* What is asked. A part that is NULL or 0 fits all. */
struct sought {
        const char *name, *file, *kind;
        int64_t first_line;
};

struct line {
        uint32_t line;
        uint64_t self, total;
};

struct found_function {
        const struct profile *from;
        bool *is_it;      /* by function: it is the one that is sought */
        bool *internal;   /* by function */
        profile_id known; /* one such function; 0: none */
        uint64_t self, total;
        struct profile *callers, *callees;
        struct profile_map to_callers, to_callees;
        profile_id *path;
        struct line *lines; /* by frame, and after sorting by line */
        profile_id *seen;   /* by frame: the last stack that it was counted for */
        size_t lines_n;
};

static const char *kind_of(const struct found_function *found, profile_id id)
{
        return found->internal[id] ? INTERNAL : kind_names[profile_function(found->from, id)->kind];
}

/* A comparison knows files by the part of their path that both sides share. */
static bool is_end_of_path(const char *end, const char *path)
{
        size_t len = strlen(path), end_len = strlen(end);

        if (end_len > len || (end_len == 0 && len > 0) || strcmp(path + len - end_len, end) != 0)
                return false;
        return end_len == len || path[len - end_len - 1] == '/';
}

static void match_functions(struct found_function *found, const struct sought *sought)
{
        for (uint32_t id = 1; id <= profile_functions(found->from); id++) {
                const struct profile_function *function = profile_function(found->from, id);

                if (strcmp(function->name, sought->name) != 0 ||
                    (sought->file && !is_end_of_path(sought->file, function->file)) ||
                    (sought->first_line && function->first_line != sought->first_line) ||
                    (sought->kind && strcmp(kind_of(found, id), sought->kind) != 0))
                        continue;
                found->is_it[id] = true;
                found->known = found->known ? found->known : id;
        }
}

/* ---- counting ------------------------------------------------------------- */

static int add_part_of_stack(struct profile_map *map, struct profile *to, profile_id *path, size_t n,
                             const struct profile_sample *sample, enum profile_state state)
{
        profile_id stack;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = profile_map_frame(map, path[i], &path[i]);
        if (r == 0)
                r = n > 0 ? profile_intern_stack(to, path, n, &stack) : 0;
        return r < 0 || n == 0 ? r : profile_add(to, stack, 0, state, sample->count, sample->nanoseconds);
}

/* Adds what calls @frames[outermost], and what it calls. The function itself is the root, and no part of the paths. */
static int add_paths(struct found_function *found, const profile_id *frames, size_t n, size_t outermost,
                     const struct profile_sample *sample)
{
        size_t callers = n - outermost - 1;
        int r;

        for (size_t i = 0; i < callers; i++)
                found->path[i] = frames[n - 1 - i];
        r = add_part_of_stack(&found->to_callers, found->callers, found->path, callers, sample, PROFILE_RUNNING);
        if (r < 0)
                return r;
        memcpy(found->path, frames, outermost * sizeof(*frames));
        return add_part_of_stack(&found->to_callees, found->callees, found->path, outermost, sample, sample->state);
}

static int count_occurrence(struct found_function *found, const struct profile_sample *sample, size_t number)
{
        size_t n, outermost = SIZE_MAX;
        const profile_id *frames = profile_stack(found->from, sample->stack, &n);
        size_t leaf = profile_leaf(found->from, frames, n);

        for (size_t i = 0; i < n; i++) {
                if (!found->is_it[profile_frame(found->from, frames[i])->function])
                        continue;
                outermost = i;
                if (found->seen[frames[i]] != number + 1)
                        found->lines[frames[i]].total += sample->count;
                found->seen[frames[i]] = (profile_id)(number + 1);
                if (i != leaf)
                        continue;
                found->lines[frames[i]].self += sample->count;
                found->self += sample->count;
        }
        if (outermost == SIZE_MAX)
                return 0;
        found->total += sample->count;
        return add_paths(found, frames, n, outermost, sample);
}

static int order_lines(const void *a, const void *b)
{
        const struct line *x = a, *y = b;

        return (x->line > y->line) - (x->line < y->line);
}

/* Makes of counts by frame counts by line. Frames without a line have none. */
static void gather_lines(struct found_function *found)
{
        size_t frames = profile_frames(found->from), n = 0;

        for (uint32_t id = 1; id <= frames; id++)
                found->lines[id].line = profile_frame(found->from, id)->line;
        qsort(found->lines, frames + 1, sizeof(*found->lines), order_lines);
        for (size_t i = 0; i <= frames; i++) {
                const struct line line = found->lines[i];

                if (line.line == 0 || line.total == 0)
                        continue;
                if (n > 0 && found->lines[n - 1].line == line.line) {
                        found->lines[n - 1].self += line.self;
                        found->lines[n - 1].total += line.total;
                } else {
                        found->lines[n++] = line;
                }
        }
        found->lines_n = n;
}

static int prepare_counting(struct found_function *found)
{
        size_t frames = profile_frames(found->from), deepest = 0;
        int r = profile_find_internals(found->from, &found->internal);

        for (uint32_t id = 1; id <= profile_stacks(found->from); id++) {
                size_t n;

                profile_stack(found->from, id, &n);
                deepest = n > deepest ? n : deepest;
        }
        found->is_it = calloc(profile_functions(found->from) + 1, sizeof(*found->is_it));
        found->path = calloc(deepest + 1, sizeof(*found->path));
        found->lines = calloc(frames + 1, sizeof(*found->lines));
        found->seen = calloc(frames + 1, sizeof(*found->seen));
        found->callers = profile_new();
        found->callees = profile_new();
        if (r == 0 && !(found->is_it && found->path && found->lines && found->seen && found->callers && found->callees))
                r = -ENOMEM;
        if (r == 0)
                r = profile_map_init(&found->to_callers, found->callers, found->from);
        return r < 0 ? r : profile_map_init(&found->to_callees, found->callees, found->from);
}

static int count_function(struct found_function *found, const struct sought *sought)
{
        int r = prepare_counting(found);

        if (r < 0)
                return r;
        match_functions(found, sought);
        for (size_t i = 0; r == 0 && found->known && i < profile_samples(found->from); i++)
                r = count_occurrence(found, profile_sample(found->from, i), i);
        gather_lines(found);
        return r;
}

static void found_deinit(struct found_function *found)
{
        profile_map_deinit(&found->to_callers);
        profile_map_deinit(&found->to_callees);
        profile_free(found->callers);
        profile_free(found->callees);
        free(found->is_it);
        free(found->internal);
        free(found->path);
        free(found->lines);
        free(found->seen);
}

/* ---- writing -------------------------------------------------------------- */

static void write_identity(const struct found_function *found, const struct sought *sought, FILE *out)
{
        const char *kind = sought->kind ? sought->kind : kind_names[PROFILE_PYTHON];
        const char *file = sought->file ? sought->file : "";

        if (found->known) {
                kind = kind_of(found, found->known);
                file = profile_function(found->from, found->known)->file;
        }
        fputs(",\"function\":{\"name\":", out);
        escape_json(sought->name, out);
        fputs(",\"file\":", out);
        escape_json(file, out);
        fprintf(out, ",\"kind\":\"%s\"},\"self\":%" PRIu64 ",\"total\":%" PRIu64, kind, found->self, found->total);
}

static int write_paths(const struct found_function *found, const struct sought *sought, struct profile *paths,
                       FILE *out)
{
        const struct profile_function unknown = { .name = sought->name, .file = sought->file ? sought->file : "" };
        const struct profile_function *root = found->known ? profile_function(found->from, found->known) : &unknown;
        struct profile_set set = { .items = &paths, .n = 1 };

        return format_write_tree_of(&set, root, found->total, out);
}

static int write_function(const struct found_function *found, const struct sought *sought,
                          const struct collect_meta *meta, FILE *out)
{
        char *text = collect_json_meta(meta);
        int r;

        if (!text)
                return -ENOMEM;
        fprintf(out, "{\"meta\":%s", text);
        free(text);
        write_identity(found, sought, out);
        fputs(",\"callers\":", out);
        r = write_paths(found, sought, found->callers, out);
        fputs(",\"callees\":", out);
        if (r == 0)
                r = write_paths(found, sought, found->callees, out);
        fputs(",\"lines\":[", out);
        for (size_t i = 0; i < found->lines_n; i++)
                fprintf(out, "%s{\"line\":%" PRIu32 ",\"self\":%" PRIu64 ",\"total\":%" PRIu64 "}", i > 0 ? "," : "",
                        found->lines[i].line, found->lines[i].self, found->lines[i].total);
        fputs("]}", out);
        return r;
}

/* The interpreter's own C is left out, as in the list of functions, unless one of those functions is asked for. */
static int answer_function(const struct profile_set *set, const struct sought *sought, const struct collect_meta *meta,
                           FILE *out)
{
        bool internal = sought->kind && strcmp(sought->kind, INTERNAL) == 0;
        struct profile *shown = NULL, *none = set->n > 0 ? NULL : profile_new();
        struct found_function found = { .from = set->n > 0 ? set->items[0] : none };
        int r = found.from ? 0 : -ENOMEM;

        if (r == 0 && set->n > 0 && !internal) {
                r = profile_view(found.from, PROFILE_VIEW_FOLDED, &shown);
                found.from = shown;
        }
        if (r == 0)
                r = count_function(&found, sought);
        if (r == 0)
                r = write_function(&found, sought, meta, out);
        found_deinit(&found);
        profile_free(shown);
        profile_free(none);
        return r;
}

static bool read_sought(const struct http_request *request, struct sought *ret, struct http_answer *answer)
{
        bool known = false;

        *ret = (struct sought){
                .name = http_request_parameter(request, "name"),
                .file = http_request_parameter(request, "file"),
                .kind = http_request_parameter(request, "kind"),
        };
        if (!ret->name || !*ret->name) {
                collect_refuse(answer, 400, "\"name\" is missing: it is the name of a function");
                return false;
        }
        for (unsigned kind = 0; ret->kind && kind < PROFILE_KINDS; kind++)
                known |= strcmp(ret->kind, kind_names[kind]) == 0;
        if (ret->kind && !known && strcmp(ret->kind, INTERNAL) != 0) {
                collect_refuse(answer, 400, "\"kind\" is none of python, c, internal and kernel");
                return false;
        }
        return question_number(request, "line", UINT32_MAX, &ret->first_line, answer);
}

void question_function(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct profile_set set = { 0 };
        struct collect_meta meta;
        struct written written;
        struct sought sought;

        if (!read_sought(request, &sought, ret) ||
            !question_run(ctx, request, (struct collect_query){ .apart = false }, &set, &meta, ret))
                return;
        if (question_write_begin(&written, ret))
                question_write_end(&written, answer_function(&set, &sought, &meta, written.out), ret);
        profile_set_deinit(&set);
}
