/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics and probes as they are served: what is told comes back, escaped; what stands still is ill. */
#include "agent/health/health.h"
#include "agent/http/http.h"
#include "tests/unit/support/suite.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SUITE(health_server);

struct reply {
        long status;
        char *body;
        char type[128];
};

static size_t write_to(char *data, size_t size, size_t n, void *out)
{
        return fwrite(data, size, n, out);
}

static struct reply ask(uint16_t port, const char *path, const char *post)
{
        struct reply reply = { 0 };
        size_t len;
        FILE *out = open_memstream(&reply.body, &len);
        CURL *curl = curl_easy_init();
        const char *type = NULL;
        char url[128];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_to);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
        if (post)
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
        CURLcode code = curl_easy_perform(curl);
        cr_assert_eq(code, CURLE_OK, "%s: %s", path, curl_easy_strerror(code));
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
        snprintf(reply.type, sizeof(reply.type), "%s", type ? type : "");
        curl_easy_cleanup(curl);
        fclose(out);
        return reply;
}

static long status_of(uint16_t port, const char *path, const char *sentence)
{
        struct reply reply = ask(port, path, NULL);
        long status = reply.status;

        cr_expect(strstr(reply.body, sentence), "%s: %s", path, reply.body);
        free(reply.body);
        return status;
}

static struct health *start(uint16_t *ret_port)
{
        struct health_config config = { .window_s = 1 };
        struct health *health;
        char reason[256];

        cr_assert_eq(http_server_listen("127.0.0.1:0", &config.listen_fd, ret_port, reason, sizeof(reason)), 0, "%s",
                     reason);
        cr_assert_eq(health_open(&config, &health), 0);
        return health;
}

Test(health_server, ready_when_the_machine_was_looked_at)
{
        uint16_t port;
        struct health *health = start(&port);

        cr_expect_eq(status_of(port, "/healthz", "ok"), 200);
        cr_expect_eq(status_of(port, "/readyz", "has not been looked at yet"), 503);
        health_publish(health, &(struct health_facts){ .ready = true });
        cr_expect_eq(status_of(port, "/readyz", "ok"), 200);
        health_close(health);
}

Test(health_server, a_reader_that_stands_still_is_ill)
{
        uint16_t port;
        struct health *health = start(&port);

        health_publish(health, &(struct health_facts){ .ready = true, .stalled = 2 });
        cr_expect_eq(status_of(port, "/healthz", "ok"), 200, "twice may be chance");
        health_publish(health, &(struct health_facts){ .ready = true, .stalled = 3 });
        cr_expect_eq(status_of(port, "/healthz", "does not move"), 503);
        cr_expect_eq(status_of(port, "/readyz", "does not move"), 503);
        health_publish(health, &(struct health_facts){ .ready = true });
        cr_expect_eq(status_of(port, "/healthz", "ok"), 200);
        health_close(health);
}

