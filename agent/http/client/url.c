/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of URLs. libcurl would accept such URLs, and fail at every request. They are refused before the first request.
 */
#include "agent/http/client/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static bool is_http(CURLU *parts)
{
        char *scheme = NULL;
        bool http = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

        curl_free(scheme);
        return http;
}

static bool has_part(CURLU *parts, CURLUPart part)
{
        char *text = NULL;
        bool there = curl_url_get(parts, part, &text, 0) == CURLUE_OK;

        curl_free(text);
        return there;
}

/* Port 0 is refused: nobody listens there. */
static bool has_port_0(CURLU *parts)
{
        char *text = NULL;
        bool is_0 = curl_url_get(parts, CURLUPART_PORT, &text, 0) == CURLUE_OK && strtoul(text, NULL, 10) == 0;

        curl_free(text);
        return is_0;
}

const char *http_client_url_check(const char *url, bool path_follows)
{
        CURLU *parts = curl_url();
        CURLUcode r = parts ? curl_url_set(parts, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
        const char *why = NULL;

        if (r == CURLUE_BAD_PORT_NUMBER || (r == CURLUE_OK && has_port_0(parts)))
                why = "its port is no number from 1 to 65535";
        else if (r != CURLUE_OK || !is_http(parts) || !has_part(parts, CURLUPART_HOST))
                why = "not an http:// or https:// URL";
        else if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD))
                why = "the URL has a user or a password in it: they belong into a file";
        else if (has_part(parts, CURLUPART_FRAGMENT) || (path_follows && has_part(parts, CURLUPART_QUERY)))
                why = "the URL has more than a path";
        curl_url_cleanup(parts);
        return why;
}

bool http_client_url_is_proxy(const char *url)
{
        CURLU *parts = curl_url();
        bool valid = parts &&
                     curl_url_set(parts, CURLUPART_URL, url, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME) ==
                             CURLUE_OK &&
                     !has_port_0(parts);

        curl_url_cleanup(parts);
        return valid;
}
