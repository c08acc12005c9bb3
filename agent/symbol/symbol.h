/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_H
#define SYMBOL_H

/*
 * Names for addresses of native code. Files of processes are hostile: a name that cannot be proved is none.
 *
 * The sources, in this order:
 *   1. the mapped file's .symtab;
 *   2. its separate debug file, /usr/lib/debug/.build-id/ab/cdef.debug, in the process's root, then on the host;
 *   3. the mapped file's .dynsym and .gnu_debugdata;
 * and for addresses that no file has, /tmp/perf-PID.map in the process's root, with the PID that the process itself
 * knows.
 *
 * A look-up opens and reads files, so it is nothing for a sampling tick. It asks no file system that may never answer.
 * If one holds it up in spite of that, it is given up after NSUTIL_HANG_MS, and the process is left alone for good: see
 * nsutil_attempt().
 *
 * Only one thread at a time may use a struct symbols.
 */

#include "nsutil/nsutil.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum symbol_error {
        SYMBOL_E_UNKNOWN = 1, /* no source has the address */
        SYMBOL_E_NO_FILE,     /* no source could be read, or none is the mapped file: another build-id, a forgery */
        SYMBOL_E_HANGS,       /* a source lies on a file system that may never answer */
};

/* Tables of all processes of the machine. */
struct symbols;

/* At least this many bytes. */
#define SYMBOLS_BYTES_MIN ((size_t)1 << 20)

/*
 * @bytes_max bounds what the tables take, those that are used least recently are dropped. One table takes at most half
 * of it. Loading takes more for a moment: see elfsym_functions_load(). NULL if memory ran out.
 */
struct symbols *symbols_new(size_t bytes_max);

/* Accepts NULL. */
void symbols_free(struct symbols *symbols);

/* What the tables take at the moment. */
size_t symbols_bytes(const struct symbols *symbols);

/* An address in a process. All is copied as far as it is needed. */
struct symbol_place {
        pid_t pid;
        uint64_t start_time; /* nsutil_stat's, which tells processes apart that had the same PID */
        /*
         * A mapping of the file that has the address, not necessarily the one that has it. NULL, or a mapping of no
         * file: a perf map is asked.
         */
        const struct nsutil_map *map;
        /*
         * As elfsym_build_id() gives it for the file's image in the process's memory. "": it has none. Only a file that
         * has the same one gives names. NULL: nobody has looked. Then device and inode prove the mapped file, and
         * its own build-id finds the debug file.
         */
        const char *build_id;
        uint64_t value;   /* the address as in the file, before relocation: less elfsym_load_bias() */
        uint64_t address; /* the address in the process */
};

/* What a name was made of. */
enum symbol_language {
        SYMBOL_C, /* or assembly, or a name that nobody could demangle */
        SYMBOL_CPP,
        SYMBOL_RUST,
        SYMBOL_CYTHON,
        SYMBOL_JIT, /* of a perf map */
};

/* Bytes of a name with its NUL; longer ones are cut and end with an ellipsis, "…". */
#define SYMBOL_NAME_SIZE 512

struct symbol {
        /*
         * Demangled, and escaped as pystack_escape() does. C++: with template arguments, without parameters and return
         * type. Cython: module.function. A compiler's endings for parts and copies (.cold, .constprop.0) are removed.
         */
        char name[SYMBOL_NAME_SIZE];
        enum symbol_language language;
        uint64_t start; /* as in the file. Of a perf map: the address */
        uint64_t size;
        bool exact; /* the source has all functions. false: those between exported ones had no name */
};

/* 0 or a symbol_error. Negative: memory ran out, or the like. */
int symbols_look_up(struct symbols *symbols, const struct symbol_place *place, struct symbol *ret);

/*
 * Demangles @raw for people: what symbol.name says of it. @size >= 8.
 */
enum symbol_language symbol_demangle(const char *raw, char *ret, size_t size);

#include "frame.h"
#include "kernel.h"
#include "text.h"

#endif
