/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LOCATE_H
#define PYSTACK_LOCATE_H

/* Finds the CPython runtime of a process by the symbols of the files that it has mapped. */

#include "elfsym/elfsym.h"
#include "nsutil/nsutil.h"
#include "pystack/pystack.h"

struct pystack_location {
        uint64_t runtime;        /* address of _PyRuntime; 0: a CPython before 3.7 */
        uint64_t runtime_size;   /* st_size of the symbol; up to 3.10 it tells layouts apart */
        uint64_t tstate_current; /* before 3.7: address of _PyThreadState_Current */
        uint64_t interp_head;    /* before 3.7: address of the list of interpreters, 0: not found */
        uint64_t code_type;      /* address of PyCode_Type, 0: not found */
        uint64_t type_type;      /* address of PyType_Type, 0: not found */
        uint64_t version_at;     /* address of Py_Version, 0: not found (before 3.11) */
        uint32_t ladder;         /* the newest version whose symbols exist, with micro version 0; 0: not known */
        uint64_t machine;        /* an enum machine_kind */
        char file[256];          /* as the target sees it */
};

struct subject;

/*
 * Looks through the mapped files of the live process @subject, within its effort. If there are several runtimes, the
 * first one that @in_use approves of is returned, else the first one. PYSTACK_E_NOT_PYTHON; PYSTACK_E_UNSUPPORTED
 * (another Python than CPython, or one of another kind of machine); both say in @ret_detail what the process is, as a
 * sentence fragment. PYSTACK_E_GONE, PYSTACK_E_DENIED, PYSTACK_E_COSTLY, or a negative errno.
 */
int locate_runtime(const struct subject *subject,
                   bool (*in_use)(const struct subject *subject, const struct pystack_location *),
                   struct pystack_location *ret, char ret_detail[static PYSTACK_DETAIL_SIZE]);

/*
 * Says what process @pid is, in whose @maps no CPython was found: PYSTACK_E_NOT_PYTHON or PYSTACK_E_UNSUPPORTED.
 * @foreign: what its executable is, if it is for another kind of machine; else NULL.
 */
int locate_name_foreign(pid_t pid, const struct nsutil_maps *maps, const char *foreign,
                        char ret_detail[static PYSTACK_DETAIL_SIZE]);

/* Whether the name of a file, the last part of @path, suggests a CPython. */
bool locate_is_named_python(const char *path);

/* Whether a process with a file of this name may be another Python, as locate_name_foreign() tells it. */
bool locate_is_named_foreign(const char *path);

/*
 * Finds the CPython that the ELF file @elf defines. It is loaded with @bias in the process whose @memory is given.
 * Sets all of @ret but the file. PYSTACK_E_NOT_PYTHON if it defines none.
 */
int locate_in_elf(struct elfsym *elf, uint64_t bias, const struct pystack_memory *memory, struct pystack_location *ret);

#endif
