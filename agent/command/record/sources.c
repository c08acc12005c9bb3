/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are read when nothing is sampled any more. Another process may have another file of the same name, below another
 * root. Then neither is shown.
 */
#include "sources.h"

#include "agent/command/cli/messages.h"
#include "agent/format/format.h"
#include "agent/symbol/symbol.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that are opened for all processes: each process's are compared with those of the same name. */
#define OPENINGS_MAX 4096

/* Processes of podflame's own root that are remembered, the last ones. */
#define MET_MAX 4096

struct met {
        pid_t pid;
        uint64_t start_time;
};

struct sources {
        struct profile_texts *texts;
        struct symbol_file files[PROFILE_TEXTS_MAX]; /* which one each text is of; all 0: none */
        unsigned openings;
        bool failed; /* memory ran out */
        struct met met[MET_MAX];
        size_t n_met;
        struct noted {
                struct met whose;
                struct profile *profile;
        } * noted;
        size_t n_noted;
};

/* Below whose root the files of a process are read. */
struct reader {
        pid_t pid;               /* 0: nobody's any more */
        const struct met *alive; /* whose PID it is; NULL: podflame's own */
        uid_t uid;               /* who must be allowed to read them */
};

#define NOBODY ((uid_t)-1) /* no file is theirs */

static const char why_ended[] = "its process had ended before it was read";
static const char why_differs[] = "the processes have different files of this name";

static const struct {
        int error;
        const char *why;
} reasons[] = {
        { NSUTIL_E_NOT_FOUND, "there is no regular file of this name below the root of its process" },
        { NSUTIL_E_DENIED, "podflame may not open it" },
        { NSUTIL_E_GONE, why_ended },
        { NSUTIL_E_HANGS, "it is on a file system that may never answer" },
        { -EAGAIN, "it was written to while it was read" },
        { 0, "it cannot be read" },
};

static const char *word_error(int error)
{
        size_t i = 0;

        while (reasons[i].error != 0 && reasons[i].error != error)
                i++;
        return reasons[i].why;
}

struct sources *sources_new(void)
{
        struct sources *sources = calloc(1, sizeof *sources);

        if (sources)
                sources->texts = calloc(1, sizeof *sources->texts);
        if (sources && !sources->texts) {
                free(sources);
                return NULL;
        }
        if (sources)
                sources->texts->origin = "Source as it was on disk at the end of the recording: whether it is what ran "
                                         "is not known.";
        return sources;
}

void sources_free(struct sources *sources)
{
        if (sources) {
                profile_texts_free(sources->texts);
                free(sources->noted);
        }
        free(sources);
}

/* ---- roots -------------------------------------------------------------------------- */

static bool lead_to_one_file(const char *a, const char *b)
{
        struct stat x, y;

        return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void sources_meet(void *ctx, const struct find_process *process)
{
        struct sources *s = ctx;
        char root[64], mounts[64];

        snprintf(root, sizeof root, "/proc/%d/root/", process->pid);
        snprintf(mounts, sizeof mounts, "/proc/%d/ns/mnt", process->pid);
        if (lead_to_one_file(root, "/proc/self/root/") && lead_to_one_file(mounts, "/proc/self/ns/mnt"))
                s->met[s->n_met++ % MET_MAX] = (struct met){ process->pid, process->start_time };
}

void sources_note(void *ctx, const struct find_process *process, struct profile *profile)
{
        struct sources *s = ctx;
        struct noted *noted = reallocarray(s->noted, s->n_noted + 1, sizeof *noted);

        if (!noted) {
                s->failed = true;
                return;
        }
        s->noted = noted;
        noted[s->n_noted++] = (struct noted){ { process->pid, process->start_time }, profile };
}

static bool was_met(const struct sources *s, const struct met *process)
{
        size_t n = s->n_met < MET_MAX ? s->n_met : MET_MAX;

        for (size_t i = 0; i < n; i++)
                if (s->met[i].pid == process->pid && s->met[i].start_time == process->start_time)
                        return true;
        return false;
}

/* Another process may have got the PID: hence the start time. */
static bool still_lives(const struct met *process)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(process->pid, &stat) == 0 && stat.start_time == process->start_time && !stat.ending;
}

static struct reader choose_reader(const struct sources *s, const struct met *process)
{
        struct nsutil_status status;

        if (still_lives(process) && nsutil_status_read(process->pid, &status) == 0)
                return (struct reader){ process->pid, process, status.uid };
        return (struct reader){ was_met(s, process) ? getpid() : 0, NULL, NOBODY };
}

/* ---- files ---------------------------------------------------------------------------- */

