/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows libcurl. A request is driven through the multi
 * interface, although there is only ever one: curl_multi_wakeup() is what lets
 * another thread end it at once, however the server stalls.
 *
 * A final status decides what becomes of a batch, even if the body after it
 * breaks off: the collector has said what it did.
 */
#include "agent/send/http.h"
#include "agent/send/clock.h"
#include "agent/send/headers.h"
#include "agent/send/watch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_MS 5000L
#define TOTAL_TIMEOUT_MS   30000u

/* Between two looks at the clock if nothing happens; a wake-up comes at once. */
#define POLL_MS 1000

enum {
        PEM_CA,
        PEM_CERT,
        PEM_KEY,
        PEMS,
};

static const CURLoption pem_options[PEMS] = {
        [PEM_CA] = CURLOPT_CAINFO,
        [PEM_CERT] = CURLOPT_SSLCERT,
        [PEM_KEY] = CURLOPT_SSLKEY,
};

struct send_http {
        CURLM *multi;
        CURL *easy;
        const struct send_protocol *protocol;
        char *url;
        struct send_headers headers;
        struct send_watch pems[PEMS];
        bool fresh; /* the connection that is kept was made with other certificates */
        _Atomic int64_t stop_at_ms;
        char error[CURL_ERROR_SIZE];
        char body[SEND_BODY_KEPT];
        size_t len, read;
};

/* ---- the URL ------------------------------------------------------------- */

static bool is_http(CURLU *parts)
{
        char *scheme = NULL;
        bool http = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

        curl_free(scheme);
        return http;
}

static bool has(CURLU *parts, CURLUPart part)
{
        char *text = NULL;
        bool there = curl_url_get(parts, part, &text, 0) == CURLUE_OK;

        curl_free(text);
        return there;
}

/* NULL, or why @url is not one that can be posted to. */
static const char *check_url(const char *url, bool whole)
{
        CURLU *parts = curl_url();
        const char *why = NULL;

        if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK || !is_http(parts) ||
            !has(parts, CURLUPART_HOST))
                why = "not an http:// or https:// URL";
        else if (has(parts, CURLUPART_USER) || has(parts, CURLUPART_PASSWORD))
                why = "the URL has a user or a password in it: they belong into a file";
        else if (has(parts, CURLUPART_FRAGMENT) || (!whole && has(parts, CURLUPART_QUERY)))
                why = "the URL has more than a path";
        curl_url_cleanup(parts);
        return why;
}

static int make_url(struct send_http *http, const struct send_config *config)
{
        const char *url = config->url ? config->url : "";
        const char *why = check_url(url, config->url_is_whole);
        size_t base = strlen(url);

        if (why)
                return send_refuse(config, SEND_E_URL, "%s", why);
        while (!config->url_is_whole && base > 0 && url[base - 1] == '/')
                base--;
        if (asprintf(&http->url, "%.*s%s", (int)base, url, config->url_is_whole ? "" : http->protocol->path) < 0) {
                http->url = NULL;
                return -ENOMEM;
        }
        return 0;
}

const char *send_http_url(const struct send_http *http)
{
        return http->url;
}

/* libcurl would take any text, and every request would fail. */
static int check_proxy(const struct send_config *config)
{
        CURLU *parts;
        bool valid;

        if (!config->proxy || !*config->proxy)
                return 0;
        parts = curl_url();
        valid = parts && curl_url_set(parts, CURLUPART_URL, config->proxy,
                                      CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
        curl_url_cleanup(parts);
        return valid ? 0 : send_refuse(config, SEND_E_PROXY, "the proxy is not a URL");
}

/* ---- callbacks ----------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
        struct send_http *http = ctx;
        size_t len = size * n, room = sizeof(http->body) - http->len, kept = len < room ? len : room;

        memcpy(http->body + http->len, data, kept);
        http->len += kept;
        http->read += len;
        return http->read > SEND_BODY_READ ? 0 : len;
}

/* libcurl opens its sockets without close-on-exec. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
        (void)ctx;
        (void)purpose;
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- opening ------------------------------------------------------------- */

static void set_options(struct send_http *http, const struct send_config *config)
{
        CURL *easy = http->easy;

        curl_easy_setopt(easy, CURLOPT_URL, http->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(config->timeout_ms ? config->timeout_ms : TOTAL_TIMEOUT_MS));
        /* A resolver thread that hangs is left behind rather than waited for. */
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        /* libcurl would keep what it read from a CA file for a day. */
        curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
        for (size_t i = 0; i < PEMS; i++) {
                if (http->pems[i].path)
                        curl_easy_setopt(easy, pem_options[i], http->pems[i].path);
        }
        if (config->proxy)
                curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "podflame/" PODFLAME_VERSION);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
}

static int watch_pems(struct send_http *http, const struct send_config *config)
{
        const char *const paths[PEMS] = {
                [PEM_CA] = config->ca_file,
                [PEM_CERT] = config->cert_file,
                [PEM_KEY] = config->key_file,
        };

        for (size_t i = 0; i < PEMS; i++) {
                int r = send_watch_init(&http->pems[i], paths[i]);

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return send_refuse(config, SEND_E_FILE, "%s: %s", paths[i], strerror(-r));
        }
        return 0;
}

