/* SPDX-License-Identifier: Apache-2.0 */
/* A count of freed code objects takes the place of proofs, and no name outlives its code object. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include "pystack/validate/frees.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

SUITE(pystack_frees);

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        uint64_t code;
        uint64_t count;
        bool refused;
};

static bool count_frees(void *ctx, uint64_t *ret)
{
        const struct world *w = ctx;

        *ret = w->count;
        return !w->refused;
}

static void watch(struct world *w)
{
        pystack_frees_watch(w->py, &(struct pystack_frees){ count_frees, w });
}

/* One frame, of a code object called "one". */
static void begin(struct world *w, const struct forge_version *version)
{
        *w = (struct world){ 0 };
        forge_init(&w->forge, version);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        w->code = forge_code(&w->forge, "one", "t.py", 1);
        forge_word(&w->forge, w->code, 1);
        forge_run(&w->forge, forge_frame(&w->forge, w->code, 0));
        watch(w);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

/* Another code object in the place of the one that is there. */
static void replace(struct world *w, const char *name)
{
        forge_recode(&w->forge, w->code, name, "t.py", 1);
        forge_word(&w->forge, w->code, 1);
}

static const char *sampled_name(struct world *w)
{
        struct pystack_stack stack;

        cr_assert_eq(pystack_sample(w->py, w->thread, 1, &stack), 0, "%s", w->forge.version->name);
        cr_assert_eq(stack.n, 1);
        cr_expect(!stack.provisional);
        return frame_name(&stack.frames[0]);
}

static void sample_often(struct world *w, const char *name)
{
        for (int i = 0; i < 20; i++)
                cr_assert_str_eq(sampled_name(w), name, "%s", w->forge.version->name);
}

/* The versions whose interpreters do not count by themselves, and whose objects have nothing before their heads. */
static bool is_counted(const struct world *w)
{
        return w->forge.layout.interp.code_generation == LAYOUT_NONE && w->forge.layout.object_type == 8;
}

/* What no process does shows that nothing is read: another code object without a count. */
Test(pystack_frees, no_proof_is_read_while_the_count_stays)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                sample_often(&w, "one");
                replace(&w, "two");
                if (is_counted(&w))
                        sample_often(&w, "one");
                else if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                        sample_often(&w, "two");
                w.count++;
                if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                        sample_often(&w, "two");
                end(&w);
        }
}

Test(pystack_frees, each_code_object_that_is_counted_is_noticed)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                for (int i = 0; is_counted(&w) && i < 60; i++) {
                        const char *name = i % 2 ? "one" : "two";
                        sample_often(&w, i % 2 ? "two" : "one");
                        w.count += 1 + (uint64_t)i % 3;
                        replace(&w, name);
                        for (int n = i % 7; n > 0; n--)
                                cr_assert_str_eq(sampled_name(&w), name, "%s", v->name);
                }
                end(&w);
        }
}

/* 3.11 frees the code object of a frame that still is the running one. It has been counted then. */
Test(pystack_frees, a_code_object_that_is_being_freed_is_not_known_from_then_on)
{
        const uint64_t references[] = { 0, FORGE_BASE, UINT64_MAX, 1ull << 32, (1ull << 32) + 1 };

        EACH_VERSION(v)
        {
                for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
                        struct world w;
                        begin(&w, v);
                        sample_often(&w, "one");
                        w.count++;
                        forge_word(&w.forge, w.code, references[i]);
                        if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                                sample_often(&w, "one");
                        replace(&w, "two");
                        if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                                sample_often(&w, "two");
                        end(&w);
                }
        }
}

Test(pystack_frees, a_code_object_that_never_dies_is_known)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                forge_word(&w.forge, w.code, UINT32_MAX);
                sample_often(&w, "one");
                replace(&w, "two");
                if (is_counted(&w))
                        sample_often(&w, "one");
                end(&w);
        }
}

Test(pystack_frees, proofs_are_read_if_the_count_is_not_known)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                sample_often(&w, "one");
                w.refused = true;
                replace(&w, "two");
                if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                        sample_often(&w, "two");
                w.refused = false;
                if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                        sample_often(&w, "two");
                end(&w);
        }
}

/* The next one who counts may begin at any number. */
Test(pystack_frees, counts_of_one_watch_are_not_taken_for_those_of_another)
{
        EACH_VERSION(v)
        {
                for (uint64_t count = 0; count < 8; count++) {
                        struct world w;
                        begin(&w, v);
                        w.count = 5;
                        sample_often(&w, "one");
                        pystack_frees_watch(w.py, NULL);
                        replace(&w, "two");
                        w.count = count;
                        watch(&w);
                        if (w.forge.layout.interp.code_generation == LAYOUT_NONE)
                                sample_often(&w, "two");
                        end(&w);
                }
        }
}

