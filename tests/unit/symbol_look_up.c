/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for a process with a root of its own, which has mapped a file. What lies in its root it may have forged: debug
 * files of other builds, links that lead out, FIFOs.
 */
#include "agent/symbol/symbol.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/functionfile.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX ((size_t)8 << 20)
#define DEBUG_FOLDER "usr/lib/debug/.build-id/ab"
#define DEBUG_FILE DEBUG_FOLDER "/cdef.debug"
#define ID "abcdef"
#define ID_BYTES "\xab\xcd\xef"

static const struct functionfile_symbol exported[] = { { .name = "exported", .value = 0x100, .size = 0x10 }, { 0 } };
static const struct functionfile_symbol all[] = {
        { .name = "exported", .value = 0x100, .size = 0x10 },
        { .name = "hidden", .value = 0x200, .size = 0x10, .info = FUNCTIONFILE_LOCAL },
        { 0 },
};
static const struct functionfile_symbol forged[] = {
        { .name = "forged", .value = 0x100, .size = 0x200 },
        { 0 },
};

static char root[64];
static struct symbols *symbols;

/* A process and its mapping of /file. */
struct target {
        pid_t pid;
        struct nsutil_stat stat;
        struct nsutil_maps maps;
        const struct nsutil_map *map;
};

static void make_folders(const char *path)
{
        char folder[PATH_MAX];

        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                snprintf(folder, sizeof(folder), "%s/%.*s", root, (int)(slash - path), path);
                mkdir(folder, 0755);
        }
}

static void set_up(void)
{
        require_root();
        temp_make(root, sizeof(root));
        chmod(root, 0755);
        make_folders(DEBUG_FILE);
        make_folders("tmp/x");
        symbols = symbols_new(BYTES_MAX);
}

static void tear_down(void)
{
        char command[128];

        symbols_free(symbols);
        symbols = NULL;
        if (*root) {
                snprintf(command, sizeof(command), "rm -rf %s", root);
                cr_expect_eq(system(command), 0);
        }
        abort_on_leaks();
}

TestSuite(symbol_look_up, .init = set_up, .fini = tear_down, .timeout = 60);

static void write_file(const char *name, const struct functionfile *spec)
{
        size_t len;
        char *bytes = functionfile_write(spec, &len);

        temp_write(root, name, bytes, len);
        free(bytes);
}

static int map_file(void *ctx)
{
        int fd;

        (void)ctx;
        if (chroot(root) != 0 || chdir("/") != 0 || (fd = open("/file", O_RDONLY | O_CLOEXEC)) < 0)
                return 1;
        return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED;
}

static struct target start_target(void)
{
        struct target target = { .pid = child_start(map_file, NULL) };

        cr_assert_gt(target.pid, 0);
        cr_assert_eq(nsutil_stat_read(target.pid, &target.stat), 0);
        cr_assert_eq(nsutil_maps_read(target.pid, &target.maps), 0);
        for (size_t i = 0; i < target.maps.n && !target.map; i++)
                if (strstr(target.maps.maps[i].path, root))
                        target.map = &target.maps.maps[i];
        cr_assert_not_null(target.map);
        return target;
}

static void end_target(struct target *target)
{
        child_end(target->pid);
        nsutil_maps_deinit(&target->maps);
}

static int look_up(const struct target *target, const char *build_id, uint64_t value, struct symbol *ret)
{
        struct symbol_place place = {
                .pid = target->pid,
                .start_time = target->stat.start_time,
                .map = target->map,
                .build_id = build_id,
                .value = value,
        };

        return symbols_look_up(symbols, &place, ret);
}

static void expect_symbol(const struct target *target, const char *build_id, uint64_t value, const char *name)
{
        struct symbol symbol;
        int r = look_up(target, build_id, value, &symbol);

        cr_expect_eq(r, 0, "%#lx: %d", value, r);
        if (r == 0)
                cr_expect_str_eq(symbol.name, name);
}

static void expect_error(const struct target *target, const char *build_id, uint64_t value, int error)
{
        struct symbol symbol;
        int r = look_up(target, build_id, value, &symbol);

        cr_expect_eq(r, error, "%#lx: %d %s", value, r, r == 0 ? symbol.name : "");
}

