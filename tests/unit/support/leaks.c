/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Criterion 2.4.1 prints what LeakSanitizer finds and exits with 0 all the same.
 * Each test's process therefore asks for leaks before it ends, and aborts.
 */
#include "tests/unit/support/suite.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_LSAN 1
#endif
#endif

#ifdef HAVE_LSAN
#include <sanitizer/lsan_interface.h>

void abort_on_leaks(void)
{
        if (__lsan_do_recoverable_leak_check())
                abort();
}
#else
void abort_on_leaks(void)
{
}
#endif