int send_http_open(const struct send_config *config, const struct send_protocol *protocol, struct send_http **ret)
{
        struct send_http *http;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        http = calloc(1, sizeof(*http));
        if (!http) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        atomic_init(&http->stop_at_ms, INT64_MAX);
        http->protocol = protocol;
        http->multi = curl_multi_init();
        http->easy = curl_easy_init();
        r = http->multi && http->easy ? make_url(http, config) : -ENOMEM;
        if (r == 0)
                r = check_proxy(config);
        if (r == 0)
                r = send_headers_init(&http->headers, config);
        if (r == 0)
                r = watch_pems(http, config);
        if (r != 0) {
                send_http_close(http);
                return r;
        }
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L);
        set_options(http, config);
        *ret = http;
        return 0;
}

void send_http_close(struct send_http *http)
{
        if (!http)
                return;
        curl_easy_cleanup(http->easy);
        curl_multi_cleanup(http->multi);
        curl_global_cleanup();
        send_headers_deinit(&http->headers);
        for (size_t i = 0; i < PEMS; i++)
                send_watch_deinit(&http->pems[i]);
        free(http->url);
        free(http);
}

void send_http_stop_at(struct send_http *http, int64_t when_ms)
{
        atomic_store(&http->stop_at_ms, when_ms);
        curl_multi_wakeup(http->multi);
}

/* ---- a request ----------------------------------------------------------- */

/* @ctx is a struct curl_slist *. */
static bool add_header(void *ctx, const char *line)
{
        struct curl_slist **headers = ctx;
        struct curl_slist *more = curl_slist_append(*headers, line);

        if (more)
                *headers = more;
        return more;
}

/* NULL: out of memory. */
static struct curl_slist *make_headers(const struct send_http *http, const struct send_batch *batch)
{
        struct curl_slist *headers = NULL;
        char type[128], key[64];

        snprintf(type, sizeof(type), "Content-Type: %s", http->protocol->content_type);
        snprintf(key, sizeof(key), "Idempotency-Key: %s", batch->key);
        /* Without the last one, libcurl would ask for 100-continue above 1 MiB. */
        if (add_header(&headers, type) && add_header(&headers, key) &&
            (!batch->gzip || add_header(&headers, "Content-Encoding: gzip")) && add_header(&headers, "Expect:") &&
            send_headers_each(&http->headers, add_header, &headers))
                return headers;
        curl_slist_free_all(headers);
        return NULL;
}

/* Certificates are read when a connection is made; what was made with others is not used again. */
static void look_at_files(struct send_http *http)
{
        for (size_t i = 0; i < PEMS; i++)
                http->fresh |= send_watch_changed(&http->pems[i]);
        curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT, (long)http->fresh);
        send_headers_refresh(&http->headers);
}

static CURLcode result_of(CURLM *multi)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(multi, &left))) {
                if (message->msg == CURLMSG_DONE)
                        return message->data.result;
        }
        return CURLE_OUT_OF_MEMORY;
}

/* CURLE_ABORTED_BY_CALLBACK: its time to stop came first. */
static CURLcode drive(struct send_http *http)
{
        int running;

        for (;;) {
                if (curl_multi_perform(http->multi, &running) != CURLM_OK)
                        return CURLE_OUT_OF_MEMORY;
                if (running == 0)
                        return result_of(http->multi);

                int64_t left = atomic_load(&http->stop_at_ms) - send_now_ms();
                if (left <= 0)
                        return CURLE_ABORTED_BY_CALLBACK;
                curl_multi_poll(http->multi, NULL, 0, left < POLL_MS ? (int)left : POLL_MS, NULL);
        }
}

static CURLcode perform(struct send_http *http, const struct send_batch *batch)
{
        struct curl_slist *headers = make_headers(http, batch);
        CURLcode code = CURLE_OUT_OF_MEMORY;

        if (!headers)
                return code;
        curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, batch->body);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)batch->len);
        if (curl_multi_add_handle(http->multi, http->easy) == CURLM_OK) {
                code = drive(http);
                curl_multi_remove_handle(http->multi, http->easy);
        }
        curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(headers);
        return code;
}

static long without_status(CURLcode code)
{
        static const struct {
                CURLcode code;
                long status;
        } special[] = {
                { CURLE_ABORTED_BY_CALLBACK, SEND_HTTP_STOPPED },
                { CURLE_PEER_FAILED_VERIFICATION, SEND_HTTP_UNTRUSTED },
                { CURLE_SSL_CACERT_BADFILE, SEND_HTTP_UNTRUSTED },
                { CURLE_SSL_ISSUER_ERROR, SEND_HTTP_UNTRUSTED },
                { CURLE_SSL_CERTPROBLEM, SEND_HTTP_UNTRUSTED },
        };

        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
                if (special[i].code == code)
                        return special[i].status;
        }
        return SEND_HTTP_UNREACHABLE;
}

void send_http_post(struct send_http *http, const struct send_batch *batch, struct send_answer *ret)
{
        curl_off_t retry_after = 0;
        long status = 0;
        CURLcode code;

        http->len = http->read = 0;
        http->error[0] = '\0';
        look_at_files(http);
        code = perform(http, batch);
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
        http->fresh = http->fresh && status == 0;
        /* Before 8.12, libcurl calls a date that has passed negative. */
        curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &retry_after);

        *ret = (struct send_answer){
                .status = code == CURLE_ABORTED_BY_CALLBACK || status < 200 ? without_status(code) : status,
                .retry_after = retry_after > 0 ? retry_after : 0,
                .body = http->body,
                .len = http->len,
        };
        snprintf(ret->error, sizeof(ret->error), "%s", http->error[0] ? http->error : curl_easy_strerror(code));
}
