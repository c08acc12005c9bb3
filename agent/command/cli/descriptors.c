/* SPDX-License-Identifier: Apache-2.0 */
/* Raises the soft limit of open files. It is low only for programs that use select(2) (systemd 240). */
#include "descriptors.h"

#include <sys/resource.h>

void descriptors_raise(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
}