Test(health_server, metrics_are_text_of_what_was_told)
{
        const struct health_targets targets[] = { { "sampled", "", 7 }, { "unreadable", "denied", 2 } };
        struct health_facts facts = {
                .modes = { { .name = "cpu",
                             .rate = 50,
                             .max_rate = 99,
                             .samples = { .ticks = 12, .ok = 9, .torn = 3, .mixed = 8, .unmerged = 1 },
                             .lost = 5 },
                           { .name = "wall", .rate = 5, .max_rate = 11 } },
                .n_modes = 2,
                .targets = targets,
                .n_targets = 2,
                .budget = { .max_cpu = 0.01 }
        };
        uint16_t port;
        struct health *health = start(&port);

        health_publish(health, &facts);
        struct reply reply = ask(port, "/metrics", NULL);
        cr_expect_eq(reply.status, 200);
        cr_expect_str_eq(reply.type, "text/plain; version=0.0.4; charset=utf-8");
        static const char *const rows[] = {
                "# TYPE podflame_ticks_total counter\npodflame_ticks_total{mode=\"cpu\"} 12\n",
                "podflame_targets{state=\"sampled\",reason=\"\"} 7\n",
                "podflame_targets{state=\"unreadable\",reason=\"denied\"} 2\n",
                "podflame_samples_total{mode=\"cpu\",outcome=\"ok\"} 9\n",
                "podflame_samples_total{mode=\"cpu\",outcome=\"torn\"} 3\n",
                "podflame_samples_total{mode=\"cpu\",outcome=\"lost\"} 5\n",
                "podflame_samples_total{mode=\"cpu\",outcome=\"mixed\"} 8\n",
                "podflame_samples_total{mode=\"cpu\",outcome=\"unmerged\"} 1\n",
                "podflame_rate_hertz{mode=\"cpu\"} 50\npodflame_rate_hertz{mode=\"wall\"} 5\n",
                "podflame_rate_asked_hertz{mode=\"cpu\"} 99\npodflame_rate_asked_hertz{mode=\"wall\"} 11\n",
                "podflame_cpu_limit_ratio 0.01\n",
                "podflame_build_info{version=\"" PODFLAME_VERSION "\"} 1\n",
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                cr_expect(strstr(reply.body, rows[i]), "%s is not in:\n%s", rows[i], reply.body);
        cr_expect_null(strstr(reply.body, "{mode=\"wall\",outcome=\"unmerged\"}"), "it has no native stacks");
        free(reply.body);
        health_close(health);
}

static char *metrics(const struct health_facts *facts)
{
        struct health_usage usage = { 0 };
        size_t len;
        char *text = health_metrics(facts, &usage, NULL, 0, &len);

        cr_assert_not_null(text);
        return text;
}

Test(health_server, metrics_balance)
{
        const struct health_facts facts = {
                .modes = { { .name = "wall",
                             .samples = { .accounted_ns = 10000000000,
                                          .sampled_ns = 6000000000,
                                          .left_out_ns = 1000000000,
                                          .unopened_ns = 500000000,
                                          .late_ns = 250000000 },
                             .window = { .accounted_ns = 4000000000,
                                         .sampled_ns = 1000000000,
                                         .left_out_ns = 1000000000 },
                             .unseen_ns = 2300000000 /* more than the 2.25 s of now */ } },
                .n_modes = 1,
        };
        static const char *const rows[] = {
                "# TYPE podflame_cpu_accounted_seconds_total "
                "counter\npodflame_cpu_accounted_seconds_total{mode=\"wall\"} 10\n",
                "podflame_cpu_sampled_seconds_total{mode=\"wall\"} 6\n",
                "podflame_cpu_unsampled_seconds_total{mode=\"wall\",reason=\"unopened\"} 0.5\n",
                "podflame_cpu_unsampled_seconds_total{mode=\"wall\",reason=\"late\"} 0.25\n",
                "podflame_cpu_unsampled_seconds_total{mode=\"wall\",reason=\"torn\"} 0\n",
                "podflame_cpu_unsampled_seconds_total{mode=\"wall\",reason=\"unseen\"} 2.3\n",
                "podflame_cpu_unsampled_seconds_total{mode=\"wall\",reason=\"left_out\"} 1\n",
                "# TYPE podflame_coverage_ratio gauge\npodflame_coverage_ratio{mode=\"wall\"} 0.5\n",
        };
        char *text = metrics(&facts);

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                cr_expect(strstr(text, rows[i]), "%s is not in:\n%s", rows[i], text);
        free(text);
}

Test(health_server, without_an_account_there_is_no_ratio)
{
        char *text = metrics(
                &(struct health_facts){ .modes = { { .name = "cpu", .samples = { .ticks = 3 } } }, .n_modes = 1 });

        cr_expect_null(strstr(text, "\npodflame_coverage_ratio"), "%s", text);
        free(text);
}

Test(health_server, containers_have_the_names_that_they_have)
{
        static struct health_gil_waits waits = { .rows = { { "shop", "web-0", "main", 0.75 },
                                                           { .container = "my\"box", .ratio = 0.5 } },
                                                 .n = 2,
                                                 .untold = 3 };
        char *text = metrics(&(struct health_facts){ .gil_waits = &waits });

        cr_expect(strstr(text, "# TYPE podflame_gil_wait_ratio gauge\n"
                               "podflame_gil_wait_ratio{k8s_namespace_name=\"shop\",k8s_pod_name=\"web-0\",container_"
                               "name=\"main\"} 0.75\n"
                               "podflame_gil_wait_ratio{container_name=\"my\\\"box\"} 0.5\n#"),
                  "%s", text);
        cr_expect(strstr(text, "\npodflame_gil_untold_containers 3\n"), "%s", text);
        free(text);
}

Test(health_server, a_window_forgets_the_containers_of_the_one_before)
{
        static struct health_gil_waits waits = { .rows = { { .container = "brief", .ratio = 0.5 } }, .n = 1 };
        uint16_t port;
        struct health *health = start(&port);

        health_publish(health, &(struct health_facts){ .gil_waits = &waits });
        waits = (struct health_gil_waits){ 0 };
        struct reply reply = ask(port, "/metrics", NULL);
        cr_expect(strstr(reply.body, "{container_name=\"brief\"} 0.5\n"), "a copy is told: %s", reply.body);
        free(reply.body);
        health_publish(health, &(struct health_facts){ .gil_waits = &waits });
        reply = ask(port, "/metrics", NULL);
        cr_expect_null(strstr(reply.body, "brief"), "%s", reply.body);
        free(reply.body);
        health_publish(health, &(struct health_facts){ .ready = true });
        reply = ask(port, "/metrics", NULL);
        cr_expect_null(strstr(reply.body, "\npodflame_gil_"), "nothing is known: %s", reply.body);
        free(reply.body);
        health_close(health);
}

Test(health_server, more_kinds_than_there_is_room_for_are_left_out)
{
        struct health_targets targets[HEALTH_TARGETS_MAX + 4];
        uint16_t port;
        struct health *health = start(&port);

        for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
                targets[i] = (struct health_targets){ "sampled", "", i };
        health_publish(health, &(struct health_facts){ .targets = targets, .n_targets = HEALTH_TARGETS_MAX + 4 });
        struct reply reply = ask(port, "/metrics", NULL);
        char last[64];
        snprintf(last, sizeof(last), "reason=\"\"} %d\n# HELP", HEALTH_TARGETS_MAX - 1);
        cr_expect(strstr(reply.body, last), "%s", reply.body);
        free(reply.body);
        health_close(health);
}

Test(health_server, what_is_not_asked_politely_is_refused)
{
        static char large[64 << 10];
        uint16_t port;
        struct health *health = start(&port);
        struct reply reply = ask(port, "/metrics", "x");

        cr_expect_eq(reply.status, 405);
        free(reply.body);
        memset(large, 'x', sizeof(large) - 1);
        reply = ask(port, "/metrics", large);
        cr_expect_eq(reply.status, 405);
        free(reply.body);
        cr_expect_eq(status_of(port, "/metrics/", "nothing at this path"), 404);
        cr_expect_eq(status_of(port, "/", "nothing at this path"), 404);
        health_close(health);
}

Test(health_server, a_collector_s_url_cannot_forge_a_metric)
{
        const char *url = "http://127.0.0.1:1/a\\b";
        struct send_config config = { .client.url = url };
        struct health_destination destination = { .url = "http://x/\"} 1\nforged{a=\"\\\x01\xff" };
        struct health_facts facts = { 0 };
        struct health_usage usage;
        size_t len;

        cr_assert_eq(send_open(&config, &destination.send), 0);
        health_usage_read(&usage);
        char *text = health_metrics(&facts, &usage, &destination, 1, &len);
        cr_assert_not_null(text);
        cr_expect_eq(strlen(text), len);
        cr_expect_null(strstr(text, "\nforged"));
        cr_expect(strstr(text, "podflame_retries_total{collector=\"http://x/\\\"} 1?forged{a=\\\"\\\\??\"} 0\n"), "%s",
                  text);
        free(text);
        send_close(destination.send, 0);
}

Test(health_server, usage_is_this_process_s)
{
        struct health_usage before, after;
        int fd = dup(0);

        health_usage_read(&before);
        cr_expect_gt(before.rss_bytes, 1000000);
        cr_expect_lt(before.rss_bytes, (uint64_t)16 << 30);
        cr_expect_geq(before.threads, 1);
        cr_expect_gt(before.start_time_s, 1.6e9);
        for (volatile unsigned i = 0; i < 100000000; i++)
                ;
        close(fd);
        health_usage_read(&after);
        cr_expect_gt(after.cpu_s, before.cpu_s + 0.001);
        cr_expect_eq(after.fds, before.fds - 1);
}
