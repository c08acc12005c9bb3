/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests by libcurl, which only this file and url.c know. There is only ever one request, but it is driven through
 * the multi interface: with curl_multi_wakeup() another thread can end it at once, however the server stalls.
 *
 * A final status decides what happens to a request, even if the body after it breaks off: the server has said what it
 * did.
 */
#include "agent/http/client/client.h"
#include "agent/http/client/headers.h"
#include "agent/http/client/upload.h"
#include "agent/http/client/url.h"
#include "agent/http/client/watch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 5000L
#define TOTAL_TIMEOUT_MS 30000u

/*
 * How much of an answer's body is kept by default, and how much is read beyond that: a hostile server may send for
 * ever.
 */
#define BODY_MAX ((size_t)64 << 10)
#define BODY_EXTRA ((size_t)4 << 20)

/* The time between two looks at the clock if nothing happens. A wake-up is noticed at once. */
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

struct http_client {
        CURLM *multi;
        CURL *easy;
        char *url;
        struct http_client_headers headers;
        struct http_client_watch pems[PEMS];
        bool fresh; /* the kept connection must not be used again: it was made with other certificates */
        _Atomic int64_t stop_at_ms;
        char error[CURL_ERROR_SIZE];
        char *body;
        size_t len, size, body_max; /* bytes of the body: kept, allocated, and allowed */
        size_t read;
};

static int64_t monotonic_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the URL ------------------------------------------------------------- */

static int make_url(struct http_client *client, const struct http_client_config *config)
{
        const char *url = config->url ? config->url : "";
        const char *why = http_client_url_check(url, config->path);
        size_t base = strlen(url);

        if (why)
                return http_client_refuse(config, HTTP_CLIENT_E_URL, "%s", why);
        while (config->path && base > 0 && url[base - 1] == '/')
                base--;
        if (asprintf(&client->url, "%.*s%s", (int)base, url, config->path ? config->path : "") < 0) {
                client->url = NULL;
                return -ENOMEM;
        }
        return 0;
}

const char *http_client_url(const struct http_client *client)
{
        return client->url;
}

static int check_proxy(const struct http_client_config *config)
{
        if (!config->proxy || !*config->proxy || http_client_url_is_proxy(config->proxy))
                return 0;
        return http_client_refuse(config, HTTP_CLIENT_E_PROXY, "the proxy is not a URL");
}

/* ---- callbacks ----------------------------------------------------------- */

/* Makes room for @more bytes, up to body_max. */
static void grow_body(struct http_client *client, size_t more)
{
        size_t wanted = client->len + more < client->body_max ? client->len + more : client->body_max;
        size_t size = 2 * client->size > wanted ? 2 * client->size : wanted;
        char *body;

        if (wanted <= client->size)
                return;
        size = size < client->body_max ? size : client->body_max;
        body = realloc(client->body, size);
        if (!body)
                return;
        client->body = body;
        client->size = size;
}

static size_t take_body_part(char *data, size_t size, size_t n, void *ctx)
{
        struct http_client *client = ctx;
        size_t len = size * n;

        grow_body(client, len);
        size_t room = client->size - client->len, kept = len < room ? len : room;
        if (kept > 0)
                memcpy(client->body + client->len, data, kept);
        client->len += kept;
        client->read += len;
        return client->read > client->body_max + BODY_EXTRA ? 0 : len;
}

/* libcurl would open its sockets without close-on-exec. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
        (void)ctx;
        (void)purpose;
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- opening ------------------------------------------------------------- */

static void set_options(struct http_client *client, const struct http_client_config *config)
{
        CURL *easy = client->easy;

        curl_easy_setopt(easy, CURLOPT_URL, client->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(config->timeout_ms ? config->timeout_ms : TOTAL_TIMEOUT_MS));
        /* A resolver thread that hangs is abandoned, not waited for. */
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        /* libcurl would cache a CA file for a day. */
        curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
        for (size_t i = 0; i < PEMS; i++) {
                if (client->pems[i].path)
                        curl_easy_setopt(easy, pem_options[i], client->pems[i].path);
        }
        if (config->proxy)
                curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy);
        if (config->unix_socket)
                curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, config->unix_socket);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "podflame/" PODFLAME_VERSION);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->error);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body_part);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
}

static int watch_pems(struct http_client *client, const struct http_client_config *config)
{
        const char *const paths[PEMS] = {
                [PEM_CA] = config->ca_file,
                [PEM_CERT] = config->cert_file,
                [PEM_KEY] = config->key_file,
        };

        for (size_t i = 0; i < PEMS; i++) {
                int r = http_client_watch_init(&client->pems[i], paths[i]);

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return http_client_refuse(config, HTTP_CLIENT_E_FILE, "%s: %s", paths[i], strerror(-r));
        }
        return 0;
}

int http_client_open(const struct http_client_config *config, struct http_client **ret)
{
        struct http_client *client;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        client = calloc(1, sizeof(*client));
        if (!client) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        atomic_init(&client->stop_at_ms, INT64_MAX);
        client->body_max = config->body_max ? config->body_max : BODY_MAX;
        client->multi = curl_multi_init();
        client->easy = curl_easy_init();
        r = client->multi && client->easy ? make_url(client, config) : -ENOMEM;
        if (r == 0)
                r = check_proxy(config);
        if (r == 0)
                r = http_client_headers_init(&client->headers, config);
        if (r == 0)
                r = watch_pems(client, config);
        if (r != 0) {
                http_client_close(client);
                return r;
        }
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 1L);
        set_options(client, config);
        *ret = client;
        return 0;
}

