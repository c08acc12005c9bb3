/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a result to a file or to standard output. */
#include "output.h"
#include "agent/base/base.h"

#include "messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The length of @path without ".gz" at its end. */
static size_t length_unpacked(const char *path)
{
        size_t len = strlen(path);

        return len > 3 && strcasecmp(path + len - 3, ".gz") == 0 ? len - 3 : len;
}

/* The format that @path names, gzipped or not. NULL if it names none. */
static const struct format *get_format_of_path(const char *path)
{
        const struct format *format = format_by_path(path);
        char *unpacked = format ? NULL : strndup(path, length_unpacked(path));

        if (unpacked)
                format = format_by_path(unpacked);
        free(unpacked);
        return format;
}

/* The ending of @path, with its dot and without ".gz". "" if it has none, like /dev/null, "out.gz" or ".hidden". */
static char *ending_of(const char *path)
{
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        char *unpacked = strndup(name, length_unpacked(name));
        char *dot = unpacked ? strrchr(unpacked, '.') : NULL;
        char *ending = strdup(dot && dot > unpacked ? dot : "");

        free(unpacked);
        return ending;
}

/* Endings of pictures, which other profilers write. */
static const char *const pictures[] = { ".svg", ".png" };

int output_wrong_ending(const struct usage *usage, const char *path, const char *known, const char *remedy)
{
        char *ending = ending_of(path);
        int status = GO_ON;

        for (size_t i = 0; ending && status == GO_ON && i < sizeof pictures / sizeof *pictures; i++)
                if (strcasecmp(ending, pictures[i]) == 0)
                        status = options_wrong(
                                usage, "--output: %s is not among the formats here; .html is the picture", ending);
        free(ending);
        if (status != GO_ON)
                return status;
        return options_wrong(usage, "--output: '%s' ends in none of%s; %s", path, known, remedy);
}

static int refuse_ending(const struct usage *usage, const char *path)
{
        char known[256] = "";
        size_t len = 0;

        for (size_t i = 0; i < format_table_n; i++)
                for (const char *const *ending = format_table[i]->endings; *ending && len < sizeof known; ending++)
                        len += (size_t)snprintf(known + len, sizeof known - len, " %s", *ending);
        return output_wrong_ending(usage, path, known, "-f FORMAT names the format");
}

static bool has_ending(const char *path)
{
        char *ending = ending_of(path);
        bool has = !ending || *ending;

        free(ending);
        return has;
}

int output_choose(const struct usage *usage, const char *format, const char *path, struct output *ret)
{
        const struct format *chosen = format_table[0];

        if (format)
                chosen = format_by_name(format);
        else if (path && get_format_of_path(path))
                chosen = get_format_of_path(path);
        else if (path && has_ending(path))
                return refuse_ending(usage, path);
        if (!chosen)
                return options_wrong(usage, "--format: there is no format '%s'", format);
        if (chosen->binary && !path && isatty(STDOUT_FILENO))
                return options_wrong(usage, "%s is not for a terminal: name a file with -o FILE", chosen->name);
        *ret = (struct output){
                .name = path ? path : "standard output",
                .path = path,
                .format = chosen,
                .gzip = path && !chosen->binary && path[length_unpacked(path)] != '\0',
                .fd = -1,
        };
        return GO_ON;
}

static int open_output_file(struct output *output)
{
        struct stat stat;
        int fd = open(output->path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0 || errno != ENOENT)
                return fd;
        fd = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) /* a link that leads to no file */
                return open(output->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0 && fstat(fd, &stat) == 0) {
                output->made = true;
                output->device = stat.st_dev;
                output->inode = stat.st_ino;
        }
        return fd;
}

int output_make(struct output *output)
{
        output->fd = output->path ? open_output_file(output) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        return output->fd < 0 ? -errno : 0;
}

int output_open(struct output *output)
{
        int r = output_make(output);

        return r < 0 ? say_error("%s cannot be written: %s", output->name, strerror(-r)) : GO_ON;
}

static int write_gzipped(int (*write)(const void *what, FILE *out), const void *what, FILE *out)
{
        char *text = NULL;
        void *packed = NULL;
        size_t len, packed_len;
        FILE *memory = open_memstream(&text, &len);
        int r = memory ? write(what, memory) : -ENOMEM;

        if (memory && fclose(memory) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0)
                r = gzip_pack(text, len, &packed, &packed_len);
        if (r == 0 && fwrite(packed, 1, packed_len, out) != packed_len)
                r = -errno;
        free(packed);
        free(text);
        return r;
}

int output_stream(struct output *output, FILE **ret)
{
        if (output->path && ftruncate(output->fd, 0) < 0 && errno != EINVAL)
                return -errno; /* EINVAL: it is a device or a pipe, which have no length */
        *ret = fdopen(output->fd, "w");
        if (!*ret)
                return -errno;
        output->fd = -1;
        return 0;
}

int output_write_with(struct output *output, int (*write)(const void *what, FILE *out), const void *what)
{
        FILE *out;
        int r = output_stream(output, &out);

        if (r < 0)
                return r;
        r = output->gzip ? write_gzipped(write, what, out) : write(what, out);
        if (fclose(out) != 0 && r == 0)
                r = -errno;
        return r;
}

struct formatted {
        const struct format *format;
        const struct profile_set *set;
};

static int write_formatted(const void *what, FILE *out)
{
        const struct formatted *f = what;

        return f->format->write(f->set, out);
}

int output_write(struct output *output, const struct profile_set *set)
{
        return output_write_with(output, write_formatted, &(struct formatted){ output->format, set });
}

void output_remove(const struct output *output)
{
        struct stat stat;

        if (output->made && lstat(output->path, &stat) == 0 && stat.st_dev == output->device &&
            stat.st_ino == output->inode && stat.st_size == 0)
                unlink(output->path);
}

static int remove_output_file(void *ctx, int argument)
{
        (void)argument; /* there is one */
        output_remove(ctx);
        return 0;
}

void output_duties(struct output *output, const struct outside *outside,
                   struct outside_duty duties[static OUTSIDE_DEEDS])
{
        output->outside = outside;
        if (output->made)
                duties[OUTSIDE_REMOVE] = (struct outside_duty){ remove_output_file, output };
}

void output_close(struct output *output)
{
        if (output->fd < 0)
                return;
        close(output->fd);
        output->fd = -1;
        if (output->made && output->outside)
                outside_ask(output->outside, OUTSIDE_REMOVE, output->index);
        else
                output_remove(output);
}
