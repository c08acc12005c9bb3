/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what a process is that is no CPython. Other Pythons are recognised by the names of the files that they have
 * mapped.
 */
#include "locate.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the command line that are looked at: the name and the class path of a program of Java. */
#define CMDLINE_MAX 4096

/* A part of a mapped file's name, in lower case, and what the process is then. */
static const struct {
        const char *part;
        const char *detail;
} others[] = {
        { "pypy", "it is PyPy, not CPython: its stacks are laid out otherwise" },
        { "graalpy", "it is GraalPy, which keeps its stacks in a Java virtual machine" },
        { "libpythonvm", "it is GraalPy, which keeps its stacks in a Java virtual machine" },
        { "micropython", "it is MicroPython, not CPython" },
        { "rustpython", "it is RustPython, not CPython" },
};

/* A file of each Java virtual machine. */
#define JVM "libjvm.so"

bool locate_is_named_foreign(const char *path)
{
        const char *slash = strrchr(path, '/');

        for (size_t i = 0; slash && i < sizeof others / sizeof *others; i++)
                if (strstr(slash, others[i].part))
                        return true;
        return slash && strcmp(slash + 1, JVM) == 0;
}

static const char *recognise_foreign(const struct nsutil_maps *maps)
{
        for (size_t i = 0; i < maps->n; i++) {
                const char *slash = strrchr(maps->maps[i].path, '/');
                for (size_t j = 0; slash && j < sizeof others / sizeof *others; j++)
                        if (strstr(slash, others[j].part))
                                return others[j].detail;
        }
        return NULL;
}

static bool has_mapped(const struct nsutil_maps *maps, const char *name)
{
        for (size_t i = 0; i < maps->n; i++) {
                const char *slash = strrchr(maps->maps[i].path, '/');
                if (slash && strcmp(slash + 1, name) == 0)
                        return true;
        }
        return false;
}

/* Whether no dynamic loader of glibc or musl is mapped. The kernel maps it before the program begins. */
static bool is_static(const struct nsutil_maps *maps)
{
        for (size_t i = 0; i < maps->n; i++) {
                const char *slash = strrchr(maps->maps[i].path, '/');
                if (slash && strncmp(slash + 1, "ld-", 3) == 0)
                        return false;
        }
        return true;
}

/*
 * The same for a process that may be in the middle of an exec, when it has no loader yet either. Its command line is
 * empty until all is mapped (fs/binfmt_elf.c, create_elf_tables()). So the files count that are mapped when it is not
 * empty.
 */
static bool is_static_for_certain(pid_t pid)
{
        char cmdline[64] = "";
        struct nsutil_maps maps;
        bool sure;

        if (nsutil_cmdline(pid, cmdline, sizeof cmdline) != 0 || !*cmdline || nsutil_maps_read(pid, &maps) != 0)
                return false;
        sure = maps.n > 0 && is_static(&maps);
        nsutil_maps_deinit(&maps);
        return sure;
}

static bool is_jython(pid_t pid)
{
        char cmdline[CMDLINE_MAX] = "";

        nsutil_cmdline(pid, cmdline, sizeof cmdline);
        return strstr(cmdline, "jython") || strstr(cmdline, "org.python.util");
}

/* The last part of the executable's path, escaped. */
static void name_program(pid_t pid, char *ret, size_t size)
{
        char exe[256] = "";

        nsutil_exe(pid, exe, sizeof exe);
        const char *slash = strrchr(exe, '/');
        slash = slash ? slash + 1 : exe;
        pystack_escape(slash, strlen(slash), ret, size);
        if (!*ret)
                snprintf(ret, size, "a program without a name");
}

int locate_name_foreign(pid_t pid, const struct nsutil_maps *maps, const char *foreign,
                        char ret_detail[static PYSTACK_DETAIL_SIZE])
{
        const char *other = recognise_foreign(maps);
        char name[64];
        int e = PYSTACK_E_UNSUPPORTED;

        name_program(pid, name, sizeof name);
        if (other) {
                snprintf(ret_detail, PYSTACK_DETAIL_SIZE, "%s", other);
        } else if (foreign) {
                snprintf(ret_detail, PYSTACK_DETAIL_SIZE, "it is %s, %s", name, foreign);
                e = strstr(name, "python") ? PYSTACK_E_UNSUPPORTED : PYSTACK_E_NOT_PYTHON;
        } else if (has_mapped(maps, JVM) && is_jython(pid)) {
                snprintf(ret_detail, PYSTACK_DETAIL_SIZE, "it is Jython, whose stacks a profiler for Java reads");
        } else if (strncmp(name, "python", 6) == 0 && is_static(maps)) {
                snprintf(ret_detail, PYSTACK_DETAIL_SIZE,
                         "it is %s, static and stripped: before 3.13 nothing in it tells where its runtime is", name);
                e = is_static_for_certain(pid) ? PYSTACK_E_UNSUPPORTED : PYSTACK_E_NOT_READY;
        } else {
                snprintf(ret_detail, PYSTACK_DETAIL_SIZE, "it is %s", name);
                e = PYSTACK_E_NOT_PYTHON;
        }
        return e;
}
