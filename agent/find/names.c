/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is called. Its id comes from the kernel, its name only from
 * what its runtime leaves lying about: each runtime's file is one source. Nothing
 * is cached: containers can be renamed, and one file per new process is cheap.
 */
#include "agent/find/internal.h"

/* In this order; the first that knows the container is believed. */
static bool (*const sources[])(const struct find *find, const char *id, struct find_names *ret) = {
        find_docker_names,
};

void find_names_get(const struct find *find, const char *id, struct find_names *ret)
{
        *ret = (struct find_names){ 0 };
        for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
                if (sources[i](find, id, ret))
                        return;
}