Test(pystack_frees, it_tells_how_often_the_count_stayed)
{
        struct world w;
        uint64_t stayed, changed;

        begin(&w, forge_version("3.11"));
        sample_often(&w, "one");
        pystack_frees_tell(w.py, &stayed, &changed);
        cr_expect_gt(stayed, 18);
        cr_expect_leq(changed, 1);
        for (int i = 0; i < 10; i++) {
                w.count++;
                sampled_name(&w);
        }
        pystack_frees_tell(w.py, &stayed, &changed);
        cr_expect_geq(changed, 10);
        pystack_frees_tell(w.py, &stayed, &changed);
        cr_expect_eq(stayed + changed, 0);
        end(&w);
}

/* A recording, and a process whose code is not that of a file, have no function whose calls can be counted. */
Test(pystack_frees, no_function_is_found_in_forged_memory)
{
        EACH_VERSION(v)
        {
                struct world w;
                uint64_t function;
                begin(&w, v);
                cr_expect_eq(pystack_frees_find(w.py, &function), PYSTACK_E_UNSUPPORTED);
                end(&w);
        }
}

/* ---- mentions of a function --------------------------------------------------------- */

#define AT 0x400000u
#define FUNCTION 0x412345u

/* Whether code is found to mention FUNCTION: @before, and then the distance to it, or the number itself. */
static bool is_found(const uint8_t *before, size_t n, bool distance, size_t nops)
{
        uint8_t code[64];
        int32_t number = distance ? (int32_t)(FUNCTION - (AT + nops + n + 4)) : (int32_t)FUNCTION;

        memset(code, 0x90, sizeof code);
        memcpy(code + nops, before, n);
        memcpy(code + nops + n, &number, sizeof number);
        return frees_is_mentioned(code, nops + n + 4, AT, FUNCTION);
}

Test(pystack_frees, mentions_of_a_function_are_found)
{
        const uint8_t lea_rdx[] = { 0x48, 0x8d, 0x15 }, lea_r9[] = { 0x4c, 0x8d, 0x0d }, call[] = { 0xe8 },
                      jump[] = { 0xe9 }, jump_if[] = { 0x0f, 0x84 }, compare[] = { 0x48, 0x81, 0xf9 },
                      compare_rax[] = { 0x48, 0x3d }, move[] = { 0xbf };

        for (size_t nops = 0; nops < 40; nops++) {
                cr_expect(is_found(lea_rdx, sizeof lea_rdx, true, nops));
                cr_expect(is_found(lea_r9, sizeof lea_r9, true, nops));
                cr_expect(is_found(compare, sizeof compare, false, nops));
                cr_expect(is_found(compare_rax, sizeof compare_rax, false, nops));
                cr_expect(is_found(move, sizeof move, false, nops));
                /* What calls the function is counted. */
                cr_expect(!is_found(call, sizeof call, true, nops));
                cr_expect(!is_found(jump, sizeof jump, true, nops));
                cr_expect(!is_found(jump_if, sizeof jump_if, true, nops));
        }
}

Test(pystack_frees, code_without_a_mention_has_none)
{
        uint8_t code[8] = { 0 };

        for (size_t len = 0; len <= sizeof code; len++)
                cr_expect(!frees_is_mentioned(code, len, AT, FUNCTION));
}

/* Whether code is found to be searched: a file of @mib MiB that is mapped with @prot, and the address in its middle. */
static bool is_searched(size_t mib, int prot)
{
        size_t size = mib << 20;
        uint64_t at, len;
        int fd = memfd_create("code", 0);

        cr_assert_eq(ftruncate(fd, (off_t)size), 0);
        uint8_t *code = mmap(NULL, size, prot, MAP_PRIVATE, fd, 0);
        cr_assert_neq(code, MAP_FAILED);
        bool found = frees_find_code(getpid(), (uint64_t)(uintptr_t)code + size / 2, &at, &len) == 0;
        if (found)
                cr_expect(at == (uint64_t)(uintptr_t)code && len == size);
        munmap(code, size);
        close(fd);
        return found;
}

Test(pystack_frees, larger_code_is_not_searched)
{
        cr_expect(is_searched(32, PROT_READ | PROT_EXEC));
        cr_expect(!is_searched(33, PROT_READ | PROT_EXEC));
}

Test(pystack_frees, what_is_no_code_of_a_file_is_not_searched)
{
        uint64_t at, len;

        cr_expect(!is_searched(1, PROT_READ));
        cr_expect(!is_searched(1, PROT_READ | PROT_WRITE | PROT_EXEC));
        cr_expect_eq(frees_find_code(getpid(), 8, &at, &len), PYSTACK_E_UNSUPPORTED);
}
