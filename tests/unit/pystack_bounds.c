/* SPDX-License-Identifier: Apache-2.0 */
/* What a target can make a sample cost: bytes of names and line tables, and CPU time. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include "pystack/decode/code_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

SUITE(pystack_bounds);

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
};

static void begin(struct world *w, const char *version)
{
        forge_init(&w->forge, forge_version(version));
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

/* A bytes object of @len: a line table whose first instruction is in line 8, and the others nowhere. */
static uint64_t forge_table(struct world *w, size_t len)
{
        uint64_t code = forge_code(&w->forge, "", "", 1), object;
        uint8_t *table = malloc(len);

        cr_assert(table && len > 2);
        memset(table, 0x80 | 15 << 3, len);
        memcpy(table, (uint8_t[]){ 0x80 | 13 << 3, 2 }, 2);
        forge_lines(&w->forge, code, table, len);
        memcpy(&object, forge_at(&w->forge, code + w->forge.layout.code.lines), sizeof object);
        free(table);
        return object;
}

/* A stack of @n functions that share a line table, each at its first instruction. */
static void run_functions(struct world *w, unsigned first, unsigned n, uint64_t table)
{
        const struct layout *l = &w->forge.layout;
        uint64_t frame = 0;

        for (unsigned i = 0; i < n; i++) {
                char name[32];
                snprintf(name, sizeof name, "f%u", first + i);
                uint64_t code = forge_code(&w->forge, name, "a.py", 7);
                forge_word(&w->forge, code + l->code.lines, table);
                frame = forge_frame(&w->forge, code, frame);
                forge_word(&w->forge, frame + l->frame.position, code + l->code.bytecode);
        }
        forge_run(&w->forge, frame);
}

Test(pystack_bounds, a_table_larger_than_any_is_not_read)
{
        struct world w;
        struct pystack_stack stack;

        begin(&w, "3.11");
        run_functions(&w, 0, 20, forge_table(&w, 600 << 10));
        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
        cr_expect_eq(stack.n, 20);
        cr_expect_str_eq(frame_name(&stack.frames[0]), "f19");
        cr_expect_eq(pystack_line(w.py, &stack.frames[0]), 0);
        cr_expect_lt(w.py->codes.bytes, 1 << 20);
        end(&w);
}

Test(pystack_bounds, the_largest_honest_table_is_read)
{
        struct world w;
        struct pystack_stack stack;

        begin(&w, "3.11");
        run_functions(&w, 0, 1, forge_table(&w, 300 << 10));
        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
        cr_expect_eq(pystack_line(w.py, &stack.frames[0]), 8);
        end(&w);
}

Test(pystack_bounds, a_stack_of_more_bytes_than_a_process_is_given_is_none)
{
        struct world w;
        struct pystack_stack stack;

        begin(&w, "3.11");
        uint64_t table = forge_table(&w, 500 << 10);
        run_functions(&w, 0, 40, table);
        for (int i = 0; i < 3; i++) {
                cr_expect_eq(pystack_sample(w.py, w.thread, 1, &stack), PYSTACK_E_COSTLY);
                cr_expect_leq(w.py->codes.bytes, CODE_CACHE_BYTES);
        }
        run_functions(&w, 100, 3, table);
        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "another of its stacks is read");
        cr_expect_eq(stack.n, 3);
        end(&w);
}

/* Each sample has other functions: the cache starts anew, and only that one sample is lost. */
Test(pystack_bounds, a_process_of_many_functions_loses_few_samples)
{
        struct world w;
        struct pystack_stack stack;
        unsigned lost = 0;

        begin(&w, "3.11");
        uint64_t table = forge_table(&w, 400 << 10);
        for (unsigned i = 0; i < 60; i++) {
                run_functions(&w, i, 1, table);
                lost += pystack_sample(w.py, w.thread, 1, &stack) != 0;
                cr_expect_leq(w.py->codes.bytes, CODE_CACHE_BYTES);
        }
        cr_expect_leq(lost, 3);
        end(&w);
}

Test(pystack_bounds, a_sample_that_takes_too_long_is_given_up_and_goes_on_with_the_next)
{
        struct world w;
        struct pystack_stack stack;
        int e = PYSTACK_E_COSTLY;
        unsigned tries = 0;

        begin(&w, "3.11");
        run_functions(&w, 0, 200, forge_table(&w, 8));
        pystack_limit(w.py, 1);
        cr_expect_eq(pystack_sample(w.py, w.thread, 1, &stack), PYSTACK_E_COSTLY);
        for (; e == PYSTACK_E_COSTLY && tries < 100; tries++)
                e = pystack_sample(w.py, w.thread, 1, &stack);
        cr_assert_eq(e, 0);
        cr_expect_eq(stack.n, 200);
        cr_expect_gt(tries, 5);
        pystack_limit(w.py, 0);
        cr_expect_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
        end(&w);
}

Test(pystack_bounds, lines_are_searched_for_up_to_a_bound)
{
        struct world w;
        struct pystack_stack stack;
        unsigned known = 0;

        begin(&w, "3.11");
        run_functions(&w, 0, 15, forge_table(&w, 500 << 10));
        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
        for (size_t i = 0; i < stack.n; i++)
                known += pystack_line(w.py, &stack.frames[i]) == 8;
        cr_expect_gt(known, 5);
        cr_expect_lt(known, 12);
        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
        for (size_t i = 0; i < stack.n; i++)
                cr_expect_eq(pystack_line(w.py, &stack.frames[i]), 8, "%zu, in the next sample", i);
        end(&w);
}

/* ---- what is decoded ------------------------------------------------------------ */

static double cpu_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* A stack of functions that are all new, whose names are of 4000 characters, each an escape. */
static void run_odd_names(struct world *w)
{
        static char name[4001];
        uint64_t frame = 0;

        memset(name, 1, sizeof name - 1);
        for (unsigned i = 0; i < 500; i++) {
                snprintf(name, sizeof name, "%u", i);
                name[strlen(name)] = 1;
                frame = forge_frame(&w->forge, forge_code(&w->forge, name, "a.py", 7), frame);
        }
        forge_run(&w->forge, frame);
}

/* CPU time of a sample, and of the names in it when somebody asks for them. */
static void time_odd_names(double *ret_sample, double *ret_names)
{
        struct world w;
        struct pystack_stack stack;
        struct pystack_text text;

        begin(&w, "3.11");
        run_odd_names(&w);
        double begun = cpu_ms();
        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
        double sampled = cpu_ms();
        for (size_t i = 0; i < stack.n; i++) {
                pystack_text(stack.frames[i].code, &text);
                size_t digits = strspn(text.name, "0123456789");
                cr_assert_eq(strlen(text.name), digits + strlen("\\x01") * (4000 - digits));
        }
        *ret_names = cpu_ms() - sampled;
        *ret_sample = sampled - begun;
        end(&w);
}

Test(pystack_bounds, a_sample_decodes_no_names)
{
        double sample = 1e9, names = 1e9;

        for (int i = 0; i < 5; i++) {
                double one, other;
                time_odd_names(&one, &other);
                sample = one < sample ? one : sample;
                names = other < names ? other : names;
        }
        cr_expect_lt(sample, names / 2, "a sample takes %.2f ms, its names %.2f ms", sample, names);
}
