/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/support/guard.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

char *guard_copy(const void *data, size_t len)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t pages = (len + page - 1) / page + 1;
        char *base = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        cr_assert_neq(base, MAP_FAILED);
        char *end = base + (pages - 1) * page;
        cr_assert_eq(mprotect(end, page, PROT_NONE), 0);
        if (len > 0)
                memcpy(end - len, data, len);
        return end - len;
}
