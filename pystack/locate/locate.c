/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the runtime among the files that a process has mapped. Files are not opened. They are looked at where they
 * lie in the memory of the process. That takes a few microseconds a file, needs no access to the process's file
 * systems, and is right for files that have been deleted or replaced. An interpreter can be embedded in any program,
 * and started through ld.so: neither the executable nor a name shows where it is. So all files are looked at, the
 * likely ones first.
 *
 * Only a program that exports nothing has to be opened. Its .symtab and its section .PyRuntime are not loaded.
 */
#include "locate.h"

#include "pystack/internal.h"
#include "pystack/memory/effort.h"
#include "pystack/trace.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Files that are looked at. A large process maps some 500 libraries; each takes 10 us. A power of two. */
#define FILES_MAX 1024

/* The order in which files are looked at. */
enum rank {
        RANK_PYTHON, /* named like Python */
        RANK_EXE,
        RANK_OTHER,
        RANKS,
};

/* Files that hold no runtime, so that a file which is mapped several times is looked at once. Open addressing. */
struct non_python {
        struct {
                uint64_t dev, inode; /* 0: a free slot */
        } slots[2 * FILES_MAX];
};

/* A search through the files that a process has mapped. */
struct search {
        const struct subject *subject;
        const struct nsutil_maps *maps;
        const char *exe;
        bool (*in_use)(const struct subject *subject, const struct pystack_location *);
        struct pystack_location *ret;
        struct non_python non_python;
        bool found;
        const char *foreign; /* what the executable is, if it is for another kind of machine; else NULL */
        unsigned looked_at;
        int error; /* not 0: the search has ended, since the process has ended or cannot be read */
};

