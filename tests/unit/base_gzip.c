/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

SUITE(gzip);

#define NOISE 100000

static char *noise(size_t n)
{
        char *bytes = malloc(n + 1);
        unsigned seed = 3;

        for (size_t i = 0; i < n; i++)
                bytes[i] = (char)(rand_r(&seed) >> 5);
        return bytes;
}

Test(gzip, there_and_back)
{
        static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 65536, NOISE };
        char *bytes = noise(NOISE);

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                void *packed, *back;
                size_t packed_len, back_len;

                cr_assert_eq(gzip_pack(bytes, sizes[i], &packed, &packed_len), 0);
                cr_expect_eq(memcmp(packed, "\x1f\x8b", 2), 0);
                /* A bound that is just enough. */
                cr_assert_eq(gzip_unpack(guard_copy(packed, packed_len), packed_len, sizes[i], &back, &back_len), 0);
                cr_expect_eq(back_len, sizes[i]);
                cr_expect_eq(memcmp(back, bytes, sizes[i]), 0);
                free(packed);
                free(back);
        }
        free(bytes);
}

Test(gzip, too_large_by_one)
{
        char *bytes = noise(NOISE);
        void *packed, *back;
        size_t packed_len, back_len;

        cr_assert_eq(gzip_pack(bytes, NOISE, &packed, &packed_len), 0);
        cr_expect_eq(gzip_unpack(packed, packed_len, NOISE - 1, &back, &back_len), -EFBIG);
        cr_expect_eq(gzip_unpack(packed, packed_len, 0, &back, &back_len), -EFBIG);
        free(packed);
        free(bytes);
}

#define BOMB ((size_t)256 << 20)
#define BOMB_BOUND ((size_t)1 << 20)

Test(gzip, bomb)
{
        char *zeros = calloc(1, BOMB);
        void *packed, *back;
        size_t packed_len, back_len;

        cr_assert_neq(zeros, NULL);
        cr_assert_eq(gzip_pack(zeros, BOMB, &packed, &packed_len), 0);
        cr_expect_lt(packed_len, BOMB / 500);
        cr_expect_eq(gzip_unpack(packed, packed_len, BOMB_BOUND, &back, &back_len), -EFBIG);
        free(packed);
        free(zeros);
}

Test(gzip, cut_or_flipped)
{
        static const char text[] = "a text that is long enough to be packed, packed, packed, packed";
        void *packed, *back;
        size_t len, back_len;

        cr_assert_eq(gzip_pack(text, sizeof(text), &packed, &len), 0);
        for (size_t i = 0; i < len; i++) {
                char *cut = guard_copy(packed, i);

                cr_expect_eq(gzip_unpack(cut, i, 1000, &back, &back_len), -EINVAL, "cut at %zu", i);
        }
        size_t accepted = 0;
        for (size_t i = 0; i < len; i++) {
                uint8_t *flipped = (uint8_t *)guard_copy(packed, len);

                flipped[i] ^= 0x10;
                if (gzip_unpack(flipped, len, 1000, &back, &back_len) == 0) {
                        /* Some of the header and the bits that fill the last byte stand for nothing. */
                        cr_expect_str_eq(back, text);
                        free(back);
                        accepted++;
                }
        }
        cr_expect_lt(accepted, 12);
        free(packed);
}

Test(gzip, members_in_a_row)
{
        void *a, *b, *back;
        size_t a_len, b_len, back_len;

        cr_assert_eq(gzip_pack("ab", 2, &a, &a_len), 0);
        cr_assert_eq(gzip_pack("cd", 2, &b, &b_len), 0);
        char *both = malloc(a_len + b_len);
        memcpy(both, a, a_len);
        memcpy(both + a_len, b, b_len);
        cr_assert_eq(gzip_unpack(both, a_len + b_len, 4, &back, &back_len), 0);
        cr_expect_eq(back_len, 4);
        cr_expect_eq(memcmp(back, "abcd", 4), 0);
        cr_expect_eq(gzip_unpack(both, a_len + b_len - 1, 4, &back, &back_len), -EINVAL);
        free(back);
        free(both);
        free(a);
        free(b);
}

Test(gzip, not_gzip)
{
        void *back;
        size_t back_len;

        cr_expect_eq(gzip_unpack("{}", 2, 10, &back, &back_len), -EINVAL);
        cr_expect_eq(gzip_unpack("", 0, 10, &back, &back_len), -EINVAL);
        cr_expect_eq(gzip_unpack("", 0, SIZE_MAX, &back, &back_len), -EFBIG);
}
