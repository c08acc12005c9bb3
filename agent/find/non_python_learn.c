/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is: it is looked into once. */
#include "agent/find/non_python_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A file is looked into when it is met for the second time, in lines of maps: what a build makes is often met only once. */
#define LEARN_AT 2

/* Files that are looked into at a time. */
#define LEARN_MAX 16

/* Looking into files takes this part of a CPU at most. */
#define LEARN_PART 50

struct learnt_file {
        uint64_t key;
        char *line; /* of maps */
        enum { NOT_LEARNT, IN_NAMESPACE, EVERYWHERE } scope;
        bool may_be_python;
};

struct learning {
        pid_t pid;
        find_file_fn may_be_python;
        uint64_t cpu_ns; /* that it took */
        size_t n;
        struct learnt_file items[LEARN_MAX];
};

static void discard_learning(void *job)
{
        struct learning *learning = job;

        for (size_t i = 0; i < learning->n; i++)
                free(learning->items[i].line);
        free(learning);
}

/* Looks into the file of a mapping, the line @text of maps. */
static void look_into_file(const struct learning *learning, struct learnt_file *item)
{
        struct nsutil_maps maps = { 0 };
        struct stat opened;
        int fd = -1;

        if (nsutil_maps_parse(item->line, strlen(item->line), &maps) != 0)
                return;
        const struct nsutil_map *map = &maps.maps[0];
        if (maps.n == 1 && nsutil_open_map(learning->pid, map, &fd) == 0) {
                if (fstat(fd, &opened) == 0 && opened.st_ino == map->inode) {
                        item->scope = opened.st_dev == map->dev ? EVERYWHERE : IN_NAMESPACE;
                        item->may_be_python = learning->may_be_python(map->path, fd);
                }
                close(fd);
        }
        free(maps.maps); /* the text is the item's */
}

static uint64_t read_own_cpu_ns(void)
{
        struct timespec used = { 0 };

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void run_learning(void *job)
{
        struct learning *learning = job;
        uint64_t begin = read_own_cpu_ns();

        for (size_t i = 0; i < learning->n; i++)
                look_into_file(learning, &learning->items[i]);
        learning->cpu_ns = read_own_cpu_ns() - begin;
}

/* Lists the files that are to be looked into. */
static void list_unknown(struct find_non_python *non_python, struct learning *learning)
{
        const struct maps_reading *read = non_python->read;
        struct line line;

        for (const char *at = read->text, *end = at + read->len;
             learning->n < LEARN_MAX && non_python_take_line(&at, end, &line);) {
                uint64_t key = non_python_key_of(non_python, read, &line);
                const struct file *file = non_python_get_file(non_python, key);

                if (!file || file->met < LEARN_AT || non_python_get_known(non_python, read, key))
                        continue;
                /* A mapping of maps ends with a newline. */
                char *text = strndup(line.text, (size_t)(line.end - line.text) + 1);
                if (!text)
                        return;
                learning->items[learning->n].key = key;
                learning->items[learning->n++].line = text;
        }
}

static void keep_what_was_learnt(struct find_non_python *non_python, const struct learning *learning)
{
        const struct maps_reading *read = non_python->read;

        for (size_t i = 0; i < learning->n; i++) {
                const struct learnt_file *item = &learning->items[i];
                bool within = item->scope == IN_NAMESPACE;

                if (item->scope == NOT_LEARNT || (within && !read->mounts))
                        continue;
                struct file *file = non_python_get_file(non_python,
                                                        within ? non_python_key_within(read, item->key) : item->key);
                if (!file)
                        continue;
                file->is_known = true;
                file->may_be_python = item->may_be_python;
        }
}

void find_non_python_learn(struct find_non_python *non_python, pid_t pid)
{
        static const struct nsutil_work work = { .run = run_learning, .discard = discard_learning };

        if (!non_python || !non_python->read || non_python->read->pid != pid || find_now() < non_python->learn_at)
                return;
        struct learning *learning = calloc(1, sizeof(*learning));
        if (!learning)
                return;
        learning->pid = pid;
        learning->may_be_python = non_python->may_be_python;
        list_unknown(non_python, learning);
        if (learning->n == 0) {
                discard_learning(learning);
                return;
        }
        if (nsutil_attempt(pid, &work, learning) != 0)
                return;
        keep_what_was_learnt(non_python, learning);
        non_python->learn_at = find_now() + LEARN_PART * learning->cpu_ns;
        discard_learning(learning);
}
