/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that hold proofs: one for all in it; and proofs that lie in two. */
#include "pystack/memory/remote.h"
#include "pystack/validate/proof_page.h"
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_proof_page);

Test(pystack_proof_page, one_for_all_addresses_in_it_until_the_last_has_gone)
{
        struct proof_pages pages = { 0 };
        struct proof_page *a = proof_page_get(&pages, 0x7f0000001000), *b = proof_page_get(&pages, 0x7f0000001fff);
        struct proof_page *c = proof_page_get(&pages, 0x7f0000002000);

        cr_assert(a && c);
        cr_expect_eq(a, b);
        cr_expect_eq(a->addr, 0x7f0000001000);
        cr_expect_neq(a, c);
        proof_page_put(&pages, a);
        cr_expect_eq(proof_page_get(&pages, 0x7f0000001800), b);
        proof_page_put(&pages, b);
        proof_page_put(&pages, b);
        proof_page_put(&pages, c);
        proof_page_put(&pages, NULL);
        cr_expect_null(pages.tree);
}

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        uint64_t code;
};

#define LONG_NAME "a_name_of_sixty_four_characters_that_lies_on_both_sides_of_it_01"

/* A thread that runs a function whose name begins @before bytes ahead of a page's end, or soon after. */
static void begin(struct world *w, const struct forge_version *v, uint64_t before)
{
        forge_init(&w->forge, v);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        uint64_t code = forge_code(&w->forge, "f", "a.py", 1);
        uint64_t used = forge_alloc(&w->forge, 8) % REMOTE_PAGE + 8;
        forge_alloc(&w->forge, 2 * REMOTE_PAGE - used - before);
        forge_word(&w->forge, code + w->forge.layout.code.name, forge_string(&w->forge, LONG_NAME));
        forge_run(&w->forge, forge_frame(&w->forge, code, 0));
        w->code = code;
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

/* The last character of the name, in the target's memory. */
static uint8_t *last_character(struct world *w)
{
        uint64_t string;

        memcpy(&string, forge_at(&w->forge, w->code + w->forge.layout.code.name), sizeof string);
        uint8_t *text = memmem(forge_at(&w->forge, string), 512, LONG_NAME, strlen(LONG_NAME));
        cr_assert(text);
        return text + strlen(LONG_NAME) - 1;
}

/* Up to 3.11, where the text is proved: another name in the same place. */
Test(pystack_proof_page, a_change_in_either_page_is_noticed)
{
        EACH_VERSION(v)
        {
                if (v->version >= 0x030c0000)
                        continue;
                for (uint64_t before = 8; before < 160; before += 8) {
                        struct world w;
                        begin(&w, v, before);
                        for (int i = 0; i < 3; i++)
                                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &w.stack), 0, "%s", v->name);
                        cr_assert_str_eq(frame_name(&w.stack.frames[0]), LONG_NAME);
                        *last_character(&w) = '2';
                        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &w.stack), 0, "%s", v->name);
                        cr_expect_eq(frame_name(&w.stack.frames[0])[strlen(LONG_NAME) - 1], '2', "%s: %s", v->name,
                                     frame_name(&w.stack.frames[0]));
                        end(&w);
                }
        }
}
