/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of native code in the store: they come back as they were sent, and an older database takes them in. */
#include "agent/collect/ingest.h"
#include "agent/collect/query.h"
#include "agent/collect/store.h"
#include "agent/format/format.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(collect_native);

#define NS INT64_C(1000000000)
#define START 1000

static const struct profile_native copy = { PROFILE_KERNEL, "copy_to_user", "[kernel]", "0a1b", 0xffffffff81000010, 0 };
static const struct profile_native read_call = { PROFILE_C, "work", "/app/work.py", "93ff", 0xf7c20, 0 };
static const struct profile_native unnamed = { PROFILE_C, NULL, "/opt/x/libfoo.so", "", 0x1f40, 0 };

/* Its C function differs from the one of Python by its kind only. */
static struct profile *mixed_profile(void)
{
        struct profile *p = make_profile("web", PROFILE_MODE_CPU, START, 1);
        profile_id frames[] = { interned_native(p, &copy), interned_native(p, &read_call), interned_native(p, &unnamed),
                                interned_frame(p, interned_function(p, "work", "/app/work.py", 0), 12) };

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 4), 0, PROFILE_RUNNING, 77, 770), 0);
        return p;
}

static struct store *open_in(const char *dir)
{
        char reason[512] = "";
        struct store *store;

        cr_assert_eq(store_open(dir, &store, reason, sizeof(reason)), 0, "%s", reason);
        return store;
}

static void ingest(struct store *store, struct profile *profile)
{
        struct ingest_result result;
        const char *error = "";
        size_t len;
        char *json = encode(profile, &len);

        cr_assert_eq(collect_ingest(store, json, len, NULL, 0, &result, &error), 0, "%s", error);
        cr_assert_eq(result.rejected, 0);
        free(json);
}

static struct profile_set queried(struct store *store)
{
        const struct collect_query query = { .selection.range = { .from_ns = 0, .to_ns = 2 * START * NS },
                                             .stacks_max = 100 };
        struct collect_meta meta;
        struct profile_set set;

        cr_assert_eq(collect_query(store, &query, &set, &meta), 0);
        cr_assert_eq(set.n, 1);
        return set;
}

static void expect_frame(const struct profile *p, profile_id id, const struct profile_native *is, const char *name)
{
        const struct profile_frame *frame = profile_frame(p, id);
        const struct profile_function *f = profile_function(p, frame->function);

        cr_expect_str_eq(f->name, name);
        cr_expect_eq(f->kind, is->kind);
        cr_expect_str_eq(f->file, is->file);
        cr_expect_str_eq(f->build_id, is->build_id ? is->build_id : "");
        cr_expect_eq(frame->address, is->address);
}

/* Finds the sample that counts 77. */
static const profile_id *mixed_stack(const struct profile *p, size_t *ret_n)
{
        for (size_t i = 0; i < profile_samples(p); i++)
                if (profile_sample(p, i)->count == 77)
                        return profile_stack(p, profile_sample(p, i)->stack, ret_n);
        cr_assert_fail("no such sample");
        return NULL;
}

static void expect_mixed(struct store *store)
{
        struct profile_set set = queried(store);
        size_t n;
        const profile_id *frames = mixed_stack(set.items[0], &n);

        cr_assert_eq(n, 4);
        expect_frame(set.items[0], frames[0], &copy, "copy_to_user");
        expect_frame(set.items[0], frames[1], &read_call, "work");
        expect_frame(set.items[0], frames[2], &unnamed, "libfoo.so+0x1f40");
        cr_expect_eq(profile_frame(set.items[0], frames[3])->line, 12);
        cr_expect_eq(profile_function(set.items[0], profile_frame(set.items[0], frames[3])->function)->kind,
                     PROFILE_PYTHON);
        profile_set_deinit(&set);
}

Test(collect_native, frames_come_back)
{
        const char *dir = make_dir();
        struct store *store = open_in(dir);

        ingest(store, mixed_profile());
        expect_mixed(store);
        ingest(store, make_profile("web", PROFILE_MODE_CPU, START, 1));
        expect_mixed(store);
        store_close(store);
        remove_dir(dir);
}

static char *as_tree(struct store *store)
{
        struct profile_set set = queried(store);
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        cr_assert_eq(format_write_tree(&set, out), 0);
        fclose(out);
        profile_set_deinit(&set);
        return text;
}

/* The table as version 2 made it. */
static const char older[] = SQL_WITHOUT_SUMS
        "CREATE TABLE old (id INTEGER PRIMARY KEY, name TEXT NOT NULL, file TEXT NOT NULL,"
        " first_line INTEGER NOT NULL, seen INTEGER NOT NULL, UNIQUE (name, file, first_line))"
        " STRICT;"
        "INSERT INTO old SELECT id, name, file, first_line, seen FROM function;"
        "DROP TABLE function; ALTER TABLE old RENAME TO function;"
        "CREATE INDEX function_seen ON function (seen); PRAGMA user_version = 2;";

Test(collect_native, an_older_database_is_kept_and_takes_them_in)
{
        const char *dir = make_dir();
        struct store *store = open_in(dir);
        char *before, *after;

        ingest(store, make_profile("web", PROFILE_MODE_CPU, START, 1));
        before = as_tree(store);
        store_close(store);
        run_sql(dir, older);
        store = open_in(dir);
        after = as_tree(store);
        cr_expect_str_eq(before, after);
        cr_expect_neq(strstr(after, "\"work\""), NULL);
        ingest(store, mixed_profile());
        expect_mixed(store);
        free(before);
        free(after);
        store_close(store);
        remove_dir(dir);
}

Test(collect_native, a_damaged_kind_is_python)
{
        const char *dir = make_dir();
        struct store *store = open_in(dir);
        size_t n;

        ingest(store, mixed_profile());
        store_close(store);
        run_sql(dir, "UPDATE function SET kind = -7 WHERE name = 'copy_to_user'");
        store = open_in(dir);

        struct profile_set set = queried(store);
        const profile_id *frames = mixed_stack(set.items[0], &n);

        cr_expect_eq(profile_function(set.items[0], profile_frame(set.items[0], frames[0])->function)->kind,
                     PROFILE_PYTHON);
        profile_set_deinit(&set);
        store_close(store);
        remove_dir(dir);
}
