/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/collect.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

SUITE(collect_open);

static int try(const struct collect_config *config, char reason[static 512])
{
        struct collect *collect = NULL;
        int r = collect_open(config, &collect, reason, 512);

        cr_assert_eq(collect != NULL, r == 0);
        collect_close(collect);
        return r;
}

Test(collect_open, addresses)
{
        static const struct {
                const char *listen;
                int wanted;
        } rows[] = {
                { "127.0.0.1:0", 0 },
                { "[::1]:0", 0 },
                { "localhost:0", 0 },
                { "", COLLECT_E_ADDRESS },
                { "127.0.0.1", COLLECT_E_ADDRESS },
                { "127.0.0.1:", COLLECT_E_ADDRESS },
                { ":8080", COLLECT_E_ADDRESS },
                { "127.0.0.1:x", COLLECT_E_ADDRESS },
                { "127.0.0.1:-1", COLLECT_E_ADDRESS },
                { "127.0.0.1:123456", COLLECT_E_ADDRESS },
                { "127.0.0.1:65536", COLLECT_E_ADDRESS },
                { "127.0.0.1:99999", COLLECT_E_ADDRESS },
                { "::1:8080", COLLECT_E_ADDRESS },
                { "[::1:8080", COLLECT_E_ADDRESS },
                { "[]:8080", COLLECT_E_ADDRESS },
                { "300.1.1.1:0", COLLECT_E_ADDRESS },
                { "192.0.2.1:0", -EADDRNOTAVAIL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct collect_config config = { .listen = rows[i].listen };
                char reason[512] = "";
                int r = try(&config, reason);

                /* Without IPv6 there is no ::1. */
                if (r == -EADDRNOTAVAIL && rows[i].listen[0] == '[')
                        continue;
                cr_expect_eq(r, rows[i].wanted, "%s: %d %s", rows[i].listen, r, reason);
                cr_expect(r == 0 || strlen(reason) > 20, "%s", rows[i].listen);
        }
}

Test(collect_open, port_is_taken)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        char listen[32], reason[512];
        struct collect_config config = { .listen = listen };

        snprintf(listen, sizeof(listen), "127.0.0.1:%u", collect_port(collect));
        cr_assert_eq(try(&config, reason), COLLECT_E_IN_USE);
        cr_assert(strstr(reason, listen));
        collect_close(collect);
        cr_assert_eq(try(&config, reason), 0, "%s", reason);
}

Test(collect_open, data_that_cannot_be_used)
{
        struct collect_config config = { .listen = "127.0.0.1:0", .data = "/proc/podflame" };
        char reason[512], path[256];

        cr_assert_eq(try(&config, reason), COLLECT_E_STORE);
        cr_assert(strstr(reason, "/proc/podflame/podflame.db"), "%s", reason);
        config.data = "/dev/null";
        cr_assert_eq(try(&config, reason), COLLECT_E_STORE);

        config.data = make_dir();
        snprintf(path, sizeof(path), "%s/podflame.db", config.data);
        FILE *file = fopen(path, "w");
        for (int i = 0; i < 5000; i++)
                fputs("not a database ", file);
        fclose(file);
        cr_assert_eq(try(&config, reason), COLLECT_E_STORE);
        cr_assert(strstr(reason, "not a database"), "%s", reason);
        struct stat st;
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_size, 75000, "someone else's file is left alone");
        remove_dir(config.data);
}

Test(collect_open, who_can_reach_it)
{
        char path[] = "/tmp/podflame-unit-XXXXXX", reason[512] = "";
        int fd = mkstemp(path);
        const struct {
                const char *listen, *token_file;
                bool wanted;
        } rows[] = {
                { "127.0.0.1:0", NULL, false }, { "127.7.7.7:0", NULL, false }, { "localhost:0", NULL, false },
                { "[::1]:0", NULL, false },     { "0.0.0.0:0", NULL, true },    { "[::]:0", NULL, true },
                { "0.0.0.0:0", path, false },
        };

        cr_assert_eq(write(fd, "secret\n", 7), 7);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct collect_config config = { .listen = rows[i].listen, .token_file = rows[i].token_file };
                struct collect *collect = NULL;
                int r = collect_open(&config, &collect, reason, sizeof(reason));

                /* Without IPv6 there is no ::1. */
                if (r < 0 && rows[i].listen[0] == '[')
                        continue;
                cr_assert_eq(r, 0, "%s: %s", rows[i].listen, reason);
                cr_expect_eq(collect_is_open(collect), rows[i].wanted, "%s", rows[i].listen);
                collect_close(collect);
        }
        close(fd);
        unlink(path);
}

