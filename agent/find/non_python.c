/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that make no process a Python: they define no runtime, and no other Python's files are named so. A process that
 * has mapped the code of such files alone is not opened, which takes ten times as long.
 *
 * What a file is comes from the file itself. A process can write over what it has mapped, and so hide no Python but
 * itself. A file is known by its line in /proc/PID/maps: device, inode and path. The number of a deleted file's inode is
 * soon given to another file, often at the same path where a program is built again and again. Hence the time of the
 * last change counts as well for the program itself. A library that takes the place of another one in the same path with
 * the same inode is noticed after ten minutes.
 *
 * A file is opened by its path in the root of the process. Most file systems show the same device for it as maps do.
 * Overlays do not. Then a process could have another file there with the same inode, so what is learnt counts in its own
 * mount namespace only.
 */
#include "agent/find/non_python_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define KNOWN_NS UINT64_C(600000000000)

/* Looks at processes of a program, all of which must have found no Python. */
#define PROGRAM_ENOUGH 4

int find_non_python_new(find_file_fn may_be_python, struct find_non_python **ret)
{
        struct find_non_python *non_python = calloc(1, sizeof(*non_python));

        if (!non_python)
                return -ENOMEM;
        non_python->may_be_python = may_be_python;
        if (getrandom(&non_python->seed, sizeof(non_python->seed), 0) != sizeof(non_python->seed))
                non_python->seed = find_now();
        *ret = non_python;
        return 0;
}

static void forget_files(struct find_non_python *non_python)
{
        struct file *file, *next;

        HASH_ITER(hh, non_python->files, file, next) {
                HASH_DEL(non_python->files, file);
                free(file);
        }
}

void find_non_python_free(struct find_non_python *non_python)
{
        if (!non_python)
                return;
        forget_files(non_python);
        free(non_python->read);
        free(non_python);
}

/* ---- what a process has mapped --------------------------------------------------------- */

/* The kernel gives a page at a time. */
static void read_maps(struct maps_reading *read)
{
        char path[64];
        size_t len = 0;
        ssize_t n = 0;

        snprintf(path, sizeof(path), "/proc/%d/maps", read->pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        while (len < sizeof(read->text) && (n = pread(fd, read->text + len, sizeof(read->text) - len, (off_t)len)) > 0)
                len += (size_t)n;
        close(fd);
        read->len = n == 0 && len < sizeof(read->text) ? len : 0;
}

static bool look_at_program(pid_t pid, struct statx *ret)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/exe", pid);
        return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_CTIME, ret) == 0;
}

static void run_maps_reading(void *job)
{
        struct maps_reading *read = job;
        struct statx stx;
        char path[64];

        if (!look_at_program(read->pid, &read->exe))
                return;
        snprintf(path, sizeof(path), "/proc/%d/ns/mnt", read->pid);
        read->mounts = statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &stx) == 0 ? stx.stx_ino : 0;
        read_maps(read);
}

static const struct maps_reading *read_code_in_time(struct find_non_python *non_python, pid_t pid)
{
        static const struct nsutil_work work = { .run = run_maps_reading, .discard = free };
        struct maps_reading *read = non_python->read ? non_python->read : malloc(sizeof(*read));

        non_python->read = NULL;
        if (!read)
                return NULL;
        read->pid = pid;
        read->exe.stx_ino = 0;
        read->len = 0;
        if (nsutil_attempt(pid, &work, read) == 0)
                non_python->read = read;
        return non_python->read;
}

/* ---- its files --------------------------------------------------------------------------- */

/* The part of @at behind @n blanks. NULL if there are fewer. */
static const char *skip_fields(const char *at, const char *end, unsigned n)
{
        while (n-- > 0 && at)
                at = (at = memchr(at, ' ', (size_t)(end - at))) ? at + 1 : NULL;
        return at;
}

/*
 * Takes the next line that is about code of a file: "START-END PERM OFFSET MAJOR:MINOR INODE   PATH". False at the end.
 * The kernel writes a newline in a path as \012.
 */
bool non_python_take_line(const char **at, const char *end, struct line *ret)
{
        while (*at < end) {
                const char *text = *at, *newline = memchr(text, '\n', (size_t)(end - text));
                const char *line_end = newline ? newline : end, *perm = skip_fields(text, line_end, 1);
                const char *file = skip_fields(perm ? perm : line_end, line_end, 2);
                const char *inode = file ? skip_fields(file, line_end, 1) : NULL;

                *at = newline ? newline + 1 : end;
                if (!inode || line_end - perm < 4 || perm[2] != 'x')
                        continue;
                *ret = (struct line){ .text = text, .end = line_end, .file = file };
                for (; inode < line_end && *inode >= '0' && *inode <= '9'; inode++)
                        ret->inode = 10 * ret->inode + (ino_t)(*inode - '0');
                if (ret->inode != 0)
                        return true;
        }
        return false;
}