Test(symbol_look_up, of_the_mapped_file)
{
        write_file("file", &(struct functionfile){ .symtab = all, .build_id = ID_BYTES });

        struct target target = start_target();

        for (unsigned i = 0; i < 2; i++) {
                expect_symbol(&target, ID, 0x10f, "exported");
                expect_symbol(&target, ID, 0x20f, "hidden");
                expect_symbol(&target, NULL, 0x20f, "hidden");
                expect_error(&target, ID, 0x110, SYMBOL_E_UNKNOWN);
        }
        end_target(&target);
}

/* What is in memory, and what is on disk, are not the same build: nothing of the file is believed. */
Test(symbol_look_up, of_another_build)
{
        write_file("file", &(struct functionfile){ .symtab = all, .build_id = "\x12\x34" });

        struct target target = start_target();

        expect_error(&target, ID, 0x100, SYMBOL_E_NO_FILE);
        expect_error(&target, "", 0x100, SYMBOL_E_NO_FILE);
        expect_symbol(&target, "1234", 0x100, "exported");
        end_target(&target);
}

Test(symbol_look_up, of_the_debug_file)
{
        struct symbol symbol;

        write_file("file", &(struct functionfile){ .dynsym = exported, .build_id = ID_BYTES });
        write_file(DEBUG_FILE, &(struct functionfile){ .symtab = all, .build_id = ID_BYTES });

        struct target target = start_target();

        expect_symbol(&target, ID, 0x200, "hidden");
        expect_symbol(&target, NULL, 0x200, "hidden");
        cr_expect_eq(look_up(&target, ID, 0x200, &symbol), 0);
        cr_expect(symbol.exact);
        end_target(&target);
}

/* A debug file of another build lies under the name of this one, and one leads out of the root. */
Test(symbol_look_up, of_a_debug_file_that_lies)
{
        char path[PATH_MAX], outside[64];
        struct symbol symbol;

        write_file("file", &(struct functionfile){ .dynsym = exported, .build_id = ID_BYTES });
        write_file(DEBUG_FILE, &(struct functionfile){ .symtab = forged, .build_id = "\xab\xcd\x00" });

        struct target target = start_target();

        expect_symbol(&target, ID, 0x100, "exported");
        expect_error(&target, ID, 0x200, SYMBOL_E_UNKNOWN);
        cr_expect_eq(look_up(&target, ID, 0x100, &symbol), 0);
        cr_expect_not(symbol.exact);
        end_target(&target);

        temp_make(outside, sizeof(outside));
        snprintf(path, sizeof(path), "%s/%s", root, DEBUG_FILE);
        cr_assert_eq(unlink(path), 0);

        char link[PATH_MAX];
        size_t len;
        char *bytes = functionfile_write(&(struct functionfile){ .symtab = forged, .build_id = ID_BYTES }, &len);

        temp_write(outside, "x.debug", bytes, len);
        free(bytes);
        snprintf(link, sizeof(link), "%s/x.debug", outside);
        cr_assert_eq(symlink(link, path), 0);
        target = start_target();
        expect_symbol(&target, ID, 0x100, "exported");
        end_target(&target);
        temp_remove(outside);
}

/* A process cannot name the functions of another that has mapped the file whose build-id it claims. */
Test(symbol_look_up, a_forged_file_names_nobody_else)
{
        char path[PATH_MAX];

        write_file("file", &(struct functionfile){ .symtab = forged, .build_id = ID_BYTES });

        struct target liar = start_target();

        expect_symbol(&liar, ID, 0x200, "forged");
        snprintf(path, sizeof(path), "%s/file", root);
        cr_assert_eq(unlink(path), 0);
        write_file("file", &(struct functionfile){ .symtab = all, .build_id = ID_BYTES });

        struct target honest = start_target();

        expect_symbol(&honest, ID, 0x200, "hidden");
        expect_symbol(&liar, ID, 0x200, "forged");
        end_target(&liar);
        end_target(&honest);
}

static double seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(symbol_look_up, a_fifo_holds_up_nobody)
{
        char path[PATH_MAX];
        double before = seconds();

        write_file("file", &(struct functionfile){ .dynsym = exported, .build_id = ID_BYTES });
        snprintf(path, sizeof(path), "%s/%s", root, DEBUG_FILE);
        cr_assert_eq(mkfifo(path, 0666), 0);

        struct target target = start_target();

        snprintf(path, sizeof(path), "%s/tmp/perf-%d.map", root, target.pid);
        cr_assert_eq(mkfifo(path, 0666), 0);
        expect_symbol(&target, ID, 0x100, "exported");
        target.map = NULL;
        expect_error(&target, NULL, 0, SYMBOL_E_NO_FILE);
        cr_expect_lt(seconds() - before, 2);
        end_target(&target);
}

