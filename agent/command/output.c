/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a result to a file or to standard output. */
#include "output.h"

#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int output_choose(const struct usage *usage, const char *format, const char *path, struct output *ret)
{
        const struct format *chosen = format_table[0];

        if (format)
                chosen = format_by_name(format);
        else if (path && format_by_path(path))
                chosen = format_by_path(path);
        if (!chosen)
                return options_wrong(usage, "--format: there is no format '%s'", format);
        if (chosen->binary && !path && isatty(STDOUT_FILENO))
                return options_wrong(usage, "%s is not for a terminal: name a file with -o FILE", chosen->name);
        *ret = (struct output){ .name = path ? path : "standard output", .path = path, .format = chosen, .fd = -1 };
        return -1;
}

int output_open(struct output *output)
{
        output->fd = output->path ? open(output->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666)
                                  : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        if (output->fd < 0)
                return say_error("%s cannot be written: %s", output->name, strerror(errno));
        return -1;
}

int output_write(struct output *output, const struct profile_set *set)
{
        FILE *out;
        int r;

        if (output->path && ftruncate(output->fd, 0) < 0 && errno != EINVAL)
                return -errno; /* EINVAL: a device or a pipe, which has no length */
        out = fdopen(output->fd, "w");
        if (!out)
                return -errno;
        output->fd = -1;
        r = output->format->write(set, out);
        if (fclose(out) != 0 && r == 0)
                r = -errno;
        return r;
}

void output_close(struct output *output)
{
        struct stat stat;

        if (output->fd < 0)
                return;
        if (output->path && fstat(output->fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size == 0)
                unlink(output->path);
        close(output->fd);
        output->fd = -1;
}
