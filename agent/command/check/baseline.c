/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of good profiles, which jobs of a CI may share. link(2) puts a file there under a number that is free; if it
 * is taken, the next number is tried. So a file is always whole, and no file is overwritten.
 */
#include "baseline.h"
#include "agent/base/base.h"

#include "agent/format/format.h"

#include "nsutil/nsutil.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".otlp.json.gz"
#define DIGITS 8
#define NUMBER_MAX 99999999
#define TRIES 100 /* number of jobs that may want the same number at the same moment */

bool baseline_name(const char *branch, char ret[static BASELINE_NAME_SIZE])
{
        size_t n = 0;

        for (const char *c = branch; *c; c++) {
                bool plain = isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || strchr("-_.", *c));

                if (n + 4 > BASELINE_NAME_SIZE)
                        return false;
                if (plain && !(n == 0 && *c == '.'))
                        ret[n++] = *c;
                else
                        n += (size_t)sprintf(ret + n, "%%%02X", (unsigned char)*c);
        }
        ret[n] = '\0';
        return n > 0;
}

static int report_path_failure(char *reason, const char *path, const char *why)
{
        snprintf(reason, BASELINE_REASON_SIZE, "%s: %s", path, why);
        return CHECK_E_TOLD;
}

static char *make_branch_path(const char *dir, const char *branch, char *reason)
{
        char name[BASELINE_NAME_SIZE], *path;

        if (!baseline_name(branch, name)) {
                report_path_failure(reason, branch, "a branch's name must have 1 to 200 characters");
                return NULL;
        }
        if (asprintf(&path, "%s/%s", dir, name) < 0) {
                report_path_failure(reason, dir, strerror(ENOMEM));
                return NULL;
        }
        return path;
}

/* ---- listing ---------------------------------------------------------------------- */

static int is_profile_file(const struct dirent *entry)
{
        return strspn(entry->d_name, "0123456789") == DIGITS && strcmp(entry->d_name + DIGITS, SUFFIX) == 0;
}

static void free_entries(struct dirent **entries, int n)
{
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
}

/* Lists the profiles in @path, in their order. */
static int list_profiles(const char *path, struct dirent ***ret, int *ret_n, char *reason)
{
        int n = scandir(path, ret, is_profile_file, alphasort);

        if (n < 0)
                return report_path_failure(reason, path, strerror(errno));
        *ret_n = n;
        return 0;
}

int baseline_list(const char *dir, const char *branch, size_t max, struct baseline *ret,
                  char reason[static BASELINE_REASON_SIZE])
{
        char *path = make_branch_path(dir, branch, reason);
        struct dirent **entries = NULL;
        int n = 0, r = path ? 0 : CHECK_E_TOLD;

        if (path && (access(path, F_OK) == 0 || errno != ENOENT))
                r = list_profiles(path, &entries, &n, reason);
        ret->files = n > 0 ? calloc((size_t)n, sizeof *ret->files) : NULL;
        ret->n = 0;
        for (int i = n > (int)max ? n - (int)max : 0; ret->files && i < n; i++)
                if (asprintf(&ret->files[ret->n], "%s/%s", path, entries[i]->d_name) >= 0)
                        ret->n++;
        free_entries(entries, n);
        free(path);
        return r;
}

void baseline_deinit(struct baseline *baseline)
{
        for (size_t i = 0; i < baseline->n; i++)
                free(baseline->files[i]);
        free(baseline->files);
        *baseline = (struct baseline){ 0 };
}

/* ---- adding ------------------------------------------------------------------------ */

static int number_runs(const struct profile_set *set, const size_t *run_of)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < set->n; i++) {
                char run[24];

                snprintf(run, sizeof run, "%zu", run_of[i]);
                r = profile_set_attribute(set->items[i], "podflame.run", run);
        }
        return r;
}

