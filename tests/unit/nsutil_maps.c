/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

SUITE(nsutil_maps);

#define GOOD                                                                                        \
        "5602b02e5000-5602b02e7000 r--p 00000000 fe:1f 762645                     /usr/bin/x\n"     \
        "5602b02e7000-5602b02ec000 r-xp 00002000 00:27 18446744073709551615       /a b (deleted)\n" \
        "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"                                        \
        "7ffd00000000-7ffd00021000 rw-s 00000000 00:00 0                          [stack]\n"        \
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"

Test(nsutil_maps, known_answers)
{
        struct nsutil_maps maps;

        cr_assert_eq(nsutil_maps_parse(guard_copy(GOOD, strlen(GOOD)), strlen(GOOD), &maps), 0);
        cr_assert_eq(maps.n, 5);
        cr_expect_eq(maps.maps[0].start, 0x5602b02e5000);
        cr_expect_eq(maps.maps[0].end, 0x5602b02e7000);
        cr_expect_eq(maps.maps[0].prot, PROT_READ);
        cr_expect_eq(maps.maps[0].dev, makedev(0xfe, 0x1f));
        cr_expect_eq(maps.maps[0].inode, 762645);
        cr_expect_not(maps.maps[0].deleted);
        cr_expect_str_eq(maps.maps[0].path, "/usr/bin/x");
        cr_expect_eq(maps.maps[1].prot, PROT_READ | PROT_EXEC);
        cr_expect_eq(maps.maps[1].offset, 0x2000);
        cr_expect_eq(maps.maps[1].inode, UINT64_MAX);
        cr_expect(maps.maps[1].deleted);
        cr_expect_str_eq(maps.maps[1].path, "/a b");
        cr_expect_str_eq(maps.maps[2].path, "");
        cr_expect_eq(maps.maps[2].prot, PROT_READ | PROT_WRITE);
        cr_expect_str_eq(maps.maps[3].path, "[stack]");
        cr_expect_eq(maps.maps[4].end, 0xffffffffff601000);
        free(maps.maps);
}

Test(nsutil_maps, malformed_texts_are_not_consumed)
{
        static const char *const texts[] = {
                "\n",
                "1000-2000 r--p 00000000 00:00 0",
                "2000-1000 r--p 00000000 00:00 0 \n",
                "1000-1000 r--p 00000000 00:00 0 \n",
                "1000-2000 r--p 00000000 00:00\n",
                "1000-2000\n",
                "1000\n",
                "1000-2000 r-p 00000000 00:00 0 \n",
                "g000-2000 r--p 00000000 00:00 0 \n",
                "10000000000000000-2 r--p 00000000 00:00 0 \n",
                "1000-2000 r--p 0 100000000:00 0 \n",
                "2000-3000 r--p 0 00:00 0 \n1000-2000 r--p 0 00:00 0 \n",
                "1000-3000 r--p 0 00:00 0 \n2000-4000 r--p 0 00:00 0 \n",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                struct nsutil_maps maps = { .n = 77 };
                size_t len = strlen(texts[i]);

                cr_expect_eq(nsutil_maps_parse(guard_copy(texts[i], len), len, &maps), NSUTIL_E_MALFORMED, "%s",
                             texts[i]);
                cr_expect_eq(maps.n, 77);
        }
}

Test(nsutil_maps, cut_anywhere)
{
        for (size_t len = 0; len < strlen(GOOD); len++) {
                struct nsutil_maps maps;
                bool whole = len == 0 || GOOD[len - 1] == '\n';

                cr_expect_eq(nsutil_maps_parse(guard_copy(GOOD, len), len, &maps), whole ? 0 : NSUTIL_E_MALFORMED);
                if (whole)
                        free(maps.maps);
        }
}

Test(nsutil_maps, spoiled_anywhere)
{
        srand(2);
        for (int i = 0; i < 3000; i++) {
                char *text = guard_copy(GOOD, strlen(GOOD));
                struct nsutil_maps maps;

                for (int j = 0; j < 2; j++)
                        text[(size_t)rand() % strlen(GOOD)] = (char)rand();
                if (nsutil_maps_parse(text, strlen(GOOD), &maps))
                        continue;
                cr_assert_leq(maps.n, 5u);
                for (size_t k = 0; k < maps.n; k++)
                        cr_assert(maps.maps[k].start < maps.maps[k].end && strlen(maps.maps[k].path) < strlen(GOOD));
                free(maps.maps);
        }
}

Test(nsutil_maps, many_maps_of_our_own)
{
        struct nsutil_maps maps;
        size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 2000, found = 0;
        char *base = mmap(NULL, n * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        cr_assert_neq(base, MAP_FAILED);
        for (size_t i = 0; i < n; i += 2)
                cr_assert_eq(mprotect(base + i * page, page, PROT_READ | PROT_WRITE), 0);
        cr_assert_eq(nsutil_maps_read(getpid(), &maps), 0);
        for (size_t i = 0; i < maps.n; i++)
                if (maps.maps[i].start >= (uintptr_t)base && maps.maps[i].end <= (uintptr_t)base + n * page)
                        found++;
        cr_expect_geq(found, n - 1);
        nsutil_maps_deinit(&maps);
        cr_expect_null(maps.maps);
        nsutil_maps_deinit(&maps);
        cr_expect_eq(nsutil_maps_read(gone_pid(), &maps), NSUTIL_E_GONE);
}