Test(collect_open, token_files)
{
        char path[] = "/tmp/podflame-unit-XXXXXX", reason[512];
        struct collect_config config = { .listen = "127.0.0.1:0", .token_file = path };
        int fd = mkstemp(path);

        cr_assert_eq(try(&config, reason), -EINVAL);
        cr_assert_eq(write(fd, "\nsecond line\n", 13), 13);
        cr_assert_eq(try(&config, reason), -EINVAL);
        cr_assert_eq(ftruncate(fd, 5000), 0);
        cr_assert_eq(try(&config, reason), -EINVAL);
        unlink(path);
        cr_assert_eq(try(&config, reason), -ENOENT);
        cr_assert(strstr(reason, path));
        close(fd);
}

Test(collect_open, data_is_there_after_reopening)
{
        const char *dir = make_dir();
        struct stat st;

        for (int i = 1; i <= 3; i++) {
                struct collect *collect = collect_start(dir, 0, NULL);
                cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, 1000, 1), NULL), 200);
                cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, 1000, 1), "same"), 200);
                struct json_object *top = get_json(collect, "/api/v1/top?from=1&to=2000");
                cr_assert_eq(number_at(top, "total"), 10 * i + 10);
                json_object_put(top);
                collect_close(collect);
        }
        cr_assert_eq(stat(dir, &st), 0);
        cr_assert_eq(st.st_mode & 077, 0, "stacks are nobody else's business");
        remove_dir(dir);
}

/* What lies beyond the age is gone after opening with one. */
Test(collect_open, retention_by_age)
{
        const char *dir = make_dir();
        struct collect *collect = collect_start(dir, 0, NULL);

        cr_assert_eq(post_profile(collect, make_profile("old", PROFILE_MODE_CPU, time(NULL) - 7200, 1), NULL), 200);
        cr_assert_eq(post_profile(collect, make_profile("new", PROFILE_MODE_CPU, time(NULL) - 60, 1), NULL), 200);
        collect_close(collect);
        collect = collect_start(dir, 3600, NULL);
        struct json_object *series = NULL;
        for (int i = 0; i < 100; i++) {
                json_object_put(series);
                series = get_json(collect, "/api/v1/series?from=1");
                if (json_object_array_length(series) == 1)
                        break;
                usleep(20000);
        }
        cr_assert_eq(json_object_array_length(series), 1);
        cr_assert_str_eq(text_at(series, "0/container_id"), "new");
        cr_assert_eq(number_at(series, "0/samples"), 10);
        json_object_put(series);
        collect_close(collect);
        remove_dir(dir);
}

static mode_t mode_of(const char *dir, const char *name)
{
        struct stat st;
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        cr_assert_eq(lstat(path, &st), 0, "%s", path);
        return st.st_mode & 0777;
}

Test(collect_open, the_database_is_its_owners_alone)
{
        const char *dir = make_dir();
        char path[256];

        umask(0);
        cr_assert_eq(chmod(dir, 0755), 0);
        struct collect *collect = collect_start(dir, 0, NULL);
        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, time(NULL), 1), NULL), 200);
        cr_expect_eq(mode_of(dir, "podflame.db"), 0600);
        cr_expect_eq(mode_of(dir, "podflame.db-wal"), 0600);
        collect_close(collect);
        /* one of before */
        snprintf(path, sizeof(path), "%s/podflame.db", dir);
        cr_assert_eq(chmod(path, 0644), 0);
        collect_close(collect_start(dir, 0, NULL));
        cr_expect_eq(mode_of(dir, "podflame.db"), 0600);
        remove_dir(dir);
}

Test(collect_open, what_is_somebody_elses_is_left_alone)
{
        const char *dir = make_dir();
        struct collect_config config = { .listen = "127.0.0.1:0", .data = dir };
        char path[256], other[256], reason[512];
        sqlite3 *db;

        snprintf(path, sizeof(path), "%s/podflame.db", dir);
        snprintf(other, sizeof(other), "%s/other.db", dir);
        cr_assert_eq(sqlite3_open(other, &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, "CREATE TABLE people (name)", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        cr_assert_eq(symlink(other, path), 0);
        cr_expect_eq(try(&config, reason), COLLECT_E_STORE);
        cr_expect(strstr(reason, "symbolic link"), "%s", reason);
        cr_assert_eq(rename(other, path), 0);
        cr_expect_eq(try(&config, reason), COLLECT_E_STORE);
        cr_expect(strstr(reason, "somebody else's"), "%s", reason);
        cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
        cr_expect_eq(sqlite3_exec(db, "CREATE TABLE series (name)", NULL, NULL, NULL), SQLITE_OK, "no table was added");
        sqlite3_close(db);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(mkfifo(path, 0600), 0);
        cr_expect_eq(try(&config, reason), COLLECT_E_STORE);
        remove_dir(dir);
}
