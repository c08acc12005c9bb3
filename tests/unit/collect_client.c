/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/collect_client.h"
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "tests/unit/support/interned.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collect *collect_start(const char *data, uint64_t retain_s, const char *token_file)
{
        struct collect_config config = {
                .listen = "127.0.0.1:0",
                .data = data,
                .retain_s = retain_s,
                .token_file = token_file,
        };
        struct collect *collect;
        char reason[512] = "";

        cr_assert_eq(collect_open(&config, &collect, reason, sizeof(reason)), 0, "%s", reason);
        cr_assert_gt(collect_port(collect), 0);
        return collect;
}

static size_t write_to(char *data, size_t size, size_t n, void *out)
{
        return fwrite(data, size, n, out);
}

struct reply request(const struct collect *collect, const char *path, const char *const *headers, const void *body,
                     size_t len)
{
        struct curl_slist *list = NULL;
        struct reply reply = { 0 };
        CURL *curl = curl_easy_init();
        size_t headers_len;
        FILE *body_out = open_memstream(&reply.body, &reply.len);
        FILE *headers_out = open_memstream(&reply.headers, &headers_len);
        char url[4096];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", collect_port(collect), path);
        list = curl_slist_append(list, "Expect:");
        for (; headers && *headers; headers++)
                list = curl_slist_append(list, *headers);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_to);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body_out);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, write_to);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, headers_out);
        if (body) {
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        }
        CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
        cr_assert(code == CURLE_OK || reply.status != 0, "%s: %s", url, curl_easy_strerror(code));
        curl_easy_cleanup(curl);
        curl_slist_free_all(list);
        fclose(body_out);
        fclose(headers_out);
        return reply;
}

void reply_free(struct reply *reply)
{
        free(reply->headers);
        free(reply->body);
}

struct json_object *get_json(const struct collect *collect, const char *path)
{
        struct reply reply = request(collect, path, NULL, NULL, 0);
        struct json_object *json = json_tokener_parse(reply.body);

        cr_assert_eq(reply.status, 200, "%s: %s", path, reply.body);
        cr_assert(strstr(reply.headers, "application/json"));
        cr_assert_not_null(json);
        reply_free(&reply);
        return json;
}

struct json_object *at(struct json_object *json, const char *path)
{
        char key[64];

        while (json && *path) {
                size_t n = strcspn(path, "/");

                snprintf(key, sizeof(key), "%.*s", (int)n, path);
                path += path[n] ? n + 1 : n;
                if (json_object_is_type(json, json_type_array))
                        json = json_object_array_get_idx(json, strtoul(key, NULL, 10));
                else if (!json_object_object_get_ex(json, key, &json))
                        return NULL;
        }
        return json;
}

int64_t number_at(struct json_object *json, const char *path)
{
        cr_assert_not_null(at(json, path), "%s is missing", path);
        return json_object_get_int64(at(json, path));
}

const char *text_at(struct json_object *json, const char *path)
{
        struct json_object *value = at(json, path);

        return value ? json_object_get_string(value) : "(none)";
}

struct profile *make_profile(const char *container, enum profile_mode mode, int64_t start_s, unsigned scale)
{
        struct profile *p = profile_new();
        struct profile_settings settings = {
                .mode = mode,
                .period_ns = 10000000,
                .start_ns = (uint64_t)start_s * 1000000000,
                .duration_ns = 10000000000,
                .engine = "perf",
        };
        profile_id module = interned_frame(p, interned_function(p, "<module>", "/app/main.py", 1), 40);
        profile_id work = interned_frame(p, interned_function(p, "work", "/app/work.py", 10), 12);
        profile_id rest = interned_frame(p, interned_function(p, "rest", "/app/work.py", 20), 22);
        profile_id thread = interned_thread(p, 4243, "worker");

        profile_set_settings(p, &settings);
        profile_set_attribute(p, "service.name", "billing");
        profile_set_attribute(p, "container.id", container);
        profile_set_attribute(p, "container.name", container);
        profile_set_attribute(p, "process.pid", "4242");
        profile_set_attribute(p, "process.executable.name", "python3");
        profile_add(p, interned_stack(p, (profile_id[]){ work, module }, 2), 0, PROFILE_RUNNING, 4 * scale,
                    40000000 * scale);
        profile_add(p, interned_stack(p, (profile_id[]){ work, module }, 2), thread, PROFILE_RUNNING, 3 * scale,
                    30000000 * scale);
        profile_add(p, interned_stack(p, (profile_id[]){ rest, module }, 2), thread, PROFILE_RUNNING, 3 * scale,
                    30000000 * scale);
        return p;
}

char *encode(struct profile *profile, size_t *ret_len)
{
        struct profile_set set = { 0 };
        char *json = NULL;
        FILE *out = open_memstream(&json, ret_len);

        cr_assert_eq(profile_set_add(&set, profile), 0);
        cr_assert_eq(format_write_otlp(&set, out), 0);
        fclose(out);
        profile_set_deinit(&set);
        return json;
}

long post_profile(const struct collect *collect, struct profile *profile, const char *key)
{
        char line[256];
        const char *headers[] = { "Content-Type: application/json", "Content-Encoding: gzip", NULL, NULL };
        size_t len, packed_len;
        char *json = encode(profile, &len);
        void *packed;

        if (key) {
                snprintf(line, sizeof(line), "Idempotency-Key: %s", key);
                headers[2] = line;
        }
        cr_assert_eq(gzip_pack(json, len, &packed, &packed_len), 0);
        struct reply reply = request(collect, "/v1development/profiles", headers, packed, packed_len);
        long status = reply.status;
        if (status == 200)
                cr_assert_str_eq(reply.body, "{}");
        reply_free(&reply);
        free(packed);
        free(json);
        return status;
}

static sqlite3 *open_database(const char *dir)
{
        char path[256];
        sqlite3 *db;

        snprintf(path, sizeof(path), "%s/podflame.db", dir);
        cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
        return db;
}

void run_sql(const char *dir, const char *sql)
{
        sqlite3 *db = open_database(dir);
        char *error = NULL;

        cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &error), SQLITE_OK, "%s: %s", sql, error);
        sqlite3_close(db);
}

static int take_number(void *ret, int n, char **values, char **names)
{
        (void)n;
        (void)names;
        *(int64_t *)ret = values[0] ? strtoll(values[0], NULL, 10) : -1;
        return 0;
}

int64_t ask_sql(const char *dir, const char *sql)
{
        sqlite3 *db = open_database(dir);
        int64_t number = -1;

        cr_assert_eq(sqlite3_exec(db, sql, take_number, &number, NULL), SQLITE_OK, "%s", sql);
        sqlite3_close(db);
        return number;
}

const char *make_dir(void)
{
        static char dir[] = "/tmp/podflame-unit-XXXXXX";

        cr_assert_not_null(mkdtemp(dir));
        return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

void remove_dir(const char *dir)
{
        cr_assert_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
