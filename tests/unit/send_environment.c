/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(send_environment);

#define ALL(key) "OTEL_EXPORTER_OTLP_" key
#define PROFILES(key) "OTEL_EXPORTER_OTLP_PROFILES_" key

Test(send_environment, nothing_set)
{
        struct send_config config = { .client.url = "http://mine" };
        char *storage;

        cr_assert_eq(send_config_from_environment(&config, &storage), 0);
        cr_assert_str_eq(config.client.url, "http://mine");
        cr_assert(!config.client.headers && !config.client.ca_file && !config.client.timeout_ms &&
                  !config.uncompressed && !storage);
}

Test(send_environment, all_signals)
{
        struct send_config config = { 0 };
        char *storage;

        setenv(ALL("ENDPOINT"), "http://collector:4318/base", 1);
        setenv(ALL("HEADERS"), "api-key=a%20b%3D, x-team = core,", 1);
        setenv(ALL("COMPRESSION"), "none", 1);
        setenv(ALL("TIMEOUT"), "1500", 1);
        setenv(ALL("CERTIFICATE"), "/ca.pem", 1);
        setenv(ALL("HTTP_CLIENT_KEY"), "/key.pem", 1);
        setenv(ALL("HTTP_CLIENT_CERTIFICATE"), "/cert.pem", 1);
        setenv(PROFILES("ENDPOINT"), "", 1);
        cr_assert_eq(send_config_from_environment(&config, &storage), 0);
        cr_assert_str_eq(config.client.url, "http://collector:4318/base");
        cr_assert(!config.url_is_whole);
        cr_assert_str_eq(config.client.headers, "api-key: a b=\nx-team:  core\n");
        cr_assert(config.uncompressed);
        cr_assert_eq(config.client.timeout_ms, 1500);
        cr_assert_str_eq(config.client.ca_file, "/ca.pem");
        cr_assert_str_eq(config.client.key_file, "/key.pem");
        cr_assert_str_eq(config.client.cert_file, "/cert.pem");
        free(storage);
}

Test(send_environment, profiles_win_and_settings_win_over_both)
{
        struct send_config config = { .client.ca_file = "/mine.pem" };
        char *storage;

        setenv(ALL("ENDPOINT"), "http://all", 1);
        setenv(PROFILES("ENDPOINT"), "http://profiles/v1/custom", 1);
        setenv(ALL("TIMEOUT"), "1500", 1);
        setenv(PROFILES("TIMEOUT"), "2500", 1);
        setenv(ALL("CERTIFICATE"), "/ca.pem", 1);
        setenv(ALL("COMPRESSION"), "none", 1);
        setenv(PROFILES("COMPRESSION"), "gzip", 1);
        cr_assert_eq(send_config_from_environment(&config, &storage), 0);
        cr_assert_str_eq(config.client.url, "http://profiles/v1/custom");
        cr_assert(config.url_is_whole);
        cr_assert_eq(config.client.timeout_ms, 2500);
        cr_assert_str_eq(config.client.ca_file, "/mine.pem");
        cr_assert(!config.uncompressed);
}

Test(send_environment, bad_values)
{
        static const struct {
                const char *name, *value;
                int wanted;
        } rows[] = {
                { ALL("TIMEOUT"), "soon", SEND_E_TIMEOUT },
                { ALL("TIMEOUT"), "0", SEND_E_TIMEOUT },
                { PROFILES("TIMEOUT"), "-5", SEND_E_TIMEOUT },
                { ALL("TIMEOUT"), "99999999999999999999", SEND_E_TIMEOUT },
                { ALL("COMPRESSION"), "brotli", SEND_E_PROTOCOL },
                { ALL("HEADERS"), "secret", HTTP_CLIENT_E_HEADER },
                { ALL("HEADERS"), "a=secret%0d%0ab: c", HTTP_CLIENT_E_HEADER },
                { ALL("HEADERS"), "a=secret%00", HTTP_CLIENT_E_HEADER },
                { ALL("HEADERS"), "a=%zz%4", 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char reason[HTTP_CLIENT_REASON_SIZE] = "";
                struct send_config config = { .client.reason = reason, .client.reason_size = sizeof(reason) };
                char *storage = NULL;

                setenv(rows[i].name, rows[i].value, 1);
                cr_expect_eq(send_config_from_environment(&config, &storage), rows[i].wanted, "row %zu", i);
                cr_expect(rows[i].wanted == 0 || strstr(reason, rows[i].name), "row %zu: %s", i, reason);
                cr_expect_null(strstr(reason, "secret"));
                if (rows[i].wanted == 0)
                        cr_expect_str_eq(config.client.headers, "a: %zz%4\n");
                unsetenv(rows[i].name);
                free(storage);
        }
}

/* The whole way: the profiles' endpoint is used as it is. */
Test(send_environment, request)
{
        static const struct step ok[] = { OK };
        struct server *server = server_start(0, ok, 1);
        struct send_config config = { 0 };
        char url[64], *storage;
        struct send *send;

        snprintf(url, sizeof(url), "http://127.0.0.1:%u/custom?tenant=a", server_port(server));
        setenv(PROFILES("ENDPOINT"), url, 1);
        setenv(PROFILES("HEADERS"), "api-key=sesame", 1);
        cr_assert_eq(send_config_from_environment(&config, &storage), 0);
        cr_assert_eq(send_open(&config, &send), 0);
        free(storage);
        send_one(send, "a");
        cr_assert_eq(strncmp(server_request(server, 0)->head, "POST /custom?tenant=a HTTP/1.1\r\n", 32), 0);
        cr_assert_str_eq(request_header(server_request(server, 0), "api-key"), "sesame");
        send_close(send, 1000);
        server_stop(server);
}
