/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to runs. A file is read whole, its content shows its format, and its profiles are grouped by the number of
 * their run.
 */
#include "profile_files.h"

#include "agent/command/cli/descriptors.h"

#include "agent/format/format.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The most runs, more than anybody makes. Each takes a row of numbers for every function. */
#define RUNS_MAX 1000

static int report_file_failure(char *reason, const char *file, const char *why)
{
        snprintf(reason, LOAD_REASON_SIZE, "%s: %s", file, why);
        return CHECK_E_TOLD;
}

static bool is_same_run(const struct profile *a, const struct profile *b)
{
        const char *x = profile_attribute(a, "podflame.run");
        const char *y = profile_attribute(b, "podflame.run");

        return x && y ? strcmp(x, y) == 0 : x == y;
}

/*
 * Finds the run that @profile belongs to, among this file's runs, which begin at @first. Adds a new run if there is
 * none yet.
 */
static int get_or_add_run(struct side *side, size_t first, const struct profile *profile, size_t *ret)
{
        for (size_t i = first; i < side->runs.n; i++)
                if (is_same_run(side->runs.items[i], profile)) {
                        *ret = i;
                        return 0;
                }
        if (side->runs.n == RUNS_MAX)
                return -ENOSPC;

        struct profile *run = profile_new();
        int r = run ? profile_set_add(&side->runs, run) : -ENOMEM;

        if (r < 0) {
                profile_free(run);
                return r;
        }
        *ret = side->runs.n - 1;
        return 0;
}

/* Adds @profile, and owns it also on failure. */
static int add_profile(struct side *side, size_t first, struct profile *profile)
{
        size_t *run_of = reallocarray(side->run_of, side->profiles.n + 1, sizeof *run_of);
        int r = run_of ? profile_set_add(&side->profiles, profile) : -ENOMEM;

        if (run_of)
                side->run_of = run_of;
        if (r < 0) {
                profile_free(profile);
                return r;
        }
        profile_counters_add(&side->counters, profile_counters_of(profile));
        r = get_or_add_run(side, first, profile, &side->run_of[side->profiles.n - 1]);
        return r < 0 ? r : profile_merge(side->runs.items[side->run_of[side->profiles.n - 1]], profile, false);
}

static int add_file_content(struct side *side, const char *file, const void *data, size_t len, char *reason)
{
        struct profile_set set = { 0 };
        const char *why = "";
        size_t first = side->runs.n;
        uint64_t samples = 0;
        int r = format_read(data, len, &set, &why);

        if (r == -EINVAL)
                return report_file_failure(reason, file, why);
        for (size_t i = 0; i < set.n; i++) {
                samples += profile_total(set.items[i]);
                if (r == 0)
                        r = add_profile(side, first, set.items[i]);
                else
                        profile_free(set.items[i]);
        }
        free(set.items);
        if (r == -ENOSPC)
                return report_file_failure(reason, file, "it has too many runs, or stacks");
        if (r < 0)
                return report_file_failure(reason, file, strerror(-r));
        return samples > 0 ? 0 : report_file_failure(reason, file, "it has no samples");
}

static int open_file(struct side *side, const char *name)
{
        struct side_file *files = reallocarray(side->files, side->n_files + 1, sizeof *files);
        struct side_file file = { .fd = -1 };

        if (!files)
                return -ENOMEM;
        side->files = files;
        int r = nsutil_open_file_at(AT_FDCWD, name, &file.fd);
        if (r < 0)
                return r;
        file.name = strdup(name);
        files[side->n_files++] = file;
        return file.name ? 0 : -ENOMEM;
}

int side_open(struct side *side, const char *const *files, size_t n, char reason[static LOAD_REASON_SIZE])
{
        descriptors_raise(); /* one for each */
        for (size_t i = 0; i < n; i++) {
                int r = open_file(side, files[i]);
                if (r < 0)
                        return report_file_failure(reason, files[i], strerror(-r));
        }
        return 0;
}

static int load_file(struct side *side, struct side_file *file, char *reason)
{
        char *data;
        size_t len;
        int r = nsutil_read_fd(file->fd, FORMAT_OTLP_MAX_BYTES, &data, &len);

        close(file->fd);
        file->fd = -1;
        if (r != 0)
                return report_file_failure(reason, file->name, nsutil_strerror(r));
        r = add_file_content(side, file->name, data, len, reason);
        free(data);
        return r;
}

int side_load(struct side *side, char reason[static LOAD_REASON_SIZE])
{
        for (size_t i = 0; i < side->n_files; i++) {
                int r = load_file(side, &side->files[i], reason);
                if (r != 0)
                        return r;
        }
        return 0;
}

struct profile_settings side_settings(const struct side *side)
{
        return side->runs.n > 0 ? *profile_settings(side->runs.items[0]) : (struct profile_settings){ 0 };
}

static bool is_run_low(const struct profile *run)
{
        return profile_coverage_is_low(profile_counters_of(run), profile_settings(run)->period_ns);
}

size_t side_drop_low_coverage(struct side *side)
{
        size_t kept = 0, n = side->runs.n;

        for (size_t i = 0; i < n; i++) {
                if (is_run_low(side->runs.items[i]))
                        profile_free(side->runs.items[i]);
                else
                        side->runs.items[kept++] = side->runs.items[i];
        }
        side->runs.n = kept;
        return n - kept;
}

bool side_coverage_is_low(const struct side *side, const char *name, char reason[static LOAD_REASON_SIZE])
{
        char sentence[PROFILE_COVERAGE_SIZE];

        for (size_t i = 0; i < side->runs.n; i++) {
                const struct profile_counters *counters = profile_counters_of(side->runs.items[i]);
                const struct profile_settings *settings = profile_settings(side->runs.items[i]);

                if (!is_run_low(side->runs.items[i]))
                        continue;
                profile_coverage_tell(counters, settings->mode, sentence, sizeof sentence);
                snprintf(reason, LOAD_REASON_SIZE, "%.100s: run %zu of %zu: coverage %.330s", name, i + 1, side->runs.n,
                         sentence);
                return true;
        }
        return false;
}

void side_deinit(struct side *side)
{
        for (size_t i = 0; i < side->n_files; i++) {
                if (side->files[i].fd >= 0)
                        close(side->files[i].fd);
                free(side->files[i].name);
        }
        free(side->files);
        profile_set_deinit(&side->profiles);
        profile_set_deinit(&side->runs);
        free(side->run_of);
        *side = (struct side){ 0 };
}