/* Packs the set as the content of a gzipped file. */
static int pack_profiles(const struct profile_set *set, void **ret, size_t *ret_len)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        int r = out ? format_write_otlp(set, out) : -errno;

        if (out && fclose(out) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0)
                r = gzip_pack(text, len, ret, ret_len);
        free(text);
        return r;
}

static int write_all(int fd, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = TEMP_FAILURE_RETRY(write(fd, data, len));

                if (n < 0)
                        return -errno;
                data += n;
                len -= (size_t)n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* Gives the file @temporary the number after the last one. */
static int number_profile(const char *path, const char *temporary, char *reason)
{
        struct dirent **entries;
        int n, r = list_profiles(path, &entries, &n, reason);

        if (r != 0)
                return r;
        unsigned long last = n > 0 ? strtoul(entries[n - 1]->d_name, NULL, 10) : 0;
        free_entries(entries, n);
        for (int try = 1; try <= TRIES && last + (unsigned)try <= NUMBER_MAX; try++) {
                char *name;
                int error;

                if (asprintf(&name, "%s/%0*lu" SUFFIX, path, DIGITS, last + (unsigned)try) < 0)
                        return report_path_failure(reason, path, strerror(ENOMEM));
                r = link(temporary, name);
                error = errno;
                free(name);
                if (r == 0)
                        return 0;
                if (error != EEXIST)
                        return report_path_failure(reason, path, strerror(error));
        }
        return report_path_failure(reason, path, "no number is free for another profile");
}

static int add_numbered_profile(const char *path, const void *data, size_t len, char *reason)
{
        char *temporary;
        int fd, r;

        if (asprintf(&temporary, "%s/.new-XXXXXX", path) < 0)
                return report_path_failure(reason, path, strerror(ENOMEM));
        fd = mkostemp(temporary, O_CLOEXEC);
        r = fd < 0 ? -errno : write_all(fd, data, len);
        if (fd >= 0 && fchmod(fd, 0644) < 0 && r == 0)
                r = -errno;
        r = r < 0 ? report_path_failure(reason, path, strerror(-r)) : number_profile(path, temporary, reason);
        if (fd >= 0) {
                unlink(temporary);
                close(fd);
        }
        free(temporary);
        return r;
}

static int remove_old_profiles(const char *path, size_t keep, char *reason)
{
        struct dirent **entries = NULL;
        int n = 0, r = list_profiles(path, &entries, &n, reason);

        for (int i = 0; r == 0 && i < n - (int)keep; i++) {
                char *file = NULL;

                if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
                        file = NULL;
                if (!file)
                        r = report_path_failure(reason, path, strerror(ENOMEM));
                else if (unlink(file) < 0 && errno != ENOENT)
                        r = report_path_failure(reason, file, strerror(errno));
                free(file);
        }
        free_entries(entries, n);
        return r;
}

int baseline_pack(const struct profile_set *set, const size_t *run_of, int fd)
{
        void *data = NULL;
        size_t len = 0;
        int r = number_runs(set, run_of);

        if (r == 0)
                r = pack_profiles(set, &data, &len);
        if (r == 0)
                r = write_all(fd, data, len);
        free(data);
        return r;
}

static int make_folders(const char *dir, const char *path)
{
        return (mkdir(dir, 0777) < 0 && errno != EEXIST) || (mkdir(path, 0777) < 0 && errno != EEXIST) ? -errno : 0;
}

int baseline_add(const char *dir, const char *branch, int fd, size_t keep, char reason[static BASELINE_REASON_SIZE])
{
        char *path = make_branch_path(dir, branch, reason), *data = NULL;
        size_t len = 0;

        if (!path)
                return CHECK_E_TOLD;
        int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : nsutil_read_fd(fd, FORMAT_OTLP_MAX_BYTES, &data, &len);
        if (r == 0)
                r = make_folders(dir, path);
        r = r == 0 ? add_numbered_profile(path, data, len, reason)
                   : report_path_failure(reason, path, nsutil_strerror(r));
        if (r == 0)
                r = remove_old_profiles(path, keep, reason);
        free(data);
        free(path);
        return r;
}
