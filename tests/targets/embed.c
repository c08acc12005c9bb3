/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that embeds Python: embed SCRIPT [LIBPYTHON]... runs the text SCRIPT. Built
 * with -DLINKED it is linked with its one. Else it loads each LIBPYTHON when a line comes
 * on standard input; with "-" before its name, without starting it; the last runs SCRIPT.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef LINKED

void Py_InitializeEx(int);
int PyRun_SimpleString(const char *);

int main(int argc, char **argv)
{
        Py_InitializeEx(0);
        return argc == 2 ? PyRun_SimpleString(argv[1]) : 2;
}

#else

static void *symbol(void *library, const char *name)
{
        void *address = dlsym(library, name);

        if (!address)
                exit(3);
        return address;
}

int main(int argc, char **argv)
{
        char line[8];
        void *library = NULL;
        void (*initialize)(int);
        int (*run)(const char *);

        for (int i = 2; i < argc; i++) {
                int starts = *argv[i] != '-';
                puts("waiting");
                fflush(stdout);
                if (!fgets(line, sizeof line, stdin))
                        return 2;
                library = dlopen(argv[i] + !starts, RTLD_NOW | RTLD_LOCAL);
                if (!library) {
                        fprintf(stderr, "%s\n", dlerror());
                        return 3;
                }
                *(void **)&initialize = symbol(library, "Py_InitializeEx");
                if (starts)
                        initialize(0);
        }
        *(void **)&run = symbol(library, "PyRun_SimpleString");
        return run(argv[1]);
}

#endif
