/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C functions that call back, for stacks in which C and Python alternate. Known to Python through ctypes. Each of them
 * stays on the stack while it calls, and has another kind of frame: see calls.py.
 */
#include <alloca.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef void callback(void);

#define EXPORTED __attribute__((noinline, noclone, visibility("default")))
#define STAYS() __asm__ volatile("" ::: "memory") /* what follows a call keeps it from being a jump */

EXPORTED void c_bounce(callback *call)
{
        call();
        STAYS();
}

EXPORTED void c_twice(callback *call)
{
        for (int i = 0; i < 2; i++)
                call();
        STAYS();
}

static __thread callback *comparing;

EXPORTED int c_compare(const void *a, const void *b)
{
        (void)a;
        (void)b;
        comparing();
        STAYS();
        return 0;
}

/* The C library's qsort() lies between the two. */
EXPORTED void c_sort(callback *call)
{
        callback *outer = comparing;
        char items[] = "ab";

        comparing = call;
        qsort(items, 2, 1, c_compare);
        comparing = outer;
}

EXPORTED void c_deep(callback *call, int n)
{
        if (n > 1)
                c_deep(call, n - 1);
        else
                call();
        STAYS();
}

/* The size of its frame is known when it runs. */
EXPORTED void c_alloca(callback *call, int size)
{
        char *room = alloca((size_t)size);

        room[0] = 1;
        room[size - 1] = 1;
        __asm__ volatile("" ::"r"(room) : "memory");
        call();
        STAYS();
}

/* All registers that a call preserves have something in them meanwhile. */
EXPORTED uint64_t c_registers(callback *call, uint64_t a)
{
        uint64_t b = a * 3, c = a ^ 5, d = a + 7, e = a * 11, f = a ^ 13, g = a + 17;

        for (int i = 0; i < 2; i++) {
                call();
                a += b;
                b ^= c;
                c += d;
                d ^= e;
                e += f;
                f ^= g;
                g += a;
        }
        return a ^ b ^ c ^ d ^ e ^ f ^ g;
}

EXPORTED void c_first(callback *call)
{
        call();
        STAYS();
}

EXPORTED void c_second(callback *call)
{
        call();
        STAYS();
}

/* ---- what takes time --------------------------------------------------------------------- */

EXPORTED uint64_t c_spin(uint64_t turns)
{
        uint64_t x = turns;

        for (uint64_t i = 0; i < turns; i++)
                x = x * 6364136223846793005u + 1442695040888963407u;
        return x;
}

EXPORTED void c_copy(int turns)
{
        static char from[1 << 16], to[1 << 16];

        for (int i = 0; i < turns; i++) {
                memcpy(to, from, sizeof to);
                STAYS();
        }
}

static volatile int stopped;
static volatile uint64_t sink;

EXPORTED void c_work(void)
{
        sink = c_spin(100000);
        STAYS();
}

EXPORTED void *c_worker(void *ctx)
{
        while (!stopped)
                c_work();
        return ctx;
}

/* A thread that runs no Python. */
EXPORTED int c_start(void)
{
        pthread_t thread;

        return pthread_create(&thread, NULL, c_worker, NULL);
}

/* ---- code without a file ------------------------------------------------------------------- */

/* Calls @call from code that is made at run time. It keeps no frame pointer, and no table tells of it. */
EXPORTED int c_made(callback *call)
{
        static void (*made)(callback * call);
#if defined __aarch64__
        static const uint32_t code[] = { 0xf81f0ffe, 0xd63f0000, 0xf84107fe, 0xd65f03c0 };
#else
        static const uint8_t code[] = { 0x48, 0x83, 0xec, 0x18, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x18, 0xc3 };
#endif
        if (!made) {
                void *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (room == MAP_FAILED)
                        return -1;
                memcpy(room, code, sizeof code);
                mprotect(room, 4096, PROT_READ | PROT_EXEC);
                __builtin___clear_cache(room, (char *)room + sizeof code);
                memcpy(&made, &room, sizeof made);
        }
        made(call);
        STAYS();
        return 0;
}