static int look_up_jit(const struct target *target, uint64_t address, struct symbol *ret)
{
        struct symbol_place place = { .pid = target->pid, .start_time = target->stat.start_time, .address = address };

        return symbols_look_up(symbols, &place, ret);
}

Test(symbol_look_up, of_a_perf_map_that_grows)
{
        char name[64], path[PATH_MAX];
        struct symbol symbol;

        write_file("file", &(struct functionfile){ .dynsym = exported });

        struct target target = start_target();

        snprintf(name, sizeof(name), "tmp/perf-%d.map", target.pid);
        snprintf(path, sizeof(path), "%s/%s", root, name);
        temp_write(root, name, "1000 10 jit\x1b[0m\n", 16);
        cr_assert_eq(look_up_jit(&target, 0x1008, &symbol), 0);
        cr_expect_str_eq(symbol.name, "jit\\x1b[0m");
        cr_expect_eq(symbol.language, SYMBOL_JIT);
        cr_expect_eq(symbol.start, 0x1000);
        cr_expect_eq(symbol.size, 0x10);

        int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

        cr_assert_eq(write(fd, "2000 10 grown\n", 14), 14);
        cr_expect_eq(look_up_jit(&target, 0x2000, &symbol), SYMBOL_E_UNKNOWN, "it is looked at once a second");
        usleep(1100000);
        cr_expect_eq(look_up_jit(&target, 0x2000, &symbol), 0);
        cr_expect_str_eq(symbol.name, "grown");
        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_assert_eq(write(fd, "3000 10 anew\n", 13), 13);
        close(fd);
        usleep(1100000);
        cr_expect_eq(look_up_jit(&target, 0x3000, &symbol), 0);
        cr_expect_eq(look_up_jit(&target, 0x2000, &symbol), SYMBOL_E_UNKNOWN);
        end_target(&target);
}

/* Somebody else in the container writes it before the process does. */
Test(symbol_look_up, a_perf_map_of_another_user_is_not_believed)
{
        char name[64], path[PATH_MAX];
        struct symbol symbol;

        write_file("file", &(struct functionfile){ .dynsym = exported });

        struct target target = start_target();

        snprintf(name, sizeof(name), "tmp/perf-%d.map", target.pid);
        snprintf(path, sizeof(path), "%s/%s", root, name);
        temp_write(root, name, "1000 10 forged\n", 15);
        cr_assert_eq(chown(path, 65534, 65534), 0);
        cr_expect_eq(look_up_jit(&target, 0x1008, &symbol), SYMBOL_E_NO_FILE);
        end_target(&target);
}

/* Tables are dropped at the bound, and read again. */
Test(symbol_look_up, tables_take_no_more_than_their_bound)
{
        enum { FILES = 6, SYMBOLS = 20000 };
        struct functionfile_symbol *many = calloc(SYMBOLS + 1, sizeof(*many));
        char(*names)[48] = malloc(SYMBOLS * sizeof(*names)), path[PATH_MAX];
        struct target targets[FILES];

        for (unsigned k = 0; k < FILES; k++) {
                for (unsigned i = 0; i < SYMBOLS; i++) {
                        snprintf(names[i], sizeof(names[i]), "function_%u_of_file_%u", i, k);
                        many[i] = (struct functionfile_symbol){ .name = names[i], .value = i * 16, .size = 16 };
                }
                snprintf(path, sizeof(path), "%s/file", root);
                unlink(path);
                write_file("file", &(struct functionfile){ .symtab = many });
                targets[k] = start_target();
        }
        symbols_free(symbols);
        symbols = symbols_new((size_t)3 << 20); /* two tables and a half */
        for (unsigned round = 0; round < 2; round++)
                for (unsigned k = 0; k < FILES; k++) {
                        char name[48];

                        snprintf(name, sizeof(name), "function_77_of_file_%u", k);
                        expect_symbol(&targets[k], NULL, 77 * 16, name);
                        cr_expect_leq(symbols_bytes(symbols), (size_t)3 << 20);
                }
        for (unsigned k = 0; k < FILES; k++)
                end_target(&targets[k]);
        free(many);
        free(names);
}