uint64_t non_python_key_of(const struct find_non_python *non_python, const struct maps_reading *read,
                           const struct line *line)
{
        uint64_t seed = non_python->seed;

        if (line->inode == read->exe.stx_ino) {
                uint64_t changed[] = { (uint64_t)read->exe.stx_ctime.tv_sec, read->exe.stx_ctime.tv_nsec };

                seed = XXH3_64bits_withSeed(changed, sizeof(changed), seed);
        }
        return XXH3_64bits_withSeed(line->file, (size_t)(line->end - line->file), seed);
}

/* The key of a program as such, apart from what its file holds. */
static uint64_t key_of_program(const struct find_non_python *non_python, const struct statx *exe)
{
        const uint64_t parts[] = { exe->stx_dev_major, exe->stx_dev_minor, exe->stx_ino,
                                   (uint64_t)exe->stx_ctime.tv_sec, exe->stx_ctime.tv_nsec };

        return XXH3_64bits_withSeed(parts, sizeof(parts), non_python->seed);
}

/* The key of a file that is known in the mount namespace of the process only. */
uint64_t non_python_key_within(const struct maps_reading *read, uint64_t key)
{
        return XXH3_64bits_withSeed(&read->mounts, sizeof(read->mounts), key);
}

static void forget_file(struct find_non_python *non_python, struct file *file)
{
        HASH_DEL(non_python->files, file);
        free(file);
}

/* The file of @key. One that is new, or was not looked at for long, is added. NULL if memory ran out. */
struct file *non_python_get_file(struct find_non_python *non_python, uint64_t key)
{
        uint64_t now = find_now();
        struct file *file;

        HASH_FIND(hh, non_python->files, &key, sizeof(key), file);
        if (file && now < file->until)
                return file;
        if (file)
                forget_file(non_python, file);
        if (HASH_COUNT(non_python->files) >= FIND_NON_PYTHON_FILES_MAX)
                forget_files(non_python);
        file = calloc(1, sizeof(*file));
        if (!file)
                return NULL;
        file->key = key;
        file->until = now + KNOWN_NS;
        HASH_ADD(hh, non_python->files, key, sizeof(key), file);
        if (file->hh.tbl)
                return file;
        free(file);
        return NULL;
}

/* What is known of a file, which has @key. NULL: nothing. */
const struct file *non_python_get_known(const struct find_non_python *non_python, const struct maps_reading *read,
                                        uint64_t key)
{
        const uint64_t keys[] = { key, non_python_key_within(read, key) };
        struct file *file = NULL;

        for (size_t i = 0; i < (read->mounts ? 2 : 1); i++) {
                HASH_FIND(hh, non_python->files, &keys[i], sizeof(keys[i]), file);
                if (file && file->is_known && find_now() < file->until)
                        return file;
        }
        return NULL;
}

static void note_met(struct find_non_python *non_python, uint64_t key)
{
        struct file *file = non_python_get_file(non_python, key);

        if (file)
                file->met++;
}

bool find_non_python_has(struct find_non_python *non_python, pid_t pid)
{
        const struct maps_reading *read = non_python ? read_code_in_time(non_python, pid) : NULL;
        bool all = true, has_exe = false;
        struct line line;

        if (!read)
                return false;
        for (const char *at = read->text, *end = at + read->len; non_python_take_line(&at, end, &line);) {
                uint64_t key = non_python_key_of(non_python, read, &line);
                const struct file *known = non_python_get_known(non_python, read, key);

                if (!known)
                        note_met(non_python, key);
                has_exe |= line.inode == read->exe.stx_ino;
                all = all && known && !known->may_be_python;
        }
        if (!all || !has_exe)
                return false;
        note_met(non_python, key_of_program(non_python, &read->exe));
        return true;
}

bool find_non_python_has_program(struct find_non_python *non_python, pid_t pid)
{
        struct statx exe;

        if (!non_python || !look_at_program(pid, &exe))
                return false;
        const struct file *file = non_python_get_file(non_python, key_of_program(non_python, &exe));

        return file && !file->may_be_python && file->met >= PROGRAM_ENOUGH;
}

void find_non_python_forget_program(struct find_non_python *non_python, pid_t pid)
{
        struct statx exe;
        struct file *file = non_python && look_at_program(pid, &exe)
                                    ? non_python_get_file(non_python, key_of_program(non_python, &exe))
                                    : NULL;

        if (!file)
                return;
        file->may_be_python = true;
        file->until = UINT64_MAX;
}
