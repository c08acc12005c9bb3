/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_FUNCTIONS_H
#define ELFSYM_FUNCTIONS_H

/*
 * The functions of a file, sorted by address: which function has an address. An address that no function has for
 * certain gets none, and never the name of the function before it.
 */

#include "elfsym.h"

/* Where a table of functions comes from. */
enum elfsym_source {
        ELFSYM_SYMTAB,   /* .symtab: all functions of the file, unless its builder stripped the local ones */
        ELFSYM_EXPORTED, /* .dynsym, and .gnu_debugdata if there is one: functions between these are unknown */
};

struct elfsym_function {
        const char *name; /* lives as long as the table. Not demangled, not escaped, without "@VERSION" */
        uint64_t start;   /* as in the file; the address is this plus elfsym_load_bias() */
        uint64_t size;    /* bytes, more than 0 */
};

/* Bytes of the longest name, with its NUL. Longer names are cut. Names of C++ templates have up to some thousands. */
#define ELFSYM_FUNCTION_NAME_SIZE 1024

/*
 * A function of size 0, as some assembly has it, extends to the next symbol or the end of its section, at most so many
 * bytes. It counts only in
 * ELFSYM_SYMTAB, and only where no other function is.
 */
#define ELFSYM_SIZELESS_MAX 256

/* Immutable once it is loaded, so that several threads may look up. */
struct elfsym_functions;

/*
 * Loads a table from @source of a file or an image. An image has ELFSYM_EXPORTED only. ELFSYM_E_NOT_FOUND if @source has
 * no function.
 *
 * Functions are symbols of type STT_FUNC and STT_GNU_IFUNC, and such STT_NOTYPE in sections of code as have a size or
 * are global, since assembly lacks types. Of several names at one address the table has one: a global before a weak
 * before a local one, then one with fewer leading underscores, then the shorter one, then the first by the alphabet.
 *
 * The table takes at most @bytes_max. If there is more, the smallest functions are left out: see
 * elfsym_functions_are_cut(). While it is loaded, names take up to 8 MiB more, sorting as much as the table, and
 * .gnu_debugdata up to 44 MiB.
 */
int elfsym_functions_load(struct elfsym *elf, enum elfsym_source source, size_t bytes_max,
                          struct elfsym_functions **ret);

/* Accepts NULL. */
void elfsym_functions_free(struct elfsym_functions *functions);

/*
 * Finds the function that has @value, an address as in the file. Where functions overlap it is the one that starts
 * last. ELFSYM_E_NOT_FOUND.
 */
int elfsym_function_at(const struct elfsym_functions *functions, uint64_t value, struct elfsym_function *ret);

/* Whether there were functions that found no room. */
bool elfsym_functions_are_cut(const struct elfsym_functions *functions);

size_t elfsym_functions_n(const struct elfsym_functions *functions);
size_t elfsym_functions_bytes(const struct elfsym_functions *functions);

/* Whether two tables say the same of every address. */
bool elfsym_functions_equal(const struct elfsym_functions *a, const struct elfsym_functions *b);

/* Bytes of a build-id in hexadecimal, with its NUL: linkers write 8 to 20 bytes, --build-id=0x… may give more. */
#define ELFSYM_BUILD_ID_SIZE 129

/*
 * The build-id in lower case hexadecimal. It is a claim of the file, which a forger can copy. ELFSYM_E_NOT_FOUND if
 * there is none, or one of more than 64 bytes.
 */
int elfsym_build_id(struct elfsym *elf, char ret[static ELFSYM_BUILD_ID_SIZE]);

#endif
