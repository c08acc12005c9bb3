/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/server/token.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(http_server_token);

Test(http_server_token, tokens)
{
        static const struct {
                const char *header;
                bool matches;
        } rows[] = {
                { NULL, false },          { "", false },
                { "Bearer", false },      { "Bearer ", false },
                { "Bearer abc", true },   { "bearer abc", true },
                { "Bearer  abc", false }, { "Bearer ab", false },
                { "Bearer abcd", false }, { "Bearer abcabc", false },
                { "Bearer abd", false },  { "Basic abc", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *header = rows[i].header ? guard_copy(rows[i].header, strlen(rows[i].header) + 1) : NULL;
                cr_expect_eq(http_server_token_matches(guard_copy("abc", 4), header), rows[i].matches, "row %zu", i);
        }
}