static const char *last_part_of_path(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

bool locate_is_named_python(const char *path)
{
        return strcasestr(last_part_of_path(path), "python") || strcasestr(last_part_of_path(path), "wsgi");
}

static enum rank rank_of(const struct search *search, const struct nsutil_map *map)
{
        if (locate_is_named_python(map->path))
                return RANK_PYTHON;
        return strcmp(map->path, search->exe) == 0 ? RANK_EXE : RANK_OTHER;
}

/*
 * The slot of @map's file, or the free one that it belongs in. There is one, since at most FILES_MAX files are looked
 * at.
 */
static size_t slot_of_file(const struct non_python *non_python, const struct nsutil_map *map)
{
        uint64_t hash = (map->inode ^ (uint64_t)map->dev << 32) * 0x9e3779b97f4a7c15u;
        size_t mask = sizeof non_python->slots / sizeof *non_python->slots - 1, i = hash >> 32 & mask;

        while (non_python->slots[i].inode &&
               (non_python->slots[i].inode != map->inode || non_python->slots[i].dev != map->dev))
                i = (i + 1) & mask;
        return i;
}

static bool is_non_python(const struct non_python *non_python, const struct nsutil_map *map)
{
        return non_python->slots[slot_of_file(non_python, map)].inode != 0;
}

static void note_non_python(struct non_python *non_python, const struct nsutil_map *map)
{
        size_t i = slot_of_file(non_python, map);

        non_python->slots[i].inode = map->inode;
        non_python->slots[i].dev = map->dev;
}

static bool is_same_file(const struct nsutil_map *a, const struct nsutil_map *b)
{
        return a->inode == b->inode && a->dev == b->dev;
}

/* Whether a program or a library begins at map @i: the mapping of its header, and one of its code. */
static bool begins_program(const struct nsutil_maps *maps, size_t i)
{
        const struct nsutil_map *map = &maps->maps[i];

        if (map->inode == 0 || map->offset != 0 || !(map->prot & PROT_READ) || (i > 0 && is_same_file(map - 1, map)))
                return false;
        for (size_t j = i; j < maps->n && is_same_file(&maps->maps[j], map); j++)
                if (maps->maps[j].prot & PROT_EXEC)
                        return true;
        return false;
}

/* Tells why a file was passed over: why @field was not as @expected. */
static void trace_file(const struct search *search, const struct nsutil_map *map, const char *field,
                       const char *expected)
{
        if (search->subject->memory.trace.refused && rank_of(search, map) != RANK_OTHER)
                trace_refusal(&search->subject->memory,
                              &(struct pystack_refusal){
                                      .field = field, .expected = expected, .address = map->start, .unreadable = true },
                              last_part_of_path(map->path));
}

/* True if the search is over. */
static bool take_location(struct search *search, struct pystack_location *location, const struct nsutil_map *map)
{
        pystack_escape(map->path, strlen(map->path), location->file, sizeof location->file);
        if (!search->found)
                *search->ret = *location;
        search->found = true;
        if (!search->in_use(search->subject, location)) {
                trace_file(search, map, "interpreter in the runtime", "a thread state");
                return false;
        }
        *search->ret = *location;
        return true;
}

/* Up to 3.6, if the code of PyInterpreterState_Head() cannot be decoded: .symtab may tell what it returns. */
static void complete_from_file(struct search *search, const struct nsutil_map *map, struct pystack_location *location)
{
        struct elfsym_symbol symbol;
        struct elfsym *elf = NULL;
        int fd = -1;

        if (location->runtime || location->interp_head || effort_is_spent(search->subject->effort) ||
            nsutil_open_map(search->subject->pid, map, &fd) != 0)
                return;
        if (elfsym_open_fd(fd, &elf) == 0 && elfsym_symbol(elf, "interp_head", &symbol) == 0)
                location->interp_head = symbol.value + elfsym_load_bias(elf, map->start);
        elfsym_close(elf);
        close(fd);
}

static const char *name_foreign(const struct pystack_memory *memory, const struct nsutil_map *map)
{
        uint8_t class = ELFCLASSNONE;

        remote_read(memory, map->start + EI_CLASS, &class, sizeof class);
        return class == ELFCLASS32 ? "a 32-bit program" : "a program for another kind of machine";
}

static bool look_into_memory(struct search *search, const struct nsutil_map *map)
{
        struct pystack_memory memory = search->subject->memory;
        struct elfsym *elf = NULL;
        struct pystack_location location;
        int e = elfsym_open_image(remote_read_image, &memory, map->start, &elf);
        bool over = false;

        if (e == 0 && locate_in_elf(elf, elfsym_load_bias(elf, map->start), &memory, &location) == 0) {
                complete_from_file(search, map, &location);
                over = take_location(search, &location, map);
        } else {
                note_non_python(&search->non_python, map);
        }
        if (e == ELFSYM_E_FOREIGN && rank_of(search, map) != RANK_OTHER)
                search->foreign = name_foreign(&memory, map);
        if (e == 0 && !over && !search->found)
                trace_file(search, map, "_PyRuntime", "the symbol among those that are exported");
        else if (e != 0)
                trace_file(search, map, "ELF header", "an image of this kind of machine");
        if (e == -ESRCH || e == -EPERM || e == -ENOMEM)
                search->error = remote_error(e);
        elfsym_close(elf);
        return over || search->error != 0;
}

/*
 * Looks into the file on disk, if its name or a section suggests that it holds a runtime. True if the search is over.
 * Reading a full symbol table takes milliseconds, which is too much for all programs of a machine.
 */
static bool look_into_file(struct search *search, const struct nsutil_map *map)
{
        struct elfsym *elf = NULL;
        struct elfsym_section section;
        struct pystack_location location;
        bool over = false;
        int fd = -1;

        if (nsutil_open_map(search->subject->pid, map, &fd) != 0)
                return false;
        if (elfsym_open_fd(fd, &elf) == 0 &&
            (locate_is_named_python(map->path) || elfsym_section(elf, ".PyRuntime", &section) == 0) &&
            locate_in_elf(elf, elfsym_load_bias(elf, map->start), &search->subject->memory, &location) == 0)
                over = take_location(search, &location, map);
        else
                note_non_python(&search->non_python, map);
        if (!over && !search->found)
                trace_file(search, map, ".symtab", "the symbol _PyRuntime, or the section .PyRuntime");
        elfsym_close(elf);
        close(fd);
        return over;
}

/* True if the search is over. */
static bool look_into_each_file(struct search *search, enum rank rank,
                                bool (*look_into)(struct search *, const struct nsutil_map *))
{
        for (size_t i = 0; i < search->maps->n && search->looked_at < FILES_MAX; i++) {
                const struct nsutil_map *map = &search->maps->maps[i];
                if (!begins_program(search->maps, i) || rank_of(search, map) != rank ||
                    is_non_python(&search->non_python, map))
                        continue;
                if (effort_is_spent(search->subject->effort)) {
                        search->error = REFUSE(&search->subject->memory, PYSTACK_E_COSTLY,
                                               .field = "search for a runtime", .address = map->start,
                                               .expected = "readings or CPU time that are left",
                                               .found = search->looked_at);
                        return true;
                }
                search->looked_at++;
                if (look_into(search, map))
                        return true;
        }
        return false;
}

static void run_search(struct search *search)
{
        for (unsigned rank = 0; rank < RANKS; rank++)
                if (look_into_each_file(search, (enum rank)rank, look_into_memory))
                        return;
        search->non_python = (struct non_python){ 0 }; /* the file on disk has more than the part that is in memory */
        for (unsigned rank = 0; rank <= RANK_EXE && !search->found; rank++)
                if (look_into_each_file(search, (enum rank)rank, look_into_file))
                        return;
}

static int error_from_nsutil(int r)
{
        switch (r) {
        case NSUTIL_E_GONE:
                return PYSTACK_E_GONE;
        case NSUTIL_E_DENIED:
                return PYSTACK_E_DENIED;
        default:
                return r < 0 ? r : PYSTACK_E_NOT_PYTHON;
        }
}

/* Whether the process is ending. It has no memory any more then, and must not be called no Python. */
static bool is_ending(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) != 0 || stat.ending;
}

