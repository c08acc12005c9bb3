/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

SUITE(folded);

Test(folded, one_profile)
{
        helper_expect("folded", helper_set(helper_service()),
                      "<module> (/app/main.py:40);handle (/app/main.py:12);"
                      "dumps (/usr/lib/python3.11/json/__init__.py:231) 7\n"
                      "<module> (/app/main.py:40);handle (/app/main.py:12) 3\n");
}

Test(folded, frames)
{
        static const struct {
                const char *name, *file;
                uint32_t line;
                const char *out;
        } rows[] = {
                { "f", "a.py", 0, "f (a.py) 1\n" },
                { "f", "", 7, "f (?:7) 1\n" },
                { "f", "", 0, "f 1\n" },
                { "", "", 0, "? 1\n" },
                { "job 12", "", 0, "(job 12) 1\n" },
                { "12", "", 0, "(12) 1\n" },
                { "job 12", "a.py", 3, "job 12 (a.py:3) 1\n" },
                { "a;b\nc", "x;y.py", 3, "a\\x3bb\\x0ac (x\\x3by.py:3) 1\n" },
                { "\xff", "a.py", 3, "\\xff (a.py:3) 1\n" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct profile *p = helper_frame(rows[i].name, rows[i].file, rows[i].line);

                helper_expect("folded", helper_set(p), rows[i].out);
        }
}

Test(folded, idle_is_a_leaf)
{
        static const struct helper_frame frame = { "wait", "a.py", 1, 2 }, idle = { "(idle)", "", 0, 0 };
        static const struct helper_frame reason[] = { { "wait", "a.py", 1, 2 }, { "[waits: GIL]", "", 0, 0 } };
        struct profile *p = profile_new();

        helper_add(p, &frame, 1, 0, PROFILE_RUNNING, 1);
        helper_add(p, &frame, 1, 0, PROFILE_IDLE, 2);
        helper_add(p, &idle, 1, 0, PROFILE_IDLE, 3);
        helper_add(p, reason, 2, 0, PROFILE_IDLE, 4);
        helper_expect("folded", helper_set(p),
                      "wait (a.py:2) 1\nwait (a.py:2);(idle) 2\n(idle) 3\nwait (a.py:2);[waits: GIL] 4\n");
}

Test(folded, threads_told_apart)
{
        static const struct helper_frame frame = { "f", "a.py", 1, 2 };
        struct profile *p = profile_new();

        helper_add(p, &frame, 1, interned_thread(p, 7, "Main;Thread"), PROFILE_RUNNING, 1);
        helper_add(p, &frame, 1, interned_thread(p, 8, ""), PROFILE_RUNNING, 2);
        helper_expect("folded", helper_set(p), "Main\\x3bThread (tid 7);f (a.py:2) 1\nthread (tid 8);f (a.py:2) 2\n");
}

static struct profile *with(const char *key, const char *value, struct profile *p)
{
        cr_assert_eq(profile_set_attribute(p, key, value), 0);
        return p;
}

Test(folded, several_profiles)
{
        struct profile_set set = helper_set(helper_service());
        struct profile *by_id = with("container.id", "0123456789abcdef0123", helper_frame("f", "a.py", 1));
        struct profile *by_pid = with("process.pid", "9", helper_frame("f", "a.py", 1));

        profile_set_add(&set, with("process.pid", "43", by_id));
        profile_set_add(&set, by_pid);
        profile_set_add(&set, with("service.name", "shop", helper_frame("f", "a.py", 1)));
        profile_set_add(&set, helper_frame("f", "a.py", 1));
        helper_expect("folded", set,
                      "web;python3 (pid 42);<module> (/app/main.py:40);handle (/app/main.py:12);"
                      "dumps (/usr/lib/python3.11/json/__init__.py:231) 7\n"
                      "web;python3 (pid 42);<module> (/app/main.py:40);handle (/app/main.py:12) 3\n"
                      "0123456789ab;process (pid 43);f (a.py:1) 1\n"
                      "process (pid 9);f (a.py:1) 1\n"
                      "shop;f (a.py:1) 1\n"
                      "process;f (a.py:1) 1\n");
}

/* Whatever the names, a line is a stack, a space and one count. */
Test(folded, hostile_names_cannot_forge)
{
        unsigned seed = 7;

        for (int round = 0; round < 500; round++) {
                char name[9] = { 0 };

                for (size_t i = 0; i < sizeof(name) - 1; i++)
                        name[i] = "a; 1\n\r2\xff"[rand_r(&seed) % 8];
                struct profile_set set = helper_set(helper_frame(name, "", 0));
                char *text = helper_format("folded", &set);
                size_t len = strlen(text);

                cr_assert_str_eq(text + len - 3, " 1\n");
                cr_assert_eq(strchr(text, '\n'), text + len - 1);
                cr_assert_eq(strchr(text, ';'), NULL);
                size_t k = len - 3;
                while (k > 0 && isdigit((unsigned char)text[k - 1]))
                        k--;
                cr_assert(k == len - 3 || (k > 0 && text[k - 1] != ' '), "%s", text);
                free(text);
                profile_set_deinit(&set);
        }
}
