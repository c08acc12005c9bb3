/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_fixture.h"
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "tests/unit/support/interned.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void on_state(void *ctx, bool up, const char *reason)
{
        struct said *said = ctx;

        __atomic_fetch_add(up ? &said->ups : &said->downs, 1, __ATOMIC_SEQ_CST);
        if (reason)
                snprintf(said->reason, sizeof(said->reason), "%s", reason);
}

static void on_rejected(void *ctx, const char *reason)
{
        struct said *said = ctx;

        snprintf(said->reason, sizeof(said->reason), "%s", reason);
        __atomic_fetch_add(&said->rejections, 1, __ATOMIC_SEQ_CST);
}

struct send *open_with(struct send_config config, uint16_t port, struct said *said)
{
        char url[64], reason[HTTP_CLIENT_REASON_SIZE] = "";
        struct send *send;

        snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
        config.client.url = url;
        config.client.reason = reason;
        config.client.reason_size = sizeof(reason);
        if (said) {
                config.on_state = on_state;
                config.on_rejected = on_rejected;
                config.ctx = said;
        }
        cr_assert_eq(send_open(&config, &send), 0, "%s", reason);
        return send;
}

struct send *open_at(uint16_t port, size_t max_bytes, struct said *said)
{
        return open_with((struct send_config){ .queue_max_bytes = max_bytes }, port, said);
}

void make_set(struct profile_set *set, const char *function)
{
        struct profile *p = profile_new();
        profile_id frame = interned_frame(p, interned_function(p, function, "/app/main.py", 3), 7);

        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10000000,
                                                            .start_ns = 1767225600000000000,
                                                            .duration_ns = 10000000000,
                                                            .engine = "perf" });
        profile_set_attribute(p, "service.name", "billing");
        cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, 5, 50000000), 0);
        cr_assert_eq(profile_set_add(set, p), 0);
}

void send_one(struct send *send, const char *function)
{
        struct profile_set set = { 0 };

        make_set(&set, function);
        cr_assert_eq(send_profiles_to_all(&send, 1, &set), 0);
        profile_set_deinit(&set);
}

int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t lost(const struct send_counters *c)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < SEND_LOSSES; i++)
                sum += c->lost[i];
        return sum;
}

struct send_counters wait_for_end(struct send *send, uint64_t n)
{
        int64_t until = now_ms() + 8000;
        struct send_counters c;

        do {
                usleep(2000);
                send_counters(send, &c);
        } while (c.delivered + lost(&c) < n && now_ms() < until);
        cr_assert_eq(c.delivered + lost(&c), n);
        cr_assert_eq(c.queued, c.delivered + lost(&c) + c.divided + c.waiting);
        return c;
}

void wait_until(const unsigned *flag)
{
        for (int i = 0; i < 2500 && __atomic_load_n(flag, __ATOMIC_SEQ_CST) == 0; i++)
                usleep(2000);
        cr_assert_gt(__atomic_load_n(flag, __ATOMIC_SEQ_CST), 0);
}

void check_same(const struct request *a, const struct request *b)
{
        char key[64];

        snprintf(key, sizeof(key), "%s", request_header(a, "Idempotency-Key"));
        cr_assert_eq(strlen(key), 36);
        cr_assert_str_eq(request_header(b, "Idempotency-Key"), key);
        cr_assert_eq(a->len, b->len);
        cr_assert_eq(memcmp(a->body, b->body, a->len), 0);
}

char *unpack(const struct request *request)
{
        void *text;
        size_t len;

        cr_assert_eq(gzip_unpack(request->body, request->len, 64 << 20, &text, &len), 0);
        text = realloc(text, len + 1);
        ((char *)text)[len] = '\0';
        return text;
}

void make_directory(char path[static 64])
{
        snprintf(path, 64, "/tmp/podflame-send-XXXXXX");
        cr_assert(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path);
}

void remove_directory(const char *path)
{
        cr_assert_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

size_t files(const char *spool, const char *pattern, char first[static 256])
{
        char path[256];
        glob_t found;
        size_t n;

        snprintf(path, sizeof(path), "%s/*/%s", spool, pattern);
        n = glob(path, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
        if (n > 0)
                snprintf(first, 256, "%s", found.gl_pathv[0]);
        globfree(&found);
        return n;
}

struct send *open_spool(const char *spool, uint16_t port, struct said *said)
{
        return open_with((struct send_config){ .spool = spool }, port, said);
}

void leave(const char *spool, struct server *server, size_t n)
{
        struct said said = { 0 };
        struct send *send = open_spool(spool, server_port(server), &said);

        for (size_t i = 0; i < n; i++)
                send_one(send, "left");
        wait_until(&said.downs);
        send_close(send, 0);
}