static bool may_read(const struct reader *reader, const struct symbol_file *file)
{
        struct stat stat;

        return fstat(file->fd, &stat) == 0 &&
               (reader->uid == 0 || (stat.st_uid == reader->uid && (stat.st_mode & S_IRUSR)) ||
                (stat.st_mode & S_IROTH));
}

/* Opens a file of the process. NULL with @ret, or the reason why not. */
static const char *open_named_file(struct sources *s, const struct reader *reader, const char *file,
                                   struct symbol_file *ret)
{
        char *path = format_true_name(file);
        const char *why = NULL;

        if (!path || *path != '/')
                why = path ? "its name does not say in which folder it is" : "memory ran out";
        else if (reader->pid == 0)
                why = why_ended;
        else if (s->openings++ >= OPENINGS_MAX)
                why = "4096 files were opened before it, which is the bound";
        int r = why ? 0 : symbol_file_open(reader->pid, path, ret);
        free(path);
        if (!why && r != 0)
                return word_error(r);
        if (why)
                return why;
        if (reader->alive && !still_lives(reader->alive))
                why = why_ended; /* it may have been opened below another process's root */
        else if (!may_read(reader, ret))
                why = "its process's user may not read it";
        if (why)
                close(ret->fd);
        return why;
}

static void read_new_file(struct sources *s, const struct reader *reader, const char *file)
{
        struct symbol_file opened = { .fd = -1 };
        char *text = NULL;
        size_t len = 0, index = s->texts->n;
        const char *why = open_named_file(s, reader, file, &opened);

        if (!why && (why = profile_texts_refuse(s->texts, opened.size)))
                close(opened.fd);
        if (!why) {
                int r = symbol_file_read(reader->pid, &opened, &text, &len);
                why = r != 0 ? word_error(r) : NULL;
        }
        if (profile_texts_add(s->texts, file, text, len, why) < 0)
                s->failed = true;
        else if (s->texts->n > index)
                s->files[index] = opened;
}

/* A text of this name is there: it is dropped if this process has another file. */
static void drop_if_different(struct sources *s, const struct reader *reader, struct profile_text *text)
{
        const struct symbol_file *known = &s->files[text - s->texts->items];
        struct symbol_file opened;

        if (!text->text || open_named_file(s, reader, text->file, &opened) != NULL)
                return;
        close(opened.fd);
        if (symbol_file_is(&opened, known))
                return;
        free(text->text);
        text->text = NULL;
        text->why = why_differs;
}

void sources_gather(struct sources *s, pid_t pid, uint64_t start_time, struct profile *profile)
{
        const struct profile_line_choice all = { .file = NULL };
        const struct profile_set set = { .items = &profile, .n = 1 };
        struct profile_lines *lines;

        if (profile_lines(&set, &all, &lines) < 0) {
                s->failed = true;
                return;
        }
        const struct met process = { pid, start_time };
        const struct reader reader = choose_reader(s, &process);

        for (size_t i = 0; i < lines->n_files; i++) {
                const char *file = lines->files[i].file;
                struct profile_text *text = profile_texts_find(s->texts, file);

                if (*file == '<')
                        continue;
                if (!text)
                        read_new_file(s, &reader, file);
                else
                        drop_if_different(s, &reader, text);
        }
        profile_lines_free(lines);
}

/* ---- the result ------------------------------------------------------------------------- */

/* Prints the reasons for which files are left out, each once. */
static void say_reasons(const struct profile_texts *texts)
{
        for (size_t i = 0; i < texts->n; i++) {
                size_t n = 0, before = 0;

                if (texts->items[i].text)
                        continue;
                for (size_t j = 0; j < texts->n; j++)
                        if (!texts->items[j].text && strcmp(texts->items[j].why, texts->items[i].why) == 0) {
                                n++;
                                before += j < i;
                        }
                if (before == 0)
                        say("no source of %zu file%s: %s", n, n == 1 ? "" : "s", texts->items[i].why);
        }
        if (texts->left_out > 0)
                say("no source of %zu more files: %d are shown at most", texts->left_out, PROFILE_TEXTS_MAX);
}

void sources_give(struct sources *s, struct profile_set *set, bool quiet)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_noted; i++)
                sources_gather(s, s->noted[i].whose.pid, s->noted[i].whose.start_time, s->noted[i].profile);
        for (size_t i = 0; i < s->texts->n; i++)
                n += s->texts->items[i].text != NULL;
        if (!quiet)
                say("the source of %zu file%s is in the page", n, n == 1 ? "" : "s");
        say_reasons(s->texts);
        if (s->failed)
                say("some source could not be read: memory ran out");
        set->texts = s->texts;
        s->texts = NULL;
}
