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

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_MS 5000L
#define TOTAL_TIMEOUT_MS   30000L

/* Between two looks at the clock if nothing happens; a wake-up comes at once. */
#define POLL_MS 1000

struct send_http {
        CURLM *multi;
        CURL *easy;
        const struct send_endpoint *endpoint;
        char *url;
        char *authorization; /* the header's value; NULL: none */
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

/* @url with @path appended; NULL: not a URL that can be posted to. */
static char *join_url(const char *url, const char *path)
{
        CURLU *parts = curl_url();
        size_t base = strlen(url);
        char *joined = NULL;

        if (!parts)
                return NULL;
        if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK && is_http(parts) && has(parts, CURLUPART_HOST) &&
            !has(parts, CURLUPART_QUERY) && !has(parts, CURLUPART_FRAGMENT)) {
                while (base > 0 && url[base - 1] == '/')
                        base--;
                if (asprintf(&joined, "%.*s%s", (int)base, url, path) < 0)
                        joined = NULL;
        }
        curl_url_cleanup(parts);
        return joined;
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

static void set_options(struct send_http *http)
{
        CURL *easy = http->easy;

        curl_easy_setopt(easy, CURLOPT_URL, http->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
        /* A resolver thread that hangs is left behind rather than waited for. */
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "podflame/" PODFLAME_VERSION);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
}

int send_http_open(const char *url, const char *token, const struct send_endpoint *endpoint, struct send_http **ret)
{
        struct send_http *http;
        int r = -ENOMEM;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        http = calloc(1, sizeof(*http));
        if (!http) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        atomic_init(&http->stop_at_ms, INT64_MAX);
        http->endpoint = endpoint;
        http->url = join_url(url, endpoint->path);
        if (!http->url) {
                r = SEND_E_URL;
                goto fail;
        }
        if (token && asprintf(&http->authorization, "Bearer %s", token) < 0) {
                http->authorization = NULL;
                goto fail;
        }
        http->multi = curl_multi_init();
        http->easy = curl_easy_init();
        if (!http->multi || !http->easy)
                goto fail;
        set_options(http);
        *ret = http;
        return 0;
fail:
        send_http_close(http);
        return r;
}

void send_http_close(struct send_http *http)
{
        if (!http)
                return;
        curl_easy_cleanup(http->easy);
        curl_multi_cleanup(http->multi);
        curl_global_cleanup();
        free(http->authorization);
        free(http->url);
        free(http);
}

void send_http_stop_at(struct send_http *http, int64_t when_ms)
{
        atomic_store(&http->stop_at_ms, when_ms);
        curl_multi_wakeup(http->multi);
}

/* ---- a request ----------------------------------------------------------- */

/* NULL: out of memory, and @headers are gone. */
static struct curl_slist *append_header(struct curl_slist *headers, const char *name, const char *value)
{
        struct curl_slist *more = NULL;
        char *line;

        if (asprintf(&line, "%s: %s", name, value) >= 0) {
                more = curl_slist_append(headers, line);
                free(line);
        }
        if (!more)
                curl_slist_free_all(headers);
        return more;
}

static struct curl_slist *make_headers(const struct send_http *http, const struct send_batch *batch)
{
        const char *const lines[][2] = {
                { "Content-Type", http->endpoint->content_type },
                { "Content-Encoding", "gzip" },
                { "Idempotency-Key", batch->key },
                { "Authorization", http->authorization },
                { "Expect", "" }, /* libcurl would ask for 100-continue above 1 MiB */
        };
        struct curl_slist *headers = NULL;

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                if (!lines[i][1])
                        continue;
                headers = append_header(headers, lines[i][0], lines[i][1]);
                if (!headers)
                        return NULL;
        }
        return headers;
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
        code = perform(http, batch);
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
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
