/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/client/upload.h"

#include <string.h>

static size_t read_upload(char *buffer, size_t size, size_t n, void *ctx)
{
        struct http_client_upload *upload = ctx;
        size_t left = upload->len - upload->at, room = size * n, taken = left < room ? left : room;

        if (taken > 0)
                memcpy(buffer, upload->data + upload->at, taken);
        upload->at += taken;
        upload->whole |= upload->at == upload->len;
        return taken;
}

static int rewind_upload(void *ctx, curl_off_t offset, int origin)
{
        struct http_client_upload *upload = ctx;

        if (origin != SEEK_SET || offset < 0 || (size_t)offset > upload->len)
                return CURL_SEEKFUNC_FAIL;
        upload->resent |= upload->whole;
        upload->at = (size_t)offset;
        return CURL_SEEKFUNC_OK;
}

void http_client_upload_set(CURL *easy, struct http_client_upload *upload)
{
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_upload);
        curl_easy_setopt(easy, CURLOPT_READDATA, upload);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_upload);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, upload);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)upload->len);
        curl_easy_setopt(easy, upload->data ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
}