/* Mappings of an honest process: each of the most threads that are read has two, and files have some more. */
#define MAPPINGS_USUAL (2 * PYSTACK_MAX_THREADS + 4096)

/*
 * A process of 10 000 threads has 20 000 mappings. To read their list takes 10 ms and more, and twice as long on a crowded
 * machine. That is not counted as effort, unless there are more mappings than threads explain.
 */
static int read_maps(const struct subject *subject, struct nsutil_maps *ret)
{
        uint64_t begin = effort_cpu_ns();
        int r = nsutil_maps_read(subject->pid, ret);

        if (subject->effort && r == 0 && ret->n <= MAPPINGS_USUAL)
                subject->effort->end_ns += effort_cpu_ns() - begin;
        return r;
}

int locate_runtime(const struct subject *subject,
                   bool (*in_use)(const struct subject *subject, const struct pystack_location *),
                   struct pystack_location *ret, char ret_detail[static PYSTACK_DETAIL_SIZE])
{
        struct nsutil_maps maps = { 0 };
        char exe[sizeof ret->file] = "";
        struct search search = { .subject = subject, .maps = &maps, .exe = exe, .in_use = in_use, .ret = ret };
        pid_t pid = subject->pid;
        int r = read_maps(subject, &maps);

        if (r == 0)
                r = nsutil_exe(pid, exe, sizeof exe);
        r = r == 0 ? 0 : error_from_nsutil(r);
        if (r == 0) {
                run_search(&search);
                r = search.error;
        }
        if (r == 0 && !search.found)
                r = REFUSE(&subject->memory, locate_name_foreign(pid, &maps, search.foreign, ret_detail),
                           .field = "runtime", .expected = "a runtime in one of the files that are mapped; looked into",
                           .found = search.looked_at);
        if (r == PYSTACK_E_NOT_PYTHON && !*exe && is_ending(pid))
                r = PYSTACK_E_GONE;
        nsutil_maps_deinit(&maps);
        return r;
}
