/* SPDX-License-Identifier: Apache-2.0 */
/* A program that embeds Python in a thread which outlives main(): outlived SCRIPT runs the text SCRIPT. */
#include <pthread.h>

void Py_InitializeEx(int);
int PyRun_SimpleString(const char *);

static void *run(void *script)
{
        Py_InitializeEx(0);
        PyRun_SimpleString(script);
        return NULL;
}

int main(int argc, char **argv)
{
        pthread_t thread;

        if (argc != 2 || pthread_create(&thread, NULL, run, argv[1]) != 0)
                return 2;
        pthread_exit(NULL);
}