void http_client_close(struct http_client *client)
{
        if (!client)
                return;
        curl_easy_cleanup(client->easy);
        curl_multi_cleanup(client->multi);
        curl_global_cleanup();
        http_client_headers_deinit(&client->headers);
        for (size_t i = 0; i < PEMS; i++)
                http_client_watch_deinit(&client->pems[i]);
        free(client->url);
        free(client->body);
        free(client);
}

void http_client_stop_at(struct http_client *client, int64_t when_ms)
{
        atomic_store(&client->stop_at_ms, when_ms);
        curl_multi_wakeup(client->multi);
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

/* Makes the list of headers. NULL if memory ran out. */
static struct curl_slist *make_headers(const struct http_client *client, const struct http_client_request *request)
{
        struct curl_slist *headers = NULL;
        const char *const *line = request->headers;
        /* libcurl would ask for 100-continue above 1 MiB. */
        bool done = add_header(&headers, "Expect:");

        for (; done && line && *line; line++)
                done = add_header(&headers, *line);
        if (done && http_client_headers_each(&client->headers, add_header, &headers))
                return headers;
        curl_slist_free_all(headers);
        return NULL;
}

/*
 * Certificates are read when a connection is made. A connection that was made with other certificates is not used
 * again.
 */
static void check_changed_files(struct http_client *client)
{
        for (size_t i = 0; i < PEMS; i++)
                client->fresh |= http_client_watch_changed(&client->pems[i]);
        curl_easy_setopt(client->easy, CURLOPT_FRESH_CONNECT, (long)client->fresh);
        http_client_headers_refresh(&client->headers);
}

static CURLcode result_of_transfer(CURLM *multi)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(multi, &left))) {
                if (message->msg == CURLMSG_DONE)
                        return message->data.result;
        }
        return CURLE_OUT_OF_MEMORY;
}

/* Drives the request to its end. CURLE_ABORTED_BY_CALLBACK if the time of http_client_stop_at() came first. */
static CURLcode drive_transfer(struct http_client *client)
{
        int running;

        for (;;) {
                if (curl_multi_perform(client->multi, &running) != CURLM_OK)
                        return CURLE_OUT_OF_MEMORY;
                if (running == 0)
                        return result_of_transfer(client->multi);

                int64_t left = atomic_load(&client->stop_at_ms) - monotonic_ms();
                if (left <= 0)
                        return CURLE_ABORTED_BY_CALLBACK;
                curl_multi_poll(client->multi, NULL, 0, left < POLL_MS ? (int)left : POLL_MS, NULL);
        }
}

static CURLcode perform_request(struct http_client *client, const struct http_client_request *request,
                                struct http_client_upload *upload)
{
        struct curl_slist *headers = make_headers(client, request);
        CURLcode code = CURLE_OUT_OF_MEMORY;

        if (!headers)
                return code;
        curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
        http_client_upload_set(client->easy, upload);
        if (curl_multi_add_handle(client->multi, client->easy) == CURLM_OK) {
                code = drive_transfer(client);
                curl_multi_remove_handle(client->multi, client->easy);
        }
        curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(headers);
        return code;
}

static long status_of_failure(CURLcode code)
{
        static const struct {
                CURLcode code;
                long status;
        } special[] = {
                { CURLE_ABORTED_BY_CALLBACK, HTTP_CLIENT_STOPPED },
                { CURLE_PEER_FAILED_VERIFICATION, HTTP_CLIENT_UNTRUSTED },
                { CURLE_SSL_CACERT_BADFILE, HTTP_CLIENT_UNTRUSTED },
                { CURLE_SSL_ISSUER_ERROR, HTTP_CLIENT_UNTRUSTED },
                { CURLE_SSL_CERTPROBLEM, HTTP_CLIENT_UNTRUSTED },
        };

        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
                if (special[i].code == code)
                        return special[i].status;
        }
        return HTTP_CLIENT_UNREACHABLE;
}

void http_client_request(struct http_client *client, const struct http_client_request *request,
                         struct http_client_answer *ret)
{
        struct http_client_upload upload = { .data = request->body, .len = request->body ? request->len : 0 };
        curl_off_t retry_after = 0;
        long status = 0;
        CURLcode code;

        client->len = client->read = 0;
        client->error[0] = '\0';
        check_changed_files(client);
        code = perform_request(client, request, &upload);
        curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        client->fresh = client->fresh && status == 0;
        /* Before 8.12 libcurl gives a negative number for a date that has passed. */
        curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after);

        *ret = (struct http_client_answer){
                .status = code == CURLE_ABORTED_BY_CALLBACK || status < 200 ? status_of_failure(code) : status,
                .sent = upload.whole,
                .resent = upload.resent,
                .retry_after = retry_after > 0 ? retry_after : 0,
                .body = client->body ? client->body : "",
                .len = client->len,
        };
        snprintf(ret->error, sizeof(ret->error), "%s", client->error[0] ? client->error : curl_easy_strerror(code));
}
