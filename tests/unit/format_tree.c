/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

SUITE(tree);

static void expect(struct profile_set set, const char *expected)
{
        size_t len;
        char *text = helper_write(format_write_tree, &set, &len);

        cr_expect_str_eq(text, expected, "got %s", text);
        free(text);
        profile_set_deinit(&set);
}

Test(tree, one_profile)
{
        expect(helper_set(helper_service()),
               "{\"name\":\"all\",\"children\":[{\"name\":\"\\u003cmodule>\",\"file\":\"/app/main.py\",\"line\":1,"
               "\"children\":[{\"name\":\"handle\",\"file\":\"/app/main.py\",\"line\":10,"
               "\"children\":[{\"name\":\"dumps\",\"file\":\"/usr/lib/python3.11/json/__init__.py\",\"line\":183,"
               "\"value\":7}],\"value\":10}],\"value\":10}],\"value\":10}");
}

Test(tree, nothing)
{
        expect((struct profile_set){ 0 }, "{\"name\":\"all\",\"value\":0}");
        expect(helper_set(profile_new()), "{\"name\":\"all\",\"value\":0}");
}

/* Siblings by name, then file; lines of one function are one node; equal paths of two samples too. */
Test(tree, merges_and_sorts)
{
        static const struct helper_frame b = { "b", "x.py", 1, 5 }, b2 = { "b", "x.py", 1, 6 };
        static const struct helper_frame a = { "a", "x.py", 1, 5 }, other = { "a", "w.py", 1, 5 };
        struct profile *p = profile_new();

        helper_add(p, &b, 1, 0, PROFILE_RUNNING, 1);
        helper_add(p, &a, 1, 0, PROFILE_RUNNING, 2);
        helper_add(p, &b2, 1, 0, PROFILE_RUNNING, 4);
        helper_add(p, &other, 1, 0, PROFILE_RUNNING, 8);
        helper_add(p, &a, 1, 0, PROFILE_IDLE, 16);
        expect(helper_set(p), "{\"name\":\"all\",\"children\":["
                              "{\"name\":\"a\",\"file\":\"w.py\",\"line\":1,\"value\":8},"
                              "{\"name\":\"a\",\"file\":\"x.py\",\"line\":1,\"children\":["
                              "{\"name\":\"(idle)\",\"value\":16}],\"value\":18},"
                              "{\"name\":\"b\",\"file\":\"x.py\",\"line\":1,\"value\":5}],\"value\":31}");
}

Test(tree, several_profiles)
{
        struct profile_set set = helper_set(helper_frame("f", "a.py", 1));

        profile_set_attribute(set.items[0], "process.pid", "2");
        profile_set_add(&set, helper_frame("f", "a.py", 1));
        profile_set_attribute(set.items[1], "process.pid", "1");
        expect(set, "{\"name\":\"all\",\"children\":["
                    "{\"name\":\"process (pid 1)\",\"children\":["
                    "{\"name\":\"f\",\"file\":\"a.py\",\"value\":1}],\"value\":1},"
                    "{\"name\":\"process (pid 2)\",\"children\":["
                    "{\"name\":\"f\",\"file\":\"a.py\",\"value\":1}],\"value\":1}],\"value\":2}");
}

Test(tree, names_cannot_leave_a_script)
{
        struct profile_set set = helper_set(helper_frame("</script><script>alert(1)//", "\"},\\", 1));
        size_t len;
        char *text = helper_write(format_write_tree, &set, &len);
        struct json_object *tree = json_tokener_parse(text), *children, *name;

        cr_expect_eq(strchr(text, '<'), NULL);
        cr_assert(json_object_object_get_ex(tree, "children", &children));
        cr_assert(json_object_object_get_ex(json_object_array_get_idx(children, 0), "name", &name));
        cr_expect_str_eq(json_object_get_string(name), "</script><script>alert(1)//");
        json_object_put(tree);
        free(text);
        profile_set_deinit(&set);
}

#define DEPTH 2048

/* Values of inner nodes are sums, at any depth. */
Test(tree, deep)
{
        static struct helper_frame frames[DEPTH];
        struct profile *p = profile_new();
        size_t len;

        for (size_t i = 0; i < DEPTH; i++)
                frames[i] = (struct helper_frame){ .name = "f", .file = "a.py", .first_line = 1, .line = 2 };
        helper_add(p, frames, DEPTH, 0, PROFILE_RUNNING, 3);
        helper_add(p, frames, DEPTH / 2, 0, PROFILE_RUNNING, 2);
        struct profile_set set = helper_set(p);
        char *text = helper_write(format_write_tree, &set, &len);
        struct json_tokener *tokener = json_tokener_new_ex(2 * DEPTH + 8);
        struct json_object *tree = json_tokener_parse_ex(tokener, text, (int)len), *node = tree, *value, *children;
        int64_t depth = 0;

        cr_assert_neq(tree, NULL);
        while (json_object_object_get_ex(node, "children", &children)) {
                cr_assert_eq(json_object_array_length(children), 1);
                cr_assert(json_object_object_get_ex(node, "value", &value));
                cr_assert_eq(json_object_get_int64(value), depth <= DEPTH / 2 ? 5 : 3);
                node = json_object_array_get_idx(children, 0);
                depth++;
        }
        cr_assert_eq(depth, DEPTH);
        json_object_put(tree);
        json_tokener_free(tokener);
        free(text);
        profile_set_deinit(&set);
}

/* Kinds are told where they are not Python; addresses of one function are one node; time stays where it is. */
Test(tree, native)
{
        static const struct profile_native natives[] = {
                { PROFILE_KERNEL, "copy_to_user", "[kernel]", "", 1, 0 },
                { PROFILE_C, "__read", "/lib/libc.so.6", "", 2, 0 },
                { PROFILE_C, "PyObject_Vectorcall", "/usr/bin/python3", "", 3, 0 },
        };
        struct profile *p = profile_new();
        profile_id frames[4] = { 0, 0, 0, interned_frame(p, interned_function(p, "f", "a.py", 1), 2) };

        for (uint64_t address = 0; address < 2; address++) {
                for (size_t i = 0; i < 3; i++) {
                        struct profile_native native = natives[i];

                        native.address += 16 * address;
                        frames[i] = interned_native(p, &native);
                }
                cr_assert_eq(profile_add(p, interned_stack(p, frames, 4), 0, PROFILE_RUNNING, 2, 20), 0);
        }
        expect(helper_set(p),
               "{\"name\":\"all\",\"children\":[{\"name\":\"f\",\"file\":\"a.py\",\"line\":1,\"children\":["
               "{\"name\":\"PyObject_Vectorcall\",\"file\":\"/usr/bin/python3\",\"kind\":\"internal\",\"children\":["
               "{\"name\":\"__read\",\"file\":\"/lib/libc.so.6\",\"kind\":\"c\",\"children\":["
               "{\"name\":\"copy_to_user\",\"file\":\"[kernel]\",\"kind\":\"kernel\",\"value\":4}],\"value\":4}],"
               "\"value\":4}],\"value\":4}],\"value\":4}");
}
