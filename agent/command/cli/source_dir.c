/* SPDX-License-Identifier: Apache-2.0 */
/* A profile's file names are anybody's: the kernel resolves them below the folder, see nsutil_open_below(). */
#include "source_dir.h"

#include "agent/format/format.h"
#include "messages.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where "=/" begins for the last time; the end if it does not. A folder's name may have a '='. */
static size_t length_of_folder(const char *text)
{
        size_t len = strlen(text), at = len;

        for (size_t i = 0; i < len; i++)
                if (text[i] == '=' && text[i + 1] == '/')
                        at = i;
        return at;
}

int source_dir_open(const struct usage *usage, const char *text, struct source_dir *ret)
{
        if (!text)
                return GO_ON;

        size_t len = length_of_folder(text);
        char *folder = strndup(text, len);
        const char *prefix = text[len] ? text + len + 1 : "";

        if (prefix[0] && prefix[strlen(prefix) - 1] == '/') {
                free(folder);
                return options_wrong(usage, "--source: PREFIX has a slash at its end: %s", prefix);
        }
        int fd = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        int e = folder ? errno : ENOMEM;
        free(folder);
        if (fd < 0)
                return say_error("--source: %.*s cannot be opened: %s", (int)len, text, strerror(e));
        *ret = (struct source_dir){ .fd = fd, .prefix = prefix };
        return GO_ON;
}

/* The name of @file below the folder; NULL: it has none. */
static const char *name_below(const struct source_dir *dir, const char *file)
{
        size_t len = strlen(dir->prefix);

        if (len == 0)
                return file + (*file == '/');
        return *file == '/' && strncmp(file, dir->prefix, len) == 0 && file[len] == '/' ? file + len + 1 : NULL;
}

/* Why a file of these was not read. */
static const char *word_failure(int r)
{
        if (r == NSUTIL_E_NOT_FOUND)
                return "the folder of --source has no regular file of this name";
        return r == NSUTIL_E_TOO_BIG ? "it is longer than 4 MiB" : "it cannot be read";
}

static int read_file(const struct source_dir *dir, const char *file, struct profile_texts *texts)
{
        char *name = format_true_name(file), *text = NULL;
        const char *below = name ? name_below(dir, name) : NULL, *why = NULL;
        size_t len = 0;
        int fd = -1;
        int r = below ? nsutil_open_below(dir->fd, below, &fd) : NSUTIL_E_NOT_FOUND;

        if (!name)
                return -ENOMEM;
        if (r == 0)
                r = nsutil_read_fd(fd, PROFILE_TEXT_BYTES_MAX, &text, &len);
        if (fd >= 0)
                close(fd);
        if (r != 0)
                why = below ? word_failure(r) : "its name does not begin with the PREFIX of --source";
        else if ((why = profile_texts_refuse(texts, len))) {
                free(text);
                text = NULL;
                len = 0;
        }
        free(name);
        return profile_texts_add(texts, file, text, len, why);
}

int source_dir_read(const struct source_dir *dir, struct profile_set *set)
{
        const struct profile_line_choice all = { .file = NULL };
        struct profile_lines *lines;

        if (dir->fd < 0)
                return 0;

        int r = profile_lines(set, &all, &lines);
        if (r < 0)
                return r;
        set->texts = calloc(1, sizeof *set->texts);
        if (set->texts)
                set->texts->origin =
                        "Source as it is in the folder that was given: whether it is what ran is not known.";
        else
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < lines->n_files; i++)
                if (lines->files[i].file[0] != '<')
                        r = read_file(dir, lines->files[i].file, set->texts);
        profile_lines_free(lines);
        return r;
}

void source_dir_close(struct source_dir *dir)
{
        if (dir->fd >= 0)
                close(dir->fd);
        dir->fd = -1;
}
